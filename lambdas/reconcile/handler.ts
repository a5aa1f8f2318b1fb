import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Handler } from 'aws-lambda';
import { emitMetrics } from '../../adapters/aws/embedded-metrics.ts';
import { secretReader } from '../../adapters/aws/secrets.ts';
import { envelopeSender, sqsAtFirstUse } from '../../adapters/aws/sqs.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { poolKeeper } from '../../adapters/postgres/pool.ts';
import { stripeClient } from '../../adapters/stripe.ts';
import { metricsOfReconcile } from '../../core/metrics.ts';
import { reconcile } from '../../pipeline/reconcile.ts';
import { catalogue, databaseCa } from '../bundled.ts';
import { readEnv, readWorkQueueUrls, reconcileEnv } from '../env.ts';

const env = readEnv(reconcileEnv);
const logger = new Logger();
const secrets = secretReader(new SecretsManagerClient(), env.SECRET_ID);
const pools = poolKeeper(databaseCa, 1);
const send = envelopeSender(sqsAtFirstUse());
const queueUrls = readWorkQueueUrls(env);

/** On a schedule: finds what Stripe lost, or what differs, and queues it for the workers. A failed run is tried again by Lambda, then kept. */
export const handler: Handler<unknown, void> = async (_event, context) => {
  logger.addContext(context);
  const { DATABASE_URL, STRIPE_SECRET_KEY } = await secrets.read();
  const report = await reconcile({
    stripe: await stripeClient(STRIPE_SECRET_KEY, env.STRIPE_API_BASE),
    store: planStore(pools(DATABASE_URL)),
    catalogue,
    enqueue: (worker, envelopes) => send(queueUrls[worker], envelopes),
    source: env.STRIPE_EVENT_SOURCE_NAME,
    runId: context.awsRequestId,
    now: Math.floor(Date.now() / 1000),
  });
  for (const { subscription_id, problem } of report.unreadable)
    logger.error('subscription unreadable', { subscription_id, detail: problem });
  for (const { subscription_id, fields } of report.drifted)
    logger.warn('subscription drifted', { subscription_id, fields });
  for (const event_id of report.missedEvents) logger.warn('event missed', { event_id });
  logger.info('reconciled', {
    events_compared: report.eventsCompared,
    missed_events: report.missedEvents.length,
    subscriptions_compared: report.subscriptionsCompared,
    drifted: report.drifted.length,
    unreadable: report.unreadable.length,
  });
  emitMetrics(
    metricsOfReconcile({ drift: report.drifted.length, missedEvents: report.missedEvents.length }, env.ENVIRONMENT),
  );
};
