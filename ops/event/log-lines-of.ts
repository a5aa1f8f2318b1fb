import { paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { isDeferredLine, isSettledLine } from '../../core/log-lines.ts';
import { type Worker, workers } from '../../core/workers.ts';
import { ofWorkers } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { isNotThere } from '../deployment/not-there.ts';
import { logGroupsOf } from '../replay/outcomes.ts';

/** One attempt at an event, as its worker's log has it. */
export interface EventLogLine {
  /** ISO 8601. */
  at: string;
  says: string;
  trace_id: string | null;
}

/** A message is tried for about two days (docs/architecture.md). */
const GIVEN_UP_AFTER_MS = 3 * 86_400_000;

/** The lines of one event, the oldest first: its worker's, or both workers' where its type is not known. */
export async function logLinesOf(
  ops: Ops,
  id: string,
  worker: Worker | undefined,
  since: Date,
): Promise<EventLogLine[]> {
  const { outputs } = await ops.stack();
  const functions = (worker === undefined ? workers : [worker]).map((one) => ofWorkers(outputs, 'FunctionName')[one]);
  const lines: EventLogLine[] = [];
  for (const logGroupName of await logGroupsOf(ops.aws.lambda, functions)) {
    try {
      const pages = paginateFilterLogEvents(
        { client: ops.aws.logs },
        {
          logGroupName,
          filterPattern: JSON.stringify(id),
          // Clocks differ.
          startTime: since.getTime() - 60_000,
          endTime: since.getTime() + GIVEN_UP_AFTER_MS,
        },
      );
      for await (const { events = [] } of pages)
        lines.push(...events.flatMap(({ message = '', timestamp = 0 }) => lineOf(message, timestamp, id) ?? []));
    } catch (error) {
      // A function that never ran has no log.
      if (!isNotThere(error)) throw error;
    }
  }
  return lines.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

function lineOf(text: string, timestamp: number, id: string): EventLogLine | undefined {
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (line.event_id !== id) return undefined;
  const says = isSettledLine(line)
    ? `${line.outcome}${line.reason ? ` (${line.reason})` : ''} after ${line.total_ms ?? '?'} ms, attempt ${line.attempt}`
    : isDeferredLine(line)
      ? `put off: ${line.code}, again in ${line.retry_in_s} s, attempt ${line.attempt}`
      : undefined;
  if (says === undefined) return undefined;
  const trace = line.xray_trace_id;
  return { at: new Date(timestamp).toISOString(), says, trace_id: typeof trace === 'string' ? trace : null };
}
