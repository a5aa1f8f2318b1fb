import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { type DeferredLine, logLines, type SettledLine } from '../core/log-lines.ts';
import { type Measurement, metricsOf, metricsOfDeferral } from '../core/metrics.ts';
import { type Origin, originOf } from '../core/origin.ts';
import { plainWord, wordOrLength } from '../core/shown.ts';
import type { Worker } from '../core/workers.ts';
import type { BatchReport } from './process-batch.ts';

/** One JSON line for each message ({@link logLines}), and the batch's metrics. */
export function reporter(
  logger: Logger,
  environment: string,
  worker: Worker,
  emitMetrics: (measurements: readonly Measurement[]) => void,
): { report: BatchReport; publishMetrics(): void } {
  const measurements: Measurement[] = [];
  const attempt = (record: SQSRecord) => ({
    sqs_message_id: record.messageId,
    attempt: Number(record.attributes.ApproximateReceiveCount),
  });
  const report: BatchReport = {
    settled(record, settled) {
      measurements.push(...metricsOf({ ...settled, redriven: isRedriven(record) }, environment));
      const line: SettledLine = {
        event_id: wordOrLength(settled.event_id),
        event_type: settled.type,
        created: settled.created,
        customer_id: settled.customer_id && wordOrLength(settled.customer_id),
        subscription_id: settled.subscription_id && wordOrLength(settled.subscription_id),
        origin: settled.origin,
        replay_name: settled.replay_name,
        outcome: settled.outcome,
        reason: settled.reason,
        plan_events: settled.planEvents.length,
        total_ms: settled.totalMs,
        database_ms: settled.databaseMs ?? 0,
        fetch_ms: settled.fetchMs,
        publish_ms: settled.publishMs,
        ...(settled.arrivalToCommitMs !== undefined && { arrival_to_commit_ms: settled.arrivalToCommitMs }),
        ...(settled.unknownPrice && { unknown_price: true }),
        ...(settled.unexpectedApiVersion && { unexpected_api_version: true }),
        ...attempt(record),
      };
      logger.info(logLines.settled, { ...line });
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
      const line: SettledLine = {
        ...known,
        outcome: 'parked',
        reason: error.code,
        detail: error.message,
        ...attempt(record),
        ...stackOf(error),
      };
      logger.error(logLines.settled, { ...line });
    },
    deferred(record, error, retryInSeconds) {
      const known = headOf(record.body);
      measurements.push(
        ...metricsOfDeferral(
          { origin: known.origin, code: error.code, queuedForMs: Date.now() - Number(record.attributes.SentTimestamp) },
          environment,
        ),
      );
      const line: DeferredLine = {
        ...known,
        code: error.code,
        detail: error.message,
        retry_in_s: retryInSeconds,
        ...attempt(record),
      };
      logger.warn(logLines.deferred, { ...line });
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
function stackOf({ code, cause }: { code: string; cause?: unknown }): { stack?: string } {
  return code === 'handler_bug' && cause instanceof Error && cause.stack !== undefined ? { stack: cause.stack } : {};
}

/** As much as an unreadable or deferred message says of itself. */
export function headOf(body: string): {
  event_id?: string;
  event_type?: string;
  replay_name: string | null;
  origin: Origin;
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
      origin: originOf(envelope),
    };
  } catch {
    return { replay_name: null, origin: 'webhook' };
  }
}
