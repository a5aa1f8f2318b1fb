import { randomUUID } from 'node:crypto';
import { envelopeSender } from '../../adapters/aws/sqs.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { byWorker, type Worker, workers } from '../../core/workers.ts';
import { reconcile } from '../../pipeline/reconcile.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change } from '../cli/report.ts';
import { readPlanCatalogue } from '../deployment/plan-catalogue.ts';
import { workQueueUrls } from '../deployment/queue-depths.ts';

export interface ReconcilePlan {
  events_compared: number;
  missed_events: string[];
  subscriptions_compared: number;
  drifted: { subscription_id: string; fields: string[] }[];
  unreadable: { subscription_id: string; problem: string }[];
}

export interface ReconcileResult {
  queued: Record<Worker, number>;
}

/** The scheduled comparison of Stripe and our rows, now and in sight: the same code, with its findings shown before they are queued. */
export async function planReconcile(ops: Ops): Promise<Change<ReconcilePlan, ReconcileResult>> {
  const [{ outputs }, stripe, database] = await Promise.all([ops.stack(), ops.stripe(), ops.database()]);
  const envelopes = byWorker((): object[] => []);
  let found: Awaited<ReturnType<typeof reconcile>>;
  try {
    found = await reconcile({
      stripe,
      store: planStore(database),
      catalogue: readPlanCatalogue(),
      async enqueue(worker, more) {
        envelopes[worker].push(...more);
      },
      source: outputs.StripeEventSourceName,
      runId: `ops-${randomUUID()}`,
      now: Math.floor(ops.now().getTime() / 1000),
    });
  } finally {
    await database.end();
  }
  const send = envelopeSender(() => ops.aws.sqs);
  const urls = workQueueUrls(outputs);
  const toQueue = workers.filter((worker) => envelopes[worker].length > 0);
  return {
    plan: {
      events_compared: found.eventsCompared,
      missed_events: found.missedEvents,
      subscriptions_compared: found.subscriptionsCompared,
      drifted: found.drifted,
      unreadable: found.unreadable,
    },
    steps: toQueue.map(
      (worker) =>
        `Queue ${envelopes[worker].length} for the ${worker} worker, which asks Stripe or applies the missed event.`,
    ),
    warnings: found.unreadable.map(
      ({ subscription_id, problem }) => `${subscription_id} cannot be compared: ${problem}`,
    ),
    found: [
      ...(found.missedEvents.length > 0
        ? [`We lack ${found.missedEvents.length} of the events that Stripe lists.`]
        : []),
      ...(found.drifted.length > 0 ? [`${found.drifted.length} of our rows differ from Stripe.`] : []),
      ...(found.unreadable.length > 0 ? [`${found.unreadable.length} subscriptions cannot be compared.`] : []),
    ],
    async act() {
      for (const worker of toQueue) await send(urls[worker], envelopes[worker]);
      return {
        data: { queued: byWorker((worker) => envelopes[worker].length) },
        found: [],
      };
    },
  };
}
