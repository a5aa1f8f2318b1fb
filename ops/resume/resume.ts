import type { QueueFed } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change } from '../cli/verb-report.ts';
import { type Consumer, consumerOf, isOn, switchConsumer } from '../deployment/consumer.ts';

export interface ResumePlan {
  workers: Consumer[];
}

/** Lets paused functions take events again: first what waited, oldest first as far as SQS keeps order, then what is new. */
export async function planResume(ops: Ops, chosen: readonly QueueFed[]): Promise<Change<ResumePlan, ResumePlan>> {
  const workers = await Promise.all(chosen.map((worker) => consumerOf(ops, worker)));
  const toStart = workers.filter((consumer) => !isOn(consumer));
  const waiting = toStart.reduce((total, consumer) => total + consumer.waiting, 0);
  return {
    plan: { workers },
    steps: toStart.map(
      ({ worker, waiting }) =>
        `Enable the event source mapping of ${worker}; ${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'} in its queue.`,
    ),
    warnings: waiting === 0 ? [] : ['What waited counts as late: expect the SLO to show it.'],
    async act() {
      for (const consumer of toStart) {
        await switchConsumer(ops, consumer, true);
        ops.say(`${consumer.worker} takes events again.`);
      }
      return { data: { workers: await Promise.all(chosen.map((worker) => consumerOf(ops, worker))) }, found: [] };
    },
  };
}
