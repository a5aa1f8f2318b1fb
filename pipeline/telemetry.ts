import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { emitMetrics } from '../adapters/aws/embedded-metrics.ts';
import type { Worker } from '../core/event-routes.ts';
import { type Measurement, metricsOf, metricsOfDeferral } from '../core/metrics.ts';
import { plainWord } from '../core/shown.ts';
import type { Report } from './process-batch.ts';

/** One JSON line for each message, and the batch's metrics. Ids, words and durations only: no payload, no text of Stripe's. */
export function reporter(
  logger: Logger,
  environment: string,
  worker: Worker,
): { report: Report; publishMetrics(): void } {
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
export function headOf(body: string): {
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
    const eventId = plainWord(envelope.detail?.id);
    const eventType = plainWord(envelope.detail?.type);
    const replayName = plainWord(envelope['replay-name']) ?? null;
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
