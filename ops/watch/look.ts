import type { QueueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { ifThere } from '../deployment/not-there.ts';
import { queueDepth } from '../deployment/queue-depths.ts';
import { type Attempt, recentLog } from '../deployment/recent-attempts.ts';

/** One worker as its log and its queue show it at a moment. */
export interface WorkerLook {
  name: QueueFed;
  at: Date;
  /** The last attempt of each message that has failed at least once, by message id. */
  everFailed: ReadonlyMap<string, Attempt>;
  lastCrashAt: Date | null;
  /** Messages settled in the last minute. */
  settledLastMinute: number;
  /** Null: the queue does not exist. */
  held: { waiting: number; in_flight: number } | null;
}

/** The longest pause between two attempts is a quarter of an hour: whoever is in one has failed within that time. */
const LONGEST_PAUSE_S = 16 * 60;
const MINUTE_MS = 60_000;
/** Lines reach the log some seconds late; what is read twice changes nothing. */
const OVERLAP_S = 75;

/** Looks at a worker; with the look `before`, reads only what its log says since. */
export async function lookAtPipeline(ops: Ops, name: QueueFed, before: WorkerLook | undefined): Promise<WorkerLook> {
  const at = ops.now();
  const since_s = before ? (at.getTime() - before.at.getTime()) / 1000 + OVERLAP_S : LONGEST_PAUSE_S;
  const { outputs } = await ops.stack();
  const [log, held] = await Promise.all([
    recentLog(ops, name, since_s),
    ifThere(queueDepth(ops.aws.sqs, ofQueueFed(outputs, 'QueueUrl')[name])),
  ]);
  const everFailed = new Map(before?.everFailed);
  for (const attempt of log.attempts) {
    const known = everFailed.get(attempt.messageId);
    if (known ? attempt.at >= known.at : attempt.ended !== 'settled') everFailed.set(attempt.messageId, attempt);
  }
  return {
    name,
    at,
    everFailed,
    lastCrashAt: log.crashes.at(-1)?.at ?? before?.lastCrashAt ?? null,
    settledLastMinute: log.attempts.filter(
      (attempt) => attempt.ended === 'settled' && at.getTime() - attempt.at.getTime() <= MINUTE_MS,
    ).length,
    held: held && { waiting: held.waiting, in_flight: held.in_flight },
  };
}
