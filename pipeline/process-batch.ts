import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { PipelineError } from '../core/errors.ts';
import { type Apply, type ApplyParts, Gathering } from './apply-together.ts';
import type { SettledMessage } from './process-event.ts';

/** What can be done with a message besides settling it. */
export interface Queues {
  /** Hides a message from the work queue for `seconds`. */
  defer(record: SQSRecord, seconds: number): Promise<void>;
  /** Sends a copy to the failed queue with the reason in its attributes. */
  park(record: SQSRecord, error: PipelineError): Promise<void>;
}

export interface BatchReport {
  settled(record: SQSRecord, settled: SettledMessage): void;
  parked(record: SQSRecord, error: PipelineError): void;
  deferred(record: SQSRecord, error: PipelineError, retryInSeconds: number): void;
}

/** The longest pause between two attempts: a database that is back is noticed within a quarter of an hour. */
const LONGEST_PAUSE_SECONDS = 900;

/**
 * Settles every message of a batch: applied together in one call, each with an end of its own: one that fails takes no other with it.
 *
 * Later errors go back to the queue with a growing visibility timeout, never errors to the failed queue with their reason. An error that
 * is not a {@link PipelineError} is a bug of ours: no retry helps, so it is parked as `handler_bug` until a redrive after the fix.
 */
export async function processBatch(
  records: readonly SQSRecord[],
  parts: ApplyParts,
  settle: (record: SQSRecord, applyOne: Apply) => Promise<SettledMessage>,
  queues: Queues,
  report: BatchReport,
): Promise<SQSBatchResponse> {
  const gathering = new Gathering(parts, records.length);
  const failed = await Promise.all(
    records.map(async (record) => {
      let came = false;
      const applyOne: Apply = (application) => {
        came = true;
        return gathering.apply(application);
      };
      try {
        const settled = await settle(record, applyOne);
        if (!came) gathering.leave();
        report.settled(record, settled);
        return [];
      } catch (error) {
        if (!came) gathering.leave();
        return giveBack(record, asPipelineError(error), queues, report);
      }
    }),
  );
  return { batchItemFailures: failed.flat() };
}

async function giveBack(
  record: SQSRecord,
  error: PipelineError,
  queues: Queues,
  report: BatchReport,
): Promise<{ itemIdentifier: string }[]> {
  let deferral = error;
  if (error.retry === 'never') {
    try {
      await queues.park(record, error);
      report.parked(record, error);
      return [];
    } catch (cause) {
      deferral = asLater(cause);
    }
  }
  const pause = pauseBefore(Number(record.attributes.ApproximateReceiveCount));
  try {
    await queues.defer(record, pause);
    report.deferred(record, deferral, pause);
  } catch {
    // It comes back all the same, after the queue's own visibility timeout.
    report.deferred(record, deferral, 0);
  }
  return [{ itemIdentifier: record.messageId }];
}

/** 2, 4, 8 … seconds, at most a quarter of an hour, and up to a quarter less so that a crowd does not come back at once. */
export function pauseBefore(attempt: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_PAUSE_SECONDS, 2 ** Math.min(attempt, 10));
  return Math.max(1, Math.round(longest * (1 - random() / 4)));
}

function asPipelineError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  const { name, message } = error as Error;
  return new PipelineError('handler_bug', 'never', `${name}: ${message}`, { cause: error });
}

/** Why a message could not be parked, under its own name: that of the database that could not note it, else the failed queue's. */
function asLater(cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  return new PipelineError(
    'failed_queue_unavailable',
    'later',
    `The failed queue did not take the message: ${(cause as Error).name}`,
    { cause },
  );
}
