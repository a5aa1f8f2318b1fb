import { type Intake, intakeOf, isOn, switchIntake } from './mapping-switch.ts';
import type { Ops } from './ops.ts';
import type { Pausable } from './queues.ts';
import type { Change } from './report.ts';

export interface PausePlan {
  workers: Intake[];
}

/**
 * Stops functions from taking events. Loses nothing: what arrives waits in the function's queue, for as long as the queue keeps it.
 */
export async function planPause(ops: Ops, chosen: readonly Pausable[]): Promise<Change<PausePlan, PausePlan>> {
  const workers = await Promise.all(chosen.map((worker) => intakeOf(ops, worker)));
  const toStop = workers.filter(isOn);
  const soonest = workers.map(({ safe_until }) => safe_until).sort()[0]!;
  return {
    plan: { workers },
    steps: toStop.map(({ worker }) => `Disable the event source mapping of ${worker}; its queue keeps what arrives.`),
    warnings: [
      `Nothing is lost before ${soonest}: that is how long the queues keep what waits.`,
      'While paused, plan states do not follow Stripe; the alarm on the age of the oldest message will ring.',
      'A later `cdk deploy` does not resume: only `npm run ops -- resume` does.',
    ],
    async act() {
      for (const intake of toStop) {
        await switchIntake(ops, intake, false);
        ops.say(`${intake.worker} is paused.`);
      }
      return { data: { workers: await Promise.all(chosen.map((worker) => intakeOf(ops, worker))) }, found: [] };
    },
  };
}
