import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Catalogue, readCatalogue } from '../../core/plans/catalogue.ts';
import { Refusal } from '../cli/refusal.ts';

const file = join(import.meta.dirname, '../../config/plans.yaml');

/** The plans of this checkout. @throws {Refusal} with everything that is wrong with them. */
export function readPlanCatalogue(path = file): Catalogue {
  const fix = 'Correct the file; `npx cdk synth` checks it too.';
  let read: ReturnType<typeof readCatalogue>;
  try {
    read = readCatalogue(parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new Refusal('plans', `config/plans.yaml cannot be read: ${(cause as Error).message}`, fix, { cause });
  }
  if ('catalogue' in read) return read.catalogue;
  throw new Refusal('plans', `config/plans.yaml: ${read.problems.join('; ')}`, fix);
}
