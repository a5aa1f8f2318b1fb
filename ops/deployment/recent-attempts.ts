import { paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { isAuditedLine, isDeferredLine, isSettledLine } from '../../core/log-lines.ts';
import type { QueueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { ifThere, isNotThere } from './not-there.ts';

/** One attempt to settle a message, as its function's log tells it. */
export interface Attempt {
  at: Date;
  ended: 'settled' | 'parked' | 'deferred';
  /** Why it was parked or deferred: `database_28P01`; null when it was settled. */
  code: string | null;
  /** When a deferred message comes back. */
  retryAt: Date | null;
  messageId: string;
  detail: string | null;
}

/** A run of a function that did not end by itself: it could not start, crashed, or timed out. */
export interface Crash {
  at: Date;
  /** `Runtime.ImportModuleError: Cannot find module …` */
  says: string;
}

export interface RecentLog {
  attempts: Attempt[];
  crashes: Crash[];
  /** More was written than `mostLines`: the counts are at least these. */
  cut: boolean;
}

/** Enough to tell what happens; a person waits for it, and AWS bills what is read. */
const mostLines = 5000;

/** What one function's log tells of the last `seconds`: its attempts and its crashes, oldest first. An absent log has nothing to tell. */
export async function recentLog(ops: Ops, worker: QueueFed, seconds: number): Promise<RecentLog> {
  const recent: RecentLog = { attempts: [], crashes: [], cut: false };
  const logGroupName = await logGroupOf(ops, worker);
  if (logGroupName === null) return recent;
  const pages = paginateFilterLogEvents(
    { client: ops.aws.logs },
    { logGroupName, startTime: ops.now().getTime() - seconds * 1000 },
  );
  let lines = 0;
  let before = '';
  try {
    for await (const { events = [] } of pages) {
      for (const { message = '', timestamp = 0 } of events) {
        read(message, new Date(timestamp), recent);
        // A crash in plain text is an error's name and words, then its stack, line by line.
        if (/^\s+at \S/.test(message) && /^[A-Z]\w*: \S/.test(before))
          recent.crashes.push({ at: new Date(timestamp), says: before.trim() });
        before = message;
      }
      lines += events.length;
      if (lines >= mostLines) return { ...recent, cut: true };
    }
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
  return recent;
}

async function logGroupOf(ops: Ops, worker: QueueFed): Promise<string | null> {
  const { outputs } = await ops.stack();
  const FunctionName = ofQueueFed(outputs, 'FunctionName')[worker];
  const found = await ifThere(ops.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName })));
  return found ? (found.LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`) : null;
}

function read(text: string, at: Date, recent: RecentLog): void {
  const line = fieldsOf(text);
  const id = String(line.sqs_message_id ?? '');
  const detail = typeof line.detail === 'string' ? line.detail : null;
  if (isSettledLine(line)) {
    const parked = line.outcome === 'parked';
    const code = parked ? String(line.reason) : null;
    recent.attempts.push({ at, ended: parked ? 'parked' : 'settled', code, retryAt: null, messageId: id, detail });
  } else if (isDeferredLine(line)) {
    const retryAt = new Date(at.getTime() + Number(line.retry_in_s ?? 0) * 1000);
    recent.attempts.push({ at, ended: 'deferred', code: String(line.code), retryAt, messageId: id, detail });
  } else if (isAuditedLine(line)) {
    for (const messageId of (line.sqs_message_ids as string[] | undefined) ?? [])
      recent.attempts.push({ at, ended: 'settled', code: null, retryAt: null, messageId, detail: null });
  } else {
    const says = crashIn(text, line);
    if (says !== null) recent.crashes.push({ at, says });
  }
}

/** Lambda's own words for a run that did not end by itself; our own lines never have them at their top. */
function crashIn(text: string, line: Record<string, unknown>): string | null {
  const inner = typeof line.message === 'object' && line.message !== null ? line.message : line;
  const { errorType, errorMessage } = inner as { errorType?: unknown; errorMessage?: unknown };
  if (typeof errorType === 'string') return `${errorType}: ${String(errorMessage).split('\n', 1)[0]}`;
  return /(?:Runtime\.\w+Error|Runtime\.ExitError|Task timed out)[^\n"]*/.exec(text)?.[0] ?? null;
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const line = JSON.parse(text) as unknown;
    return typeof line === 'object' && line !== null ? (line as Record<string, unknown>) : {};
  } catch {
    // A line of the platform's own, in plain text.
    return {};
  }
}
