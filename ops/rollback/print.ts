import type { Formatting } from '../cli/formatting.ts';
import { printConsumers } from '../deployment/print-consumers.ts';
import type { RollbackPlan } from './rollback.ts';

export const printRollback = (plan: RollbackPlan, format: Formatting): string =>
  [
    printConsumers(plan, format),
    '',
    format.bold('The way back'),
    ...plan.way_back.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n');
