import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SQSHandler, SQSRecord } from 'aws-lambda';
import { planPublisher } from '../adapters/aws/app-bus.ts';
import { emitMetrics } from '../adapters/aws/embedded-metrics.ts';
import { dynamoDbIdempotency } from '../adapters/aws/idempotency.ts';
import { secretReader } from '../adapters/aws/secret-reader.ts';
import { sqsAtFirstUse, workQueues } from '../adapters/aws/sqs.ts';
import { traced, traceEvent } from '../adapters/aws/xray.ts';
import { planStore } from '../adapters/postgres/plan-store.ts';
import { isLoginRefused, poolKeeper } from '../adapters/postgres/pool.ts';
import { isKeyRefused, stripeClient, stripeReader } from '../adapters/stripe.ts';
import { catalogueForDatabase } from '../core/plans/catalogue.ts';
import type { Worker } from '../core/workers.ts';
import { processBatch } from '../pipeline/process-batch.ts';
import { type EventProcessor, processEvent, recordParked } from '../pipeline/process-event.ts';
import { headOf, reporter } from '../pipeline/telemetry.ts';
import { catalogue, databaseCa } from './bundled.ts';
import { readEnv, workerEnv } from './env.ts';

/** Connections of one function instance: times the mapping's maximum concurrency, it must stay small for the smallest Supabase pooler. */
const CONNECTIONS = 2;

/** A work queue's handler: real parts plugged into the processor. */
export function workerHandler(worker: Worker): SQSHandler {
  const env = readEnv(workerEnv);
  const logger = new Logger();
  const secrets = secretReader(new SecretsManagerClient(), env.SECRET_ID);
  const pools = poolKeeper(databaseCa, CONNECTIONS);
  const database = async () => pools((await secrets.read()).DATABASE_URL);
  const { idempotently, registerContext } = dynamoDbIdempotency(new DynamoDBClient(), env.IDEMPOTENCY_TABLE, worker);
  const stripe = stripeReader(async () => stripeClient((await secrets.read()).STRIPE_SECRET_KEY, env.STRIPE_API_BASE));
  const askedOfStripe = (ask: (id: string) => Promise<unknown>) =>
    traced('stripe', (id: string) => secrets.freshOn(isKeyRefused, () => ask(id)));
  const publish = traced('app bus', planPublisher(env.APP_BUS_NAME, env.PLAN_EVENT_SOURCE));
  const processor: EventProcessor = {
    worker,
    livemode: env.ENVIRONMENT === 'prod',
    sources: env.STRIPE_EVENT_SOURCE_NAMES.split(','),
    catalogue,
    store: planStore(
      {
        query: traced('postgres', (text: string, values: unknown[]) =>
          secrets.freshOn(isLoginRefused, async () => (await database()).query(text, values)),
        ),
      },
      catalogueForDatabase(catalogue),
    ),
    stripe: { subscription: askedOfStripe(stripe.subscription) },
    ...(env.VERIFY_EVENTS === 'true' && { eventAtStripe: askedOfStripe(stripe.event) }),
    idempotently,
    publish: async (planEvents) => {
      if (planEvents.length > 0) await publish(planEvents);
    },
    now: Date.now,
  };
  const queues = workQueues(sqsAtFirstUse(), {
    work: env.WORK_QUEUE_URL,
    failed: env.FAILED_QUEUE_URL,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? worker,
  });

  return async ({ Records }, context) => {
    registerContext(context);
    logger.addContext(context);
    const batch = reporter(logger, env.ENVIRONMENT, worker, emitMetrics);
    try {
      return await processBatch(
        Records,
        processor,
        (record, applyOne) => traceEvent(annotationsOf(record), () => processEvent(processor, record.body, applyOne)),
        {
          defer: queues.defer,
          async park(record, error) {
            await queues.park(record, await recordParked(processor, record.body, error));
          },
        },
        batch.report,
      );
    } finally {
      batch.publishMetrics();
    }
  };
}

/** What a trace is found by. */
function annotationsOf({ body }: SQSRecord): Record<string, string> {
  const { event_id = 'unreadable', event_type = 'unreadable' } = headOf(body);
  return { event_id, event_type };
}
