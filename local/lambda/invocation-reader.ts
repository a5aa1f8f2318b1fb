import type { Message } from '@aws-sdk/client-sqs';
import {
  type DeferredLine,
  isDeferredLine,
  isSettledLine,
  logLines,
  type ReadLine,
  type SettledLine,
} from '../../core/log-lines.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { MetricStore } from '../cloudwatch/metrics.ts';
import type { EventTally } from '../event-tally.ts';
import type { LiveFeed } from '../http/live-feed.ts';
import type { WorkLine } from '../work-lines.ts';
import type { Invoked } from './function-process.ts';
import { type LogRecord, readPrintedLine } from './handler-output.ts';

/** A message that goes back to its queue, and why. */
export interface DeferredMessage {
  event_id: string;
  type: string;
  code: string;
  attempt: number;
  /** When the queue will show it again, roughly. */
  next_at: string;
}

/** Reads what functions print, and books what became of each message. */
export class InvocationReader {
  readonly deferred = new Map<string, DeferredMessage>();
  readonly #accounts: EventTally;
  readonly #metrics: MetricStore;
  readonly #feed: LiveFeed;
  readonly #complain: (text: string) => void;

  constructor({
    accounts,
    metrics,
    feed,
    complain,
  }: { accounts: EventTally; metrics: MetricStore; feed: LiveFeed; complain: (text: string) => void }) {
    this.#accounts = accounts;
    this.#metrics = metrics;
    this.#feed = feed;
    this.#complain = complain;
  }

  read(line: WorkLine, messages: Message[], invoked: Invoked, done: Message[]): void {
    const name = line.fn.name;
    const settled = new Map<string, ReadLine<SettledLine>>();
    for (const printed of invoked.lines) {
      const record = this.readLine(name, printed);
      if (record && isSettledLine(record)) settled.set(String(record.sqs_message_id), record);
      if (record && isDeferredLine(record)) this.#defer(name, record);
    }
    const failed = 'error' in invoked.outcome;
    this.#metrics.put('AWS/Lambda', 'Invocations', { FunctionName: name }, 'Count', [1]);
    this.#metrics.put('AWS/Lambda', 'Errors', { FunctionName: name }, 'Count', [failed ? 1 : 0]);
    this.#metrics.put('AWS/Lambda', 'Duration', { FunctionName: name }, 'Milliseconds', [invoked.milliseconds]);
    if ('error' in invoked.outcome) {
      this.#complain(
        `${name} failed with ${messages.length} message(s), which come back: ${firstLine(invoked.outcome.error)}`,
      );
    }
    if (line.kind === 'audit' && done.length > 0) this.#feed.add({ kind: 'audited', by: name });
    for (const message of done) this.#settle(line, message, settled.get(message.MessageId!));
  }

  /** Metrics are kept, errors and whatever is no log record are told; the rest is the log group's, which nobody reads here. */
  readLine(functionName: string, printed: string): LogRecord | undefined {
    const line = readPrintedLine(printed);
    if (line.kind === 'metrics') {
      this.#metrics.putEmbedded(line.metrics);
      return undefined;
    }
    if (line.kind === 'text') {
      if (line.text.trim() !== '') this.#complain(`${functionName}: ${line.text}`);
      return undefined;
    }
    if (['ERROR', 'CRITICAL'].includes(line.record.level)) {
      this.#complain(`${functionName}: ${sentenceOf(line.record)}`);
    }
    return line.record;
  }

  #defer(name: string, record: ReadLine<DeferredLine>): void {
    const [event_id, type, code] = [record.event_id, record.event_type, record.code].map(String) as [
      string,
      string,
      string,
    ];
    const next = new Date(Date.now() + Number(record.retry_in_s) * 1000).toISOString();
    this.deferred.set(String(record.sqs_message_id), {
      event_id,
      type,
      code,
      attempt: Number(record.attempt),
      next_at: next,
    });
    this.#feed.add({ kind: 'deferred', event_id, type, by: name, reason: code });
  }

  #settle(line: WorkLine, message: Message, record: ReadLine<SettledLine> | undefined): void {
    const messageId = message.MessageId!;
    this.deferred.delete(messageId);
    const envelope = JSON.parse(message.Body!) as {
      'replay-name'?: string;
      'detail-type'?: string;
      detail?: { id?: string };
    };
    const replayName = envelope['replay-name'];
    if (line.kind === 'worker' && !record) {
      throw new Error(
        `${line.fn.name} said that message ${messageId} is done, but printed no "${logLines.settled}" for it: it cannot be accounted for`,
      );
    }
    const outcome = line.kind === 'audit' ? 'audited' : (record!.outcome as Outcome);
    if (!this.#accounts.settle({ messageId, replayName, outcome })) return;
    if (line.kind === 'audit') return;
    this.#feed.add({
      kind: 'settled',
      by: line.fn.name,
      outcome,
      event_id: envelope.detail?.id ?? '',
      type: envelope['detail-type'] ?? '',
      ...(record?.reason ? { reason: String(record.reason) } : {}),
      ...(record?.customer_id ? { customer_id: String(record.customer_id) } : {}),
      ...(replayName === undefined ? {} : { replay_name: replayName }),
    });
  }
}

/** An error's log record, for a person at a terminal. */
function sentenceOf({ message, outcome, event_id, event_type, reason, detail, error }: LogRecord): string {
  if (outcome === 'parked')
    return `parked ${String(event_id ?? 'a message')} (${String(event_type ?? 'unreadable')}): ${String(reason)}: ${String(detail)}`;
  const cause = (error as { message?: string } | undefined)?.message ?? detail;
  return `${message}${cause ? `: ${String(cause)}` : ''}`;
}

const firstLine = (text: string): string => text.split('\n')[0]!;
