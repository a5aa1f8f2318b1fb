import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context, Handler } from 'aws-lambda';
import { emitMetrics } from '../../adapters/aws/embedded-metrics.ts';
import { healedRows } from '../../adapters/aws/healed-rows.ts';
import { messagesIn } from '../../adapters/aws/queue-depth.ts';
import { secretReader } from '../../adapters/aws/secret-reader.ts';
import { envelopeSender, sqsAtFirstUse } from '../../adapters/aws/sqs.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { poolKeeper } from '../../adapters/postgres/pool.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { requestShare, requestsPerSecond } from '../../adapters/request-share.ts';
import { isKeyRefused, stripeClient } from '../../adapters/stripe.ts';
import { lookAtStripeEnd } from '../../adapters/stripe-destinations.ts';
import { stripeLists } from '../../adapters/stripe-lists.ts';
import { metricsOfFailedReconcile, metricsOfReconcile, metricsOfStripeEnd } from '../../core/metrics.ts';
import { byWorker, subscriptionWorker, workers } from '../../core/workers.ts';
import { queueDue } from '../../pipeline/clock.ts';
import { reconcile } from '../../pipeline/reconcile/reconcile.ts';
import type { ReconcileReport } from '../../pipeline/reconcile/report.ts';
import { catalogue, databaseCa } from '../bundled.ts';
import { readEnv, readWorkQueueUrls, reconcileEnv } from '../env.ts';

const env = readEnv(reconcileEnv);
const logger = new Logger();
const secrets = secretReader(new SecretsManagerClient(), env.SECRET_ID);
const pools = poolKeeper(databaseCa, 2);
const sqs = sqsAtFirstUse();
const send = envelopeSender(sqs);
const queueUrls = readWorkQueueUrls(env);
const sources = env.SENDING_EVENT_SOURCE_NAMES.split(',');
/** Of what is queued here itself: the workers trust it. */
const source = sources[0]!;
const keepHealed = healedRows(env.AUDIT_BUCKET);

/** Left for what was found last: its second look, the queues, the cursor. */
const TO_END_MS = 120_000;

/** What the five-minute schedule sends; the hourly one sends EventBridge's own event. */
interface ClockTurn {
  task?: 'clock';
}

const connectToStripe = async () => stripeClient((await secrets.read()).STRIPE_SECRET_KEY, env.STRIPE_API_BASE);

/** At one turn: 1.4 million a day, and less than a second of the database's time. */
const LEDGER_ROWS_AT_ONCE = 5000;

/** Every five minutes: does Stripe take our key, and does it send? A shop that sleeps looks the same as a destination that is off. */
async function lookAtStripe(): Promise<void> {
  const end = await lookAtStripeEnd(sources, connectToStripe, (ask) => secrets.freshOn(isKeyRefused, ask));
  if (end.state !== 'sends') logger.warn('Stripe’s end', { ...end });
  emitMetrics(metricsOfStripeEnd(end, env.ENVIRONMENT));
}

/** Every five minutes: whose plan changed by time alone; and what the ledger keeps no longer. */
async function turnClock(runId: string): Promise<void> {
  const { DATABASE_URL } = await secrets.read();
  const store = planStore(pools(DATABASE_URL));
  const due = await queueDue({
    store,
    waiting: async () => messagesIn(await sqs(), queueUrls[subscriptionWorker]),
    enqueue: (worker, envelopes) => send(queueUrls[worker], envelopes),
    source,
    runId,
    livemode: env.ENVIRONMENT === 'prod',
    now: Math.floor(Date.now() / 1000),
  });
  if (due > 0) logger.info('plans due by time', { users: due });
  const trimmed = await store.trimLedger(LEDGER_ROWS_AT_ONCE);
  if (trimmed > 0) logger.info('ledger trimmed', { rows: trimmed });
}

/** On a schedule: finds what Stripe lost, or what differs, and queues it for the workers. A failed run is tried again by Lambda, then kept. */
export const handler: Handler<ClockTurn | null, void> = async (event, context) => {
  logger.addContext(context);
  if (event?.task === 'clock') {
    // First, and for seconds at most: a database that is down takes nothing from what it says.
    if (env.STRIPE_SENDS_HERE !== 'no') await lookAtStripe();
    return turnClock(context.awsRequestId);
  }
  const report = await compare(context).catch((error: { code?: string }) => {
    emitMetrics(metricsOfFailedReconcile(error.code, env.ENVIRONMENT));
    throw error;
  });
  log(report);
  emitMetrics(
    metricsOfReconcile(
      {
        drift: report.drifted_rows,
        missedEvents: report.missed_events,
        entitledWithoutUser: report.entitled_without_user,
        finished: report.finished,
      },
      env.ENVIRONMENT,
    ),
  );
};

async function compare(context: Context): Promise<ReconcileReport> {
  const { DATABASE_URL } = await secrets.read();
  const livemode = env.ENVIRONMENT === 'prod';
  return reconcile(
    {
      stripe: stripeLists(await connectToStripe(), requestShare(requestsPerSecond[livemode ? 'live' : 'test'])),
      store: reconcileStore(pools(DATABASE_URL)),
      catalogue,
      async waiting() {
        const client = await sqs();
        const counts = await Promise.all(workers.map((worker) => messagesIn(client, queueUrls[worker])));
        return byWorker((worker) => counts[workers.indexOf(worker)]!);
      },
      enqueue: (worker, envelopes) => send(queueUrls[worker], envelopes),
      keepHealed,
      source,
      runId: context.awsRequestId,
      livemode,
      now: Math.floor(Date.now() / 1000),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      stop: () => context.getRemainingTimeInMillis() < TO_END_MS,
    },
    { scope: 'scheduled', heal: env.RECONCILE_HEALS === 'true' },
  );
}

/** What was found, one line each up to a handful of each kind, and the run in one line. */
function log({ unreadable, drifted, missed, unknown_to_stripe, without_user, ...numbers }: ReconcileReport): void {
  for (const { kind, id, problem } of unreadable) logger.error('object unreadable', { kind, id, detail: problem });
  for (const { kind, id, fields } of drifted) logger.warn('row drifted', { kind, id, fields });
  for (const { kind, id } of unknown_to_stripe) logger.warn('row unknown to Stripe', { kind, id });
  for (const { id, type } of missed) logger.warn('event missed', { event_id: id, event_type: type });
  for (const nobodys of without_user) logger.warn('entitled without user', { ...nobodys });
  logger.info('reconciled', numbers);
}
