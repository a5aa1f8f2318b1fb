import type { Catalogue } from '../../core/plans/catalogue.ts';
import { configFolder, readPlans } from '../../lib/config-files.ts';
import { Refusal } from '../cli/refusal.ts';

/** The plans of a checkout. @throws {Refusal} with everything that is wrong with them. */
export function readPlanCatalogue(folder = configFolder): Catalogue {
  const problems: string[] = [];
  const plans = readPlans(problems, folder);
  if (plans) return plans;
  throw new Refusal('plans', problems.join('\n'), 'Correct config/plans.yaml; each synth checks it too.');
}
