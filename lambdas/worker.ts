import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSHandler, SQSRecord } from 'aws-lambda';
import { planPublisher } from '../adapters/app-bus.ts';
import { emitMetrics } from '../adapters/metrics.ts';
import { onceByDynamoDb } from '../adapters/once.ts';
import { planStore } from '../adapters/plan-store.ts';
import { poolKeeper } from '../adapters/postgres.ts';
import { workQueues } from '../adapters/queues.ts';
import { secretReader } from '../adapters/secrets.ts';
import { stripeClient, stripeReader } from '../adapters/stripe.ts';
import type { Worker } from '../core/event-routes.ts';
import { type Measurement, metricsOf, metricsOfDeferral } from '../core/metrics.ts';
import { type Report, settleBatch } from './batch.ts';
import { catalogue, databaseCa } from './bundled.ts';
import { readEnv, type WorkerEnv } from './env.ts';
import { type EventDoor, noteParked, settle } from './event-door.ts';

/** Connections of one function instance: times the mapping's maximum concurrency, it must stay small for the smallest Supabase pooler. */
const CONNECTIONS = 2;

/** A work queue's handler: real parts plugged into the door. */
export function workerHandler(worker: Worker): SQSHandler {
  const env = readEnv<WorkerEnv>([
    'ENVIRONMENT',
    'STRIPE_EVENT_SOURCE_NAME',
    'SECRET_ID',
    'IDEMPOTENCY_TABLE',
    'APP_BUS_NAME',
    'WORK_QUEUE_URL',
    'FAILED_QUEUE_URL',
  ]);
  const logger = new Logger();
  const secrets = secretReader(new SecretsManagerClient(), env.SECRET_ID);
  const pools = poolKeeper(databaseCa, CONNECTIONS);
  const database = async () => pools((await secrets()).DATABASE_URL);
  const { once, registerContext } = onceByDynamoDb(new DynamoDBClient(), env.IDEMPOTENCY_TABLE, worker);
  const door: EventDoor = {
    worker,
    livemode: env.ENVIRONMENT === 'prod',
    source: env.STRIPE_EVENT_SOURCE_NAME,
    catalogue,
    store: planStore({
      query: async (...query: unknown[]) => (await database()).query(...(query as [string, unknown[]])),
    } as never),
    stripe: stripeReader(async () => stripeClient((await secrets()).STRIPE_SECRET_KEY, process.env.STRIPE_API_BASE)),
    once,
    publish: planPublisher(new EventBridgeClient(), env.APP_BUS_NAME, appBusSource()),
    now: Date.now,
  };
  const queues = workQueues(new SQSClient(), {
    work: env.WORK_QUEUE_URL,
    failed: env.FAILED_QUEUE_URL,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? worker,
  });

  return async ({ Records }, context) => {
    registerContext(context);
    logger.addContext(context);
    const batch = reporter(logger, env.ENVIRONMENT, worker);
    try {
      return await settleBatch(
        Records,
        (record) => settle(door, record.body),
        {
          defer: queues.defer,
          async park(record, error) {
            await noteParked(door, record.body, error.code);
            await queues.park(record, error);
          },
        },
        batch.report,
      );
    } finally {
      batch.publishMetrics();
    }
  };
}

/** `{app}/stripe` as a metrics namespace is `{app}.stripe` as a source on the app bus. */
const appBusSource = () => (process.env.POWERTOOLS_METRICS_NAMESPACE ?? 'stripe').replaceAll('/', '.');

/** One JSON line for each message, and the batch's metrics. Ids, words and durations only: no payload, no text of Stripe's. */
function reporter(logger: Logger, environment: string, worker: Worker): { report: Report; publishMetrics(): void } {
  const measurements: Measurement[] = [];
  const told = (record: SQSRecord) => ({
    sqs_message_id: record.messageId,
    attempt: Number(record.attributes.ApproximateReceiveCount),
  });
  const report: Report = {
    settled(record, settled) {
      const {
        arrivalToCommitMs,
        databaseMs: _same,
        unknownPrice,
        unexpectedApiVersion,
        payment: _money,
        planEvents,
        type,
        worker: _worker,
        ...rest
      } = settled;
      measurements.push(...metricsOf({ ...settled, redriven: isRedriven(record) }, environment));
      logger.info('event settled', {
        ...rest,
        event_type: type,
        plan_events: planEvents.length,
        ...(arrivalToCommitMs === undefined ? {} : { arrival_to_commit_ms: arrivalToCommitMs }),
        ...(unknownPrice ? { unknown_price: true } : {}),
        ...(unexpectedApiVersion ? { unexpected_api_version: true } : {}),
        ...told(record),
      });
    },
    parked(record, error) {
      const known = headOf(record.body);
      measurements.push(
        ...metricsOf(
          {
            worker,
            type: known.event_type ?? 'unreadable',
            outcome: 'parked',
            origin: known.origin,
            redriven: isRedriven(record),
            unknownPrice: false,
            unexpectedApiVersion: false,
            planEvents: [],
          },
          environment,
        ),
      );
      logger.error('event settled', {
        ...known,
        outcome: 'parked',
        reason: error.code,
        detail: error.message,
        ...told(record),
        ...stackOf(error),
      });
    },
    deferred(record, error, retryInSeconds) {
      const known = headOf(record.body);
      measurements.push(
        ...metricsOfDeferral(
          { origin: known.origin, code: error.code, queuedForMs: Date.now() - Number(record.attributes.SentTimestamp) },
          environment,
        ),
      );
      logger.warn('event deferred', {
        ...known,
        code: error.code,
        detail: error.message,
        retry_in_s: retryInSeconds,
        ...told(record),
      });
    },
  };
  return {
    report,
    publishMetrics() {
      emitMetrics(measurements);
    },
  };
}

const isRedriven = (record: SQSRecord): boolean => record.messageAttributes?.reason !== undefined;

/** Where in our code a bug is; other errors say enough by their message. */
function stackOf({ code, cause }: { code: string; cause?: unknown }): object {
  return code === 'handler_bug' && cause instanceof Error ? { stack: cause.stack } : {};
}

/** As much as an unreadable or deferred message says of itself. */
function headOf(body: string): {
  event_id?: string;
  event_type?: string;
  replay_name: string | null;
  origin: 'webhook' | 'replay' | 'reconcile';
} {
  try {
    const envelope = JSON.parse(body) as {
      detail?: { id?: unknown; type?: unknown };
      'replay-name'?: unknown;
      origin?: unknown;
    };
    const word = (value: unknown) => (typeof value === 'string' && /^[\w.-]{1,120}$/.test(value) ? value : undefined);
    const eventId = word(envelope.detail?.id);
    const eventType = word(envelope.detail?.type);
    const replayName = word(envelope['replay-name']) ?? null;
    return {
      ...(eventId ? { event_id: eventId } : {}),
      ...(eventType ? { event_type: eventType } : {}),
      replay_name: replayName,
      origin: envelope.origin === 'reconcile' ? 'reconcile' : replayName ? 'replay' : 'webhook',
    };
  } catch {
    return { replay_name: null, origin: 'webhook' };
  }
}
