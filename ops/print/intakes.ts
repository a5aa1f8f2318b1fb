import type { Intake } from '../mapping-switch.ts';
import type { RollbackPlan } from '../rollback.ts';
import { duration, moment, type Paint } from './paint.ts';

export const printIntakes = ({ workers }: { workers: Intake[] }, paint: Paint): string =>
  paint.table(
    ['worker', 'state', 'waiting', 'in flight', 'oldest', 'kept until at least'],
    workers.map(({ worker, state, waiting, in_flight, oldest_s, safe_until }) => [
      worker,
      state,
      waiting,
      in_flight,
      duration(oldest_s),
      moment(safe_until),
    ]),
  );

export const printRollback = (plan: RollbackPlan, paint: Paint): string =>
  [
    printIntakes(plan, paint),
    '',
    paint.bold('The way back'),
    ...plan.way_back.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n');
