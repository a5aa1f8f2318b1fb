import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../settings.ts';

/** CloudWatch refuses a longer description at deploy. */
const longest = 1024;

const folder = join(import.meta.dirname, '../../docs/runbooks');

/**
 * What an alarm says: what happened, what customers notice, and what to do.
 *
 * With `runbookBaseUrl` a link that opens from a phone. Without one a link would lead nowhere, so the first steps of the page stand here
 * themselves, as many as CloudWatch takes.
 */
export function alarmText(settings: Settings, runbook: string, happened: string, customers: string): string {
  const what = `${happened} For customers: ${customers}`;
  if (settings.runbookBaseUrl) return `${what} What to do: ${runbookPlace(settings, runbook)}`;
  let text = `${what} What to do (${runbookPlace(settings, runbook)} has all of it):`;
  for (const [index, step] of firstSteps(runbook, settings).entries()) {
    const longer = `${text}\n${index + 1}. ${step}`;
    if (longer.length > longest) break;
    text = longer;
  }
  return text;
}

/** Where a person finds a runbook: a link that opens, or the file's place. */
export const runbookPlace = ({ runbookBaseUrl }: Pick<Settings, 'runbookBaseUrl'>, runbook: string): string =>
  runbookBaseUrl ? `${runbookBaseUrl}/${runbook}.md` : `the repository's docs/runbooks/${runbook}.md`;

/** The steps of a runbook's "Look", in this deployment's names. @throws {Error} when it has none, naming the page. */
export function firstSteps(runbook: string, settings: Pick<Settings, 'appName' | 'environment'>): string[] {
  const page = readFileSync(join(folder, `${runbook}.md`), 'utf8');
  const look = /^## Look$\n([\s\S]*?)(?=^## )/m.exec(page)?.[1] ?? '';
  const steps = [...look.matchAll(/^\d+\. (.*)$/gm)].map(([, step]) => withoutMarkdown(step!));
  if (steps.length === 0) throw new Error(`docs/runbooks/${runbook}.md has no numbered step under "## Look".`);
  return steps.map((step) => inNamesOf(step, settings));
}

/** Runbooks are written for the app `huntaze` in `prod`, so that each command can be copied; this is the same for another deployment. */
export const inNamesOf = (text: string, { appName, environment }: Pick<Settings, 'appName' | 'environment'>): string =>
  text
    .replaceAll('--env prod', `--env ${environment}`)
    .replaceAll('environment=prod', `environment=${environment}`)
    .replaceAll(/\bhuntaze([-/]stripe[-/\w]*?)([-/])prod\b/g, `${appName}$1$2${environment}`)
    .replaceAll(/\bhuntaze([-/]stripe)/g, `${appName}$1`);

const withoutMarkdown = (text: string) => text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('**', '');
