import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { MappingBlueprint } from '../cloudformation/functions.ts';
import type { QueueBlueprint } from '../cloudformation/queues.ts';
import { LOCAL_REGION } from '../cloudformation/template-values.ts';
import type { FunctionProcess, Invoked } from './function-process.ts';

/** Long enough to spare the machine, short enough that a stop does not wait. */
const LONGEST_POLL_SECONDS = 2;
/** A longer batching window only makes people wait. */
const LONGEST_WINDOW_MS = 500;

export interface MappingOptions {
  mapping: MappingBlueprint;
  queue: QueueBlueprint;
  sqs: SQSClient;
  /** One per invocation that may run at the same time. */
  processes: FunctionProcess[];
  /** Told of every invocation: the messages, how it ended, and which of them are done. */
  onInvoked(messages: Message[], invoked: Invoked, done: Message[]): void;
  signal: AbortSignal;
}

/** Feeds a function from its queue, as Lambda's event source mapping does: batches, partial batch responses, a limit on concurrency, a pause. */
export class EventSourceMapping {
  readonly #options: MappingOptions;
  enabled: boolean;
  readonly #loops: Promise<void>[];

  constructor(options: MappingOptions) {
    this.#options = options;
    this.enabled = options.mapping.enabled;
    this.#loops = options.processes.map((process) => this.#run(process));
  }

  /** Resolves when the last invocation under way is over. */
  async ended(): Promise<void> {
    await Promise.all(this.#loops);
  }

  async #run(process: FunctionProcess): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        const messages = this.enabled ? await this.#receive() : [];
        if (messages.length > 0) await this.#handle(process, messages);
        else if (!this.enabled) await sleep(100, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  async #receive(): Promise<Message[]> {
    const { sqs, queue, mapping, signal } = this.#options;
    const messages: Message[] = [];
    const windowEnds = Date.now() + Math.min(mapping.batchingWindowSeconds * 1000, LONGEST_WINDOW_MS);
    do {
      const { Messages: received = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queue.url,
          MaxNumberOfMessages: Math.min(10, mapping.batchSize - messages.length),
          WaitTimeSeconds: messages.length === 0 ? LONGEST_POLL_SECONDS : 0,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
        { abortSignal: signal },
      );
      messages.push(...received);
      if (received.length === 0) break;
    } while (messages.length < mapping.batchSize && Date.now() < windowEnds);
    return messages;
  }

  async #handle(process: FunctionProcess, messages: Message[]): Promise<void> {
    const { sqs, queue, mapping, onInvoked, signal } = this.#options;
    // The local visibility timeout is short, see blueprint.ts: while the function lives, its messages stay hidden.
    const extend = setInterval(
      () => this.#stayHidden(messages),
      Number(queue.attributes.VisibilityTimeout ?? 30) * 500,
    );
    const invoked = await process.invoke({ Records: messages.map((message) => recordOf(message, queue)) });
    clearInterval(extend);
    // Its process was stopped with everything else; that is no failure, and nothing is left to report.
    if (signal.aborted) return;
    const done = doneMessages(messages, invoked, mapping.reportsFailures);
    for (let index = 0; index < done.length; index += 10) {
      const entries = done.slice(index, index + 10).map(({ ReceiptHandle }, id) => ({ Id: String(id), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries: entries }));
    }
    onInvoked(messages, invoked, done);
  }

  #stayHidden(messages: Message[]): void {
    const { sqs, queue, signal } = this.#options;
    const timeout = Number(queue.attributes.VisibilityTimeout ?? 30);
    for (let index = 0; index < messages.length; index += 10) {
      const entries = messages
        .slice(index, index + 10)
        .map(({ ReceiptHandle }, id) => ({ Id: String(id), ReceiptHandle, VisibilityTimeout: timeout }));
      // A message that the function gave back itself is no longer ours to hide; SQS says so per entry, which needs no answer.
      sqs
        .send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue.url, Entries: entries }))
        .catch((error: Error) => {
          if (!signal.aborted) throw error;
        });
    }
  }
}

/**
 * The messages that the response says are done: all of them, none after a failure, or all but `batchItemFailures`.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
function doneMessages(messages: Message[], { outcome }: Invoked, reportsFailures: boolean): Message[] {
  if ('error' in outcome) return [];
  if (!reportsFailures) return messages;
  const response = outcome.result as { batchItemFailures?: { itemIdentifier?: string }[] } | null;
  const failed = (response?.batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier);
  // An identifier that is empty or of no message of the batch makes Lambda take the whole batch as failed.
  if (failed.some((id) => !messages.some(({ MessageId }) => MessageId === id))) return [];
  return messages.filter(({ MessageId }) => !failed.includes(MessageId));
}

/** A message as Lambda hands it to a function. */
function recordOf(message: Message, queue: QueueBlueprint): object {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, DataType }]) => [
        name,
        { stringValue: StringValue, dataType: DataType, stringListValues: [], binaryListValues: [] },
      ]),
    ),
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queue.arn,
    awsRegion: LOCAL_REGION,
  };
}
