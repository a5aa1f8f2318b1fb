import { setTimeout as sleep } from 'node:timers/promises';
import {
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueueBlueprint } from '../cloudformation/queues.ts';
import type { ApiTarget, QueueTarget, RuleBlueprint } from '../cloudformation/rules.ts';
import type { EventEnvelope } from './event-envelope.ts';

/** What became of one event at one target. */
export interface BusDelivery {
  envelope: EventEnvelope;
  rule: RuleBlueprint;
  queue: QueueBlueprint;
  /** The queue's message, or why there is none. */
  outcome: { messageId: string } | { undelivered: string };
}

interface Parcel {
  envelope: EventEnvelope;
  rule: RuleBlueprint;
  target: QueueTarget;
  body: string;
}

/** Why a target never took an event. */
export interface DeliveryFailure {
  code: string;
  message: string;
  /** How often it was tried again. */
  attempt: number;
  exhausted?: string;
}

export interface EventBusOptions {
  rules: RuleBlueprint[];
  queues: QueueBlueprint[];
  sqs: SQSClient;
  signal: AbortSignal;
  /** Takes what goes to an API destination; nobody waits for that to be delivered. */
  onApiTarget?(envelope: EventEnvelope, rule: RuleBlueprint, target: ApiTarget): void;
}

interface SendFailure {
  parcel: Parcel;
  code: string;
  message: string;
  /** No retry can help. */
  permanent: boolean;
}

/** Limits of SendMessageBatch. */
const MOST_MESSAGES = 10;
const MOST_BYTES = 1024 * 1024;
/** A retry that fails waits twice as long as the one before, up to this; EventBridge's own waits grow to hours. */
const LONGEST_PAUSE_MS = 5000;

/** The rules of one bus: takes events, hands each to the targets of every rule that it matches. */
export class EventBus {
  readonly rules: RuleBlueprint[];
  readonly #queues: Map<string, QueueBlueprint>;
  readonly #options: EventBusOptions;

  constructor(options: EventBusOptions) {
    this.rules = options.rules;
    this.#queues = new Map(options.queues.map((queue) => [queue.arn, queue]));
    this.#options = options;
  }

  /** The rules that an event goes through, `only` those named when given. */
  matching(envelope: EventEnvelope, only?: ReadonlySet<string>): RuleBlueprint[] {
    return this.rules.filter((rule) => rule.enabled && (!only || only.has(rule.name)) && rule.matches(envelope));
  }

  /**
   * Delivers events in their order, each to every target; comes back when each is in a queue: the target's or, once retries are
   * used up or pointless, the target's dead-letter queue. What even that one refuses is `undelivered` too, with both reasons.
   */
  async deliver(envelopes: EventEnvelope[], only?: ReadonlySet<string>): Promise<BusDelivery[]> {
    const parcels = new Map<string, Parcel[]>();
    for (const envelope of envelopes) {
      const body = sendable(JSON.stringify(envelope));
      for (const rule of this.matching(envelope, only)) {
        for (const target of rule.targets) {
          if ('apiDestinationArn' in target) {
            this.#options.onApiTarget?.(envelope, rule, target);
            continue;
          }
          const waiting = parcels.get(target.queueArn) ?? [];
          waiting.push({ envelope, rule, target, body });
          parcels.set(target.queueArn, waiting);
        }
      }
    }
    const deliveries = await Promise.all(
      [...parcels].map(([queueArn, list]) => this.#sendAll(this.#queueOf(queueArn), list)),
    );
    return deliveries.flat();
  }

  #queueOf(arn: string): QueueBlueprint {
    const queue = this.#queues.get(arn);
    if (!queue) throw new Error(`No queue ${arn} in the template`);
    return queue;
  }

  async #sendAll(queue: QueueBlueprint, parcels: Parcel[]): Promise<BusDelivery[]> {
    const deliveries: BusDelivery[] = [];
    for (const batch of batchesOf(parcels)) deliveries.push(...(await this.#sendBatch(queue, batch)));
    return deliveries;
  }

  async #sendBatch(queue: QueueBlueprint, batch: Parcel[]): Promise<BusDelivery[]> {
    const deliveries: BusDelivery[] = [];
    const began = Date.now();
    let waiting = batch;
    for (let attempt = 0; waiting.length > 0; attempt++) {
      if (attempt > 0)
        await sleep(Math.min(100 * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2), undefined, {
          signal: this.#options.signal,
        });
      const failures = await this.#trySend(queue, waiting, deliveries);
      waiting = [];
      for (const { parcel, code, message, permanent } of failures) {
        const { maximumRetryAttempts, maximumEventAgeSeconds } = parcel.target;
        const exhausted =
          attempt >= maximumRetryAttempts
            ? 'MaximumRetryAttempts'
            : Date.now() - began > maximumEventAgeSeconds * 1000
              ? 'MaximumEventAgeInSeconds'
              : undefined;
        if (permanent || exhausted) {
          const lost = await this.deadLetter(parcel.body, parcel.rule, parcel.target, {
            code,
            message,
            attempt,
            ...(exhausted === undefined ? {} : { exhausted }),
          });
          const undelivered = lost === undefined ? code : `${code}; its dead-letter queue did not take it: ${lost}`;
          deliveries.push({ envelope: parcel.envelope, rule: parcel.rule, queue, outcome: { undelivered } });
        } else {
          waiting.push(parcel);
        }
      }
    }
    return deliveries;
  }

  async #trySend(queue: QueueBlueprint, parcels: Parcel[], deliveries: BusDelivery[]): Promise<SendFailure[]> {
    try {
      const { Successful: sent = [], Failed: failed = [] } = await this.#options.sqs.send(
        new SendMessageBatchCommand({ QueueUrl: queue.url, Entries: parcels.map(entryOf) }),
      );
      for (const { Id: id, MessageId: messageId } of sent) {
        const { envelope, rule } = parcels[Number(id)]!;
        deliveries.push({ envelope, rule, queue, outcome: { messageId: messageId! } });
      }
      return failed.map((failure) => ({
        parcel: parcels[Number(failure.Id)]!,
        code: failure.Code ?? 'unknown',
        message: failure.Message ?? '',
        permanent: failure.SenderFault === true,
      }));
    } catch (error) {
      const { name, message, $fault: fault } = error as Error & { $fault?: 'client' | 'server' };
      const refused = fault === 'client';
      // One entry may have made SQS refuse the whole batch; its neighbours must not be refused with it.
      if (refused && parcels.length > 1) {
        const failures: SendFailure[] = [];
        for (const parcel of parcels) failures.push(...(await this.#trySend(queue, [parcel], deliveries)));
        return failures;
      }
      return parcels.map((parcel) => ({ parcel, code: name, message, permanent: refused }));
    }
  }

  /**
   * With the attributes that EventBridge writes.
   * @returns why the dead-letter queue did not take it, if it did not.
   * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
   */
  async deadLetter(
    body: string,
    rule: RuleBlueprint,
    target: QueueTarget | ApiTarget,
    failure: DeliveryFailure,
  ): Promise<string | undefined> {
    // Without a dead-letter queue EventBridge drops the event; the caller counts it as undelivered either way.
    if (target.deadLetterQueueArn === undefined) return undefined;
    const attributes = {
      RULE_ARN: rule.arn,
      TARGET_ARN: 'queueArn' in target ? target.queueArn : target.apiDestinationArn,
      ERROR_CODE: failure.code,
      ERROR_MESSAGE: failure.message || failure.code,
      RETRY_ATTEMPTS: String(failure.attempt),
      ...(failure.exhausted === undefined ? {} : { EXHAUSTED_RETRY_CONDITION: failure.exhausted }),
    };
    const command = new SendMessageCommand({
      QueueUrl: this.#queueOf(target.deadLetterQueueArn).url,
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
      ),
    });
    try {
      await this.#options.sqs.send(command, { abortSignal: this.#options.signal });
      return undefined;
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  }
}

/** U+FFFE and U+FFFF may stand in JSON but not in a message of SQS; escaped they are the same JSON. */
const sendable = (json: string): string => json.replaceAll('\uFFFE', '\\ufffe').replaceAll('\uFFFF', '\\uffff');

function entryOf({ body, target }: Parcel, index: number): SendMessageBatchRequestEntry {
  return {
    Id: String(index),
    MessageBody: body,
    ...(target.messageGroupId === undefined ? {} : { MessageGroupId: target.messageGroupId }),
  };
}

function* batchesOf(parcels: Parcel[]): Generator<Parcel[]> {
  let batch: Parcel[] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    const size = Buffer.byteLength(parcel.body);
    if (batch.length === MOST_MESSAGES || (batch.length > 0 && bytes + size > MOST_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(parcel);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
