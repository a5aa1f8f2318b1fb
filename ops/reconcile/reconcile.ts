import { randomUUID } from 'node:crypto';
import { healedRows } from '../../adapters/aws/healed-rows.ts';
import { messagesIn } from '../../adapters/aws/queue-depth.ts';
import { envelopeSender } from '../../adapters/aws/sqs.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { byWorker, type Worker, workers } from '../../core/workers.ts';
import { reconcile } from '../../pipeline/reconcile/reconcile.ts';
import type { ReconcileReport } from '../../pipeline/reconcile/report.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change, Report } from '../cli/verb-report.ts';
import { workQueueUrls } from '../deployment/queue-depths.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';

export interface ReconcileOptions {
  /** Unix seconds. */
  from?: number;
  /** Also what may still be on its way. */
  all: boolean;
}

export interface ReconcileResult {
  queued: Record<Worker, number>;
  run_id: string;
}

/**
 * The scheduled comparison, now and in sight, of everything and without its cursor. It looks first; `act` looks again and queues what heals, so that
 * nothing has to be remembered between, however much was found.
 */
export async function planReconcile(
  ops: Ops,
  { from, all }: ReconcileOptions,
): Promise<Change<ReconcileReport, ReconcileResult>> {
  const { outputs } = await ops.stack();
  const urls = workQueueUrls(outputs);
  const run = async (heal: boolean): Promise<ReconcileReport> => {
    const [stripe, database] = await Promise.all([stripeListsFor(ops), ops.database()]);
    const send = envelopeSender(() => ops.aws.sqs);
    try {
      return await reconcile(
        {
          stripe,
          store: reconcileStore(database),
          catalogue: ops.plans(),
          async waiting() {
            const counts = await Promise.all(workers.map((worker) => messagesIn(ops.aws.sqs, urls[worker])));
            return byWorker((worker) => counts[workers.indexOf(worker)]!);
          },
          enqueue: (worker, envelopes) => send(urls[worker], envelopes),
          keepHealed: healedRows(outputs.AuditBucketName, ops.aws.s3),
          source: outputs.StripeEventSourceName,
          runId: `ops-${randomUUID()}`,
          livemode: ops.environment === 'prod',
          now: Math.floor(ops.now().getTime() / 1000),
          sleep: ops.sleep,
          stop: () => false,
        },
        { scope: 'all', heal, beforeUs: true, young: all, ...(from === undefined ? {} : { from }) },
      );
    } finally {
      await database.end();
    }
  };
  ops.say(
    'Comparing with Stripe: one to two minutes for each 100,000 objects in live mode, four to eight in a sandbox.',
  );
  const report = await run(false);
  const { missed_events, drifted_rows, new_rows, unknown_rows, unknown_to_stripe } = report;
  return {
    plan: report,
    steps: [
      ...(missed_events > 0 ? [`Queue ${missed_events} missed events, as the bus would have brought them.`] : []),
      ...(drifted_rows > unknown_rows
        ? [`Have the workers correct ${drifted_rows - unknown_rows} rows from what Stripe says now.`]
        : []),
      ...(unknown_to_stripe.some(({ kind }) => kind === 'subscription')
        ? ['End the subscriptions that Stripe does not know, if they are few.']
        : []),
    ],
    warnings: [
      ...(unknown_to_stripe.some(({ kind }) => kind !== 'subscription')
        ? ['Money that Stripe does not know is only reported: docs/runbooks/drift.md.']
        : []),
      ...(new_rows > 100
        ? [
            `${new_rows} objects are not in our rows at all. \`${ops.lines.verb('backfill')}\` brings them without notifying the apps; this notifies them.`,
          ]
        : []),
      'What is corrected is kept field by field in the audit bucket, under reconcile/.',
    ],
    found: foundIn(report),
    async act(): Promise<Report<ReconcileResult>> {
      const { queued, run_id } = await run(true);
      return { data: { queued, run_id }, found: [] };
    },
  };
}

function foundIn(report: ReconcileReport): string[] {
  const { missed_events, drifted_rows, unreadable_objects, left_out, events_compared, entitled_without_user } = report;
  const behind = workers.filter((worker) => report.windows[worker].to === null);
  return [
    ...(missed_events > 0 ? [`We lack ${missed_events} of the events that Stripe lists.`] : []),
    ...(drifted_rows > 0 ? [`${drifted_rows} of our rows differ from Stripe.`] : []),
    ...(unreadable_objects > 0 ? [`${unreadable_objects} objects cannot be compared.`] : []),
    ...(entitled_without_user > 0
      ? [`${entitled_without_user} subscriptions or purchases entitle somebody, and nobody knows whom.`]
      : []),
    ...(left_out.not_in_ledger > 0 && events_compared === 0
      ? ['All events were left out, since they may still be on their way: nothing can be said yet.']
      : []),
    ...behind.map(
      (worker) =>
        `The ${worker} queue is behind (${report.windows[worker].waiting} messages): its events were left out.`,
    ),
  ];
}
