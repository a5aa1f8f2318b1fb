import { type Intake, intakeOf, isOn, switchIntake } from './mapping-switch.ts';
import type { Ops } from './ops.ts';
import type { Pausable } from './queues.ts';
import type { Change } from './report.ts';

export interface ResumePlan {
  workers: Intake[];
}

/** Lets paused functions take events again: first what waited, oldest first as far as SQS keeps order, then what is new. */
export async function planResume(ops: Ops, chosen: readonly Pausable[]): Promise<Change<ResumePlan, ResumePlan>> {
  const workers = await Promise.all(chosen.map((worker) => intakeOf(ops, worker)));
  const toStart = workers.filter((intake) => !isOn(intake));
  const waiting = toStart.reduce((total, intake) => total + intake.waiting, 0);
  return {
    plan: { workers },
    steps: toStart.map(
      ({ worker, waiting }) =>
        `Enable the event source mapping of ${worker}; ${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'} in its queue.`,
    ),
    warnings: waiting === 0 ? [] : ['What waited counts as late: expect the SLO to show it.'],
    async act() {
      for (const intake of toStart) {
        await switchIntake(ops, intake, true);
        ops.say(`${intake.worker} takes events again.`);
      }
      return { data: { workers: await Promise.all(chosen.map((worker) => intakeOf(ops, worker))) }, found: [] };
    },
  };
}
