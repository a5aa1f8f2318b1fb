import { readPlans } from '../../lib/config-files.ts';

const problems: string[] = [];
const plans = readPlans(problems);
if (!plans) throw new Error(problems.join('\n'));

/** The plans of this checkout, as the functions have them bundled. */
export const catalogue = plans;
