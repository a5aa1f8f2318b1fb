import type { Message } from '@aws-sdk/client-sqs';
import {
  type DeferredLine,
  isDeferredLine,
  isSettledLine,
  logLines,
  type ReadLine,
  type SettledLine,
} from '../../core/log-lines.ts';
import { outcomes } from '../../core/outcome.ts';
import type { MetricStore } from '../cloudwatch/metric-store.ts';
import type { EventTally } from '../event-tally.ts';
import type { LiveFeed } from '../http/live-feed.ts';
import type { Invoked } from './function-process.ts';
import { type LogRecord, readPrintedLine } from './handler-output.ts';
import type { QueueConsumer } from './queue-consumers.ts';

/** A message that goes back to its queue, and why. */
export interface DeferredMessage {
  event_id: string;
  type: string;
  code: string;
  attempt: number;
  /** When the queue will show it again, roughly. */
  next_at: string;
}

/** Reads what functions print, and counts what became of each message. */
export class InvocationReader {
  readonly deferred = new Map<string, DeferredMessage>();
  readonly #tally: EventTally;
  readonly #metrics: MetricStore;
  readonly #feed: LiveFeed;
  readonly #complain: (text: string) => void;

  constructor({
    tally,
    metrics,
    feed,
    complain,
  }: { tally: EventTally; metrics: MetricStore; feed: LiveFeed; complain: (text: string) => void }) {
    this.#tally = tally;
    this.#metrics = metrics;
    this.#feed = feed;
    this.#complain = complain;
  }

  read(consumer: QueueConsumer, messages: Message[], invoked: Invoked, done: Message[]): void {
    const name = consumer.fn.name;
    const settled = new Map<string, ReadLine<SettledLine>>();
    for (const printed of invoked.lines) {
      const record = this.readLine(name, printed);
      if (record && isSettledLine(record)) settled.set(String(record.sqs_message_id), record);
      if (record && isDeferredLine(record)) this.#defer(name, record);
    }
    this.count(name, invoked);
    this.#metrics.put('AWS/SQS', 'NumberOfMessagesDeleted', { QueueName: consumer.queue.name }, 'Count', [done.length]);
    if ('error' in invoked.outcome) {
      this.#complain(
        `${name} failed with ${messages.length} message(s), which come back: ${firstLine(invoked.outcome.error)}`,
      );
    }
    if (consumer.kind === 'audit' && done.length > 0) this.#feed.add({ kind: 'audited', by: name });
    for (const message of done) this.#settle(consumer, message, settled.get(message.MessageId!));
  }

  /** What Lambda itself counts of an invocation. */
  count(functionName: string, { outcome, milliseconds }: Invoked): void {
    const dimensions = { FunctionName: functionName };
    this.#metrics.put('AWS/Lambda', 'Invocations', dimensions, 'Count', [1]);
    this.#metrics.put('AWS/Lambda', 'Errors', dimensions, 'Count', ['error' in outcome ? 1 : 0]);
    this.#metrics.put('AWS/Lambda', 'Duration', dimensions, 'Milliseconds', [milliseconds]);
  }

  /** Metrics are kept, errors and whatever is no log record are shown; the rest is the log group's, which nobody reads here. */
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

  #settle(consumer: QueueConsumer, message: Message, record: ReadLine<SettledLine> | undefined): void {
    const messageId = message.MessageId!;
    this.deferred.delete(messageId);
    const { replayName, fromFunction, eventId, type } = readEnvelope(message.Body!);
    if (consumer.kind === 'audit') {
      this.#tally.settle({ messageId, replayName, fromFunction, outcome: 'audited' });
      return;
    }
    const outcome = outcomes.find((one) => one === record?.outcome) ?? 'unexplained';
    if (!this.#tally.settle({ messageId, replayName, fromFunction, outcome })) return;
    if (outcome === 'unexplained') {
      this.#complain(
        `${consumer.fn.name} said that it is done with ${eventId || 'a message'} (${type || 'no type'}), but logged no "${logLines.settled}" for message ${messageId}: nobody can say how it ended`,
      );
      return;
    }
    this.#feed.add({
      kind: 'settled',
      by: consumer.fn.name,
      outcome,
      event_id: eventId,
      type,
      ...(record?.reason ? { reason: String(record.reason) } : {}),
      ...(record?.detail ? { detail: String(record.detail) } : {}),
      ...(record?.customer_id ? { customer_id: String(record.customer_id) } : {}),
      ...(replayName === undefined ? {} : { replay_name: replayName }),
    });
  }
}

/** What the tally and the page want of a message; one that is no envelope says nothing. */
function readEnvelope(body: string): { replayName?: string; fromFunction: boolean; eventId: string; type: string } {
  let envelope: Record<string, unknown> = {};
  try {
    envelope = (JSON.parse(body) ?? {}) as typeof envelope;
  } catch {
    // A body that is no JSON is the worker's to judge.
  }
  const replayName = envelope['replay-name'];
  return {
    ...(typeof replayName === 'string' ? { replayName } : {}),
    // EventBridge never writes such a field.
    fromFunction: envelope.origin !== undefined,
    eventId: String((envelope.detail as { id?: unknown } | undefined)?.id ?? ''),
    type: String(envelope['detail-type'] ?? ''),
  };
}

/** An error's log record, for a person at a terminal. */
function sentenceOf({ message, outcome, event_id, event_type, reason, detail, error }: LogRecord): string {
  if (outcome === 'parked')
    return `parked ${String(event_id ?? 'a message')} (${String(event_type ?? 'unreadable')}): ${String(reason)}: ${String(detail)}`;
  const cause = (error as { message?: string } | undefined)?.message ?? detail;
  return `${message}${cause ? `: ${String(cause)}` : ''}`;
}

const firstLine = (text: string): string => text.split('\n')[0]!;
