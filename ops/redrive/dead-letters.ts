import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { StackOutputs } from '../../lib/outputs.ts';
import type { DeadLetterDepth } from '../deployment/queue-depths.ts';
import { type WayBack, wayBackOf } from './way-back.ts';

/** A message of a dead-letter queue, and what can be said of it. */
export interface DeadLetter {
  queue: DeadLetterDepth;
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
  back_to: WayBack;
}

/** Unwraps each of the formats in which a loss can lie there. */
export function readDeadLetter(message: Message, queue: DeadLetterDepth, outputs: StackOutputs): DeadLetter {
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
    back_to: wayBackOf(
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
  queue: DeadLetterDepth,
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
