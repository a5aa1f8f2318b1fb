import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { workerOf } from '../../core/event-routes.ts';
import type { StackOutputs } from '../../lib/outputs.ts';
import { type DeadLetterQueue, queueNameOf, workQueueUrls } from '../deployment/queue-depths.ts';

/** A message that lies in a queue for the lost, and what can be said of it. */
export interface DeadLetter {
  queue: DeadLetterQueue;
  message_id: string;
  receipt: string;
  /** Why it lies there: EventBridge's error code, the code it was parked with, or `too_many_attempts` when SQS gave up on it. */
  reason: string;
  /** The same in more words; empty when nobody said more. */
  detail: string;
  event_id: string | null;
  event_type: string | null;
  /** When it came to this queue or, moved there by SQS, to the first one; ISO 8601. */
  since: string;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  back_to: Destination;
}

/** Where a lost message came from, hence goes back to. */
export type Destination =
  | { kind: 'queue'; url: string; group: string | null }
  | {
      kind: 'bus';
      name: string;
      entry: { Source: string; DetailType: string; Detail: string; Time: Date; Resources: string[] };
    }
  | { kind: 'function'; name: string; payload: string }
  | { kind: 'nowhere'; why: string };

/** What a person sees as the place it goes back to. */
export function destinationName(destination: Destination): string {
  switch (destination.kind) {
    case 'queue':
      return `queue ${queueNameOf(destination.url)}`;
    case 'bus':
      return `bus ${destination.name}`;
    case 'function':
      return `function ${destination.name}`;
    case 'nowhere':
      return `nowhere: ${destination.why}`;
  }
}

/** One page of a queue, hidden from everybody else for `hiddenForSeconds`. Empty when there is nothing more to see now. */
export async function receiveDeadLetters(
  sqs: SQSClient,
  queue: DeadLetterQueue,
  outputs: StackOutputs,
  hiddenForSeconds: number,
): Promise<DeadLetter[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: hiddenForSeconds,
      // Long polling asks every server of SQS; a short poll may miss messages that are there.
      WaitTimeSeconds: 1,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages.map((message) => readDeadLetter(message, queue, outputs));
}

/** Puts messages back in sight at once, as if nobody had looked. */
export async function release(sqs: SQSClient, messages: readonly DeadLetter[]): Promise<void> {
  const byQueue = Map.groupBy(messages, ({ queue }) => queue.url);
  for (const [QueueUrl, ofQueue] of byQueue) {
    for (let start = 0; start < ofQueue.length; start += 10) {
      const Entries = ofQueue
        .slice(start, start + 10)
        .map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt, VisibilityTimeout: 0 }));
      await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
    }
  }
}

/** Unwraps each of the formats in which a loss can lie there. */
export function readDeadLetter(message: Message, queue: DeadLetterQueue, outputs: StackOutputs): DeadLetter {
  const attributes = message.MessageAttributes ?? {};
  const body = message.Body ?? '';
  const parsed = parseObject(body);
  const event = identityOf(parsed, attributes);
  return {
    queue,
    message_id: message.MessageId ?? '',
    receipt: message.ReceiptHandle ?? '',
    ...reasonOf(queue, attributes, parsed),
    ...event,
    since: new Date(Number(message.Attributes?.SentTimestamp ?? 0)).toISOString(),
    body,
    attributes,
    back_to: backTo(
      queue,
      { body, parsed, attributes, eventType: event.event_type, group: message.Attributes?.MessageGroupId ?? null },
      outputs,
    ),
  };
}

type Attributes = Record<string, MessageAttributeValue>;

const text = (attributes: Attributes, name: string): string | null => attributes[name]?.StringValue ?? null;

/**
 * - EventBridge writes ERROR_CODE and ERROR_MESSAGE; @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 * - our workers write `reason` and `detail` when they park;
 * - Lambda wraps an asynchronous invocation; @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 * - SQS moves a message as it is, once it was received too often.
 */
function reasonOf(
  queue: DeadLetterQueue,
  attributes: Attributes,
  body: Json | undefined,
): { reason: string; detail: string } {
  if (queue.kind === 'undelivered') {
    const exhausted = text(attributes, 'EXHAUSTED_RETRY_CONDITION');
    const detail = [text(attributes, 'ERROR_MESSAGE'), exhausted && `gave up: ${exhausted}`].filter(Boolean).join('; ');
    return { reason: text(attributes, 'ERROR_CODE') ?? 'unknown', detail };
  }
  if (queue.owner === 'reconcile') {
    const { condition } = objectAt(body, 'requestContext');
    const { errorType, errorMessage } = objectAt(body, 'responsePayload');
    return { reason: String(condition ?? 'unknown'), detail: [errorType, errorMessage].filter(Boolean).join(': ') };
  }
  return { reason: text(attributes, 'reason') ?? 'too_many_attempts', detail: text(attributes, 'detail') ?? '' };
}

function identityOf(
  body: Json | undefined,
  attributes: Attributes,
): { event_id: string | null; event_type: string | null } {
  const inside = objectAt(body, 'detail');
  const string = (value: unknown) => (typeof value === 'string' ? value : null);
  return {
    event_id: text(attributes, 'event_id') ?? string(inside.id),
    event_type: text(attributes, 'event_type') ?? string(body?.['detail-type']),
  };
}

function backTo(
  queue: DeadLetterQueue,
  lost: {
    body: string;
    parsed: Json | undefined;
    attributes: Attributes;
    eventType: string | null;
    group: string | null;
  },
  outputs: StackOutputs,
): Destination {
  switch (queue.owner) {
    case 'api':
      return backToAppBus(lost.parsed, outputs.AppBusName);
    case 'reconcile': {
      const payload = lost.parsed?.requestPayload;
      if (payload === undefined) return { kind: 'nowhere', why: 'it carries no requestPayload' };
      return { kind: 'function', name: outputs.ReconcileFunctionName, payload: JSON.stringify(payload) };
    }
    case 'audit':
      return { kind: 'queue', url: outputs.AuditQueueUrl, group: lost.group ?? familyOf(lost.eventType) };
    default: {
      // The rule's target is the work queue of this worker; TARGET_ARN says so, and wins should they ever differ.
      const targetArn = text(lost.attributes, 'TARGET_ARN');
      const target =
        targetArn && Object.values(workQueueUrls(outputs)).find((url) => queueNameOf(url) === queueNameOf(targetArn));
      return { kind: 'queue', url: target || workQueueUrls(outputs)[queue.owner], group: null };
    }
  }
}

/** The message group that the audit rules use: the event's family. */
const familyOf = (eventType: string | null): string => (eventType !== null && workerOf(eventType)) || 'other';

function backToAppBus(envelope: Json | undefined, name: string): Destination {
  const { source, 'detail-type': detailType, detail, time, resources } = envelope ?? {};
  if (typeof source !== 'string' || typeof detailType !== 'string' || detail === undefined) {
    return { kind: 'nowhere', why: 'it is not an event as the bus delivers it' };
  }
  const entry = {
    Source: source,
    DetailType: detailType,
    Detail: JSON.stringify(detail),
    Time: new Date(typeof time === 'string' ? time : Date.now()),
    Resources: Array.isArray(resources) ? resources.map(String) : [],
  };
  return { kind: 'bus', name, entry };
}

type Json = Record<string, unknown>;

function parseObject(body: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Json) : undefined;
  } catch {
    // Unreadable is a reason to lie here, not an error of ours: the body is shown and sent back as it is.
    return undefined;
  }
}

function objectAt(value: Json | undefined, key: string): Json {
  const inside = value?.[key];
  return typeof inside === 'object' && inside !== null ? (inside as Json) : {};
}
