import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf, type RunbookLine, runbookLines } from '../ops/runbook-lines.ts';
import { type Deployment, root } from './deployment.ts';
import { inNamesOfTheTest } from './runbook-commands.ts';
import type { Step } from './story.ts';

/** Lines that are typed elsewhere than in a shell, or begin a program: what a person types there, this test types too. */
export const isCommand = (text: string): boolean => /^(?:npx cdk|npm|aws|git) /.test(text);

/** What a line begins with, and why it is not run here; the first that fits. Everything else of a page is run. */
export const notRunHere: readonly (readonly [begins: string, why: string])[] = [
  ['aws cloudformation continue-update-rollback', 'refused by AWS and emulator alike unless an update has failed'],
  ['aws configure', 'reads the profile on the machine'],
  ['npm start', 'a step of CI of its own'],
  ['npm run prove', 'a test of its own'],
  ['npm run attack', 'a test of its own'],
  ['npm run test:', 'this test, or one of its own'],
  ['npm run check', 'a step of CI of its own'],
  ['npm test', 'a step of CI of its own'],
  ['npm ci', 'CI begins with it'],
  ['npm run gameday', 'a test of its own'],
  ['git revert', 'of this repository'],
];

export const whyNotRun = (text: string): string | undefined =>
  notRunHere.find(([begins]) => text.startsWith(begins))?.[1];

/** Typed in their order, each after what it needs, by `cut-over.ts` and `restore.ts`. */
const inOrder = ['api-version-upgrade.md', 'restore-prod.md'];

/** Typed by `prod.ts` and `take-away.ts`, on whatever page they stand: they want a prod, damage, or a deployment that nobody needs any more. */
const afterwards = [
  'npm run ops -- destination create --env prod',
  'npx cdk bootstrap',
  'npx cdk deploy -c environment=prod -c adoptEventBus=true',
  'aws kms',
  'aws secretsmanager update-secret-version-stage',
  'npm run ops -- destination delete --env dev',
  'npx cdk destroy',
];

/** Typed by `drift.ts` after the damage that they are for; an orphan alone would leave the stack without it. */
export const undoesDamage = (text: string): boolean => /^npx cdk (?:drift|orphan)|--revert-drift/.test(text);

/** Every command line of the runbooks and of the pages about deploying, recipes left out; a comment behind it is no part of it. */
export const commandLines = (): RunbookLine[] =>
  [...runbookLines(), ...linesOf('README.md', root), ...linesOf('docs/deploy.md', root)]
    .filter(({ text, recipe }) => !recipe && isCommand(text))
    .map((line) => ({ ...line, text: line.text.replace(/\s+#.*$/, '') }));

/** Those that are run by themselves: each text once, with where it stands first. */
export function commandsOfPages(): RunbookLine[] {
  const lines = commandLines().filter(
    ({ text, page }) =>
      !inOrder.includes(page) &&
      !afterwards.some((begins) => text.startsWith(begins)) &&
      !undoesDamage(text) &&
      whyNotRun(text) === undefined,
  );
  return lines.filter(({ text }, index) => lines.findIndex((line) => line.text === text) === index);
}

const typedTexts = new Set<string>();

/** What no part of this run has typed, though nothing says why. */
export const untyped = (): RunbookLine[] =>
  commandLines().filter(({ text }) => whyNotRun(text) === undefined && !typedTexts.has(text));

/** What a reader puts in for a placeholder. @throws {Error} for one that nobody has filled yet. */
export function filled(text: string, outputs: Readonly<Record<string, string>>): string {
  const now = new Date();
  const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();
  const values: [RegExp, string][] = [
    [/--from (<[^>]*>|…|2026-11-20T08:00:00Z)/, `--from ${ago(30)}`],
    [/--to (<[^>]*>|…|2026-11-20T14:00:00Z)/, `--to ${ago(0)} --allow-recent`],
    [/--start-time <time>/, `--start-time ${ago(60)}`],
    [/--end-time <time>/, `--end-time ${ago(0)}`],
    [/<AuditBucketName>|<audit bucket>/, outputs.AuditBucketName ?? ''],
    [/<stripeEventSourceName>/, outputs.StripeEventSourceName ?? ''],
    [/<yyyy>\/<mm>\/<dd>\/<hh>/, now.toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/')],
    [/<other function>/, outputs.BillingFunctionName ?? ''],
    [/<reason>/, 'unreadable_event'],
    // Nobody repairs anything meanwhile: one look, and not twenty minutes.
    [/ops -- watch --env \w+/, '$& --minutes 0'],
    [/<id>/, '11111111-1111-4111-8111-111111111111'],
    [/evt_…/, 'evt_created'],
    [/cus_…/, 'cus_1'],
    [/sub_…/, 'sub_1'],
  ];
  const text_ = values.reduce((line, [placeholder, value]) => line.replace(placeholder, value), text);
  assert.doesNotMatch(text_, /[<>…]/, `nobody says here what stands for the placeholder in: ${text}`);
  return text_;
}

/**
 * Types every command line of every runbook into a shell, as it stands on the page but for names and placeholders.
 *
 * A verb may find something (exit code 1) or have nothing to do; what it must not do is to be refused.
 */
export async function typePages(deployment: Deployment, outputs: Record<string, string>, step: Step): Promise<void> {
  const failed: string[] = [];
  const ran: string[] = [];
  for (const { where, text } of commandsOfPages())
    await step(`${where}: ${text}`, async () => {
      typedTexts.add(text);
      const line = filled(inNamesOfTheTest(text), outputs);
      const { code, output } = await deployment.typed(line);
      ran.push(`${where}: ${line} → ${code}`);
      // `aws s3 ls` says 1 where nothing lies.
      const found = /^(npm run ops|aws s3 ls) /.test(line) ? [0, 1] : [0];
      if (!found.includes(code)) failed.push(`${where}: ${line}\nended with ${code}:\n${output}`);
    });
  // Some page leaves the workers paused.
  await deployment.typed(inNamesOfTheTest('npm run ops -- resume --env prod --apply'));
  writeFileSync(join(deployment.folder, 'typed.txt'), ran.join('\n'));
  assert.equal(failed.length, 0, failed.join('\n\n'));
}

interface TypistOptions {
  /** Of the shell, besides the deployment's. */
  variables?: Readonly<Record<string, string>>;
  /** What the page's names are here. @default those of the deployment that the test makes */
  named?: (text: string) => string;
}

export type Typist = ReturnType<typeof typist>;

/** Types the lines of one page, each after what it needs; `left` is what was not typed yet. */
export function typist(
  deployment: Deployment,
  page: string,
  replaced: () => Readonly<Record<string, string>>,
  { variables = {}, named = inNamesOfTheTest }: TypistOptions = {},
) {
  const lines = commandLines().filter((line) => line.page === page && whyNotRun(line.text) === undefined);
  const left = new Set(lines.map(({ text }) => text));
  return {
    left,
    /** @throws {Error} when the page has no such line, when it ends otherwise, or does not say so. */
    async type(text: string, codes: readonly number[] = [0], says?: RegExp): Promise<string> {
      assert.ok(
        lines.some((line) => line.text === text),
        `${page} has no line: ${text}`,
      );
      left.delete(text);
      typedTexts.add(text);
      const line = filled(
        Object.entries(replaced()).reduce((words, [name, value]) => words.replaceAll(name, value), named(text)),
        {},
      );
      const { code, output } = await deployment.typed(line, variables);
      assert.ok(codes.includes(code), `${line} ended with ${code}, wanted ${codes.join(' or ')}:\n${output}`);
      if (says) assert.match(output, says, `${line} did not say ${says}:\n${output}`);
      return output;
    },
  };
}
