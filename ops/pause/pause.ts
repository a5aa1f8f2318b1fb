import type { QueueFed } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change } from '../cli/verb-report.ts';
import { type Consumer, consumerOf, isOn, switchConsumer } from '../deployment/consumer.ts';

export interface PausePlan {
  workers: Consumer[];
}

/**
 * Stops functions from taking events. Loses nothing: what arrives waits in the function's queue, for as long as the queue keeps it.
 */
export async function planPause(ops: Ops, chosen: readonly QueueFed[]): Promise<Change<PausePlan, PausePlan>> {
  const workers = await Promise.all(chosen.map((worker) => consumerOf(ops, worker)));
  const toStop = workers.filter(isOn);
  const soonest = workers.map(({ safe_until }) => safe_until).sort()[0]!;
  return {
    plan: { workers },
    steps: toStop.map(({ worker }) => `Disable the event source mapping of ${worker}; its queue keeps what arrives.`),
    warnings: [
      `Nothing is lost before ${soonest}: that is how long the queues keep what waits.`,
      'While paused, plan states do not follow Stripe; the alarm on the age of the oldest message will ring.',
      `A later \`cdk deploy\` does not resume: only \`${ops.lines.verb('resume')}\` does.`,
    ],
    async act() {
      for (const consumer of toStop) {
        await switchConsumer(ops, consumer, false);
        ops.say(`${consumer.worker} is paused.`);
      }
      return { data: { workers: await Promise.all(chosen.map((worker) => consumerOf(ops, worker))) }, found: [] };
    },
  };
}
