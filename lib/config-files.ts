import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { type Catalogue, readCatalogue } from '../core/plans/catalogue.ts';
import { readPlanEventRegistry } from '../core/plans/plan-event-registry.ts';

/** What a product owner or DevOps edits. */
export const configFolder = join(import.meta.dirname, '../config');

/**
 * The plan catalogue, `plans.yaml`, read here for everybody: the stack bundles it, verbs and tests read events with it.
 *
 * What is wrong with it goes to `problems`, naming the entry and what would correct it.
 */
export function readPlans(problems: string[], folder = configFolder): Catalogue | undefined {
  const document = readYaml(folder, 'plans.yaml', 'config/plans.yaml', problems);
  if (document === undefined) return undefined;
  const read = readCatalogue(document.contents);
  if ('catalogue' in read) return read.catalogue;
  problems.push(...read.problems.map((problem) => `config/plans.yaml, ${problem}.`));
  return undefined;
}

/** Refuses a `plan-events.yaml` that is no JSON Schema of an event: every written plan event is checked against it. */
export function checkPlanEvents(problems: string[], folder = configFolder): void {
  const document = readYaml(folder, 'plan-events.yaml', 'config/plan-events.yaml', problems);
  if (document === undefined) return;
  const read = readPlanEventRegistry(document.contents);
  if ('problems' in read) problems.push(...read.problems.map((problem) => `config/plan-events.yaml, ${problem}.`));
}

/** A YAML file of `folder`, called `name` in `problems`. */
export function readYaml(
  folder: string,
  file: string,
  name: string,
  problems: string[],
): { contents: unknown } | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, file), 'utf8');
  } catch (cause) {
    problems.push(`${name} cannot be read (${(cause as NodeJS.ErrnoException).code}): restore it from the repository.`);
    return undefined;
  }
  const document = parseDocument(text);
  // Only the first: what follows a broken line is mostly a consequence of it.
  const [error] = document.errors;
  if (error) {
    problems.push(`${name} is not YAML: ${error.message.split('\n')[0]?.replace(/:$/, '')}; correct that line.`);
    return undefined;
  }
  return { contents: document.toJS() };
}
