import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import type { PipelineError } from '../../core/errors.ts';
import { plainWord } from '../../core/shown.ts';

/** What SQS takes as a string attribute: no control characters. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const sendable = (text: string): string => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/g, '?');

/** The SDK is loaded with the first message that is deferred, parked or sent: most invocations do none of it. */
export type Sqs = () => SQSClient | Promise<SQSClient>;

export function sqsAtFirstUse(): Sqs {
  let loading: Promise<SQSClient> | undefined;
  return () => (loading ??= import('@aws-sdk/client-sqs').then((sdk) => new sdk.SQSClient()));
}

/** The two queues of a worker besides reading: hide a message for a while, or set it aside with its reason. */
export function workQueues(
  sqs: Sqs,
  { work, failed, functionName }: { work: string; failed: string; functionName: string },
) {
  return {
    async defer(record: SQSRecord, seconds: number): Promise<void> {
      const { ChangeMessageVisibilityCommand } = await import('@aws-sdk/client-sqs');
      await (await sqs()).send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: work,
          ReceiptHandle: record.receiptHandle,
          VisibilityTimeout: seconds,
        }),
      );
    },
    async park(record: SQSRecord, error: PipelineError): Promise<void> {
      const { SendMessageCommand } = await import('@aws-sdk/client-sqs');
      await (await sqs()).send(
        new SendMessageCommand({
          QueueUrl: failed,
          MessageBody: record.body,
          MessageAttributes: fitting(record.body, {
            reason: error.code,
            ...idAndType(record.body),
            function: functionName,
            detail: error.message,
          }),
        }),
      );
    },
  };
}

/** Body and attributes together. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const LONGEST_MESSAGE_BYTES = 1_048_576;

/** As many of the texts, first ones first, as a body that may be as long as a message can be leaves room for: without it SQS would refuse for ever. */
function fitting(body: string, texts: Record<string, string>) {
  let room = LONGEST_MESSAGE_BYTES - Buffer.byteLength(body);
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => {
      const attribute = { DataType: 'String', StringValue: sendable(text).slice(0, 1000) || '?' };
      room -= Buffer.byteLength(name + attribute.DataType + attribute.StringValue);
      return room < 0 ? [] : [[name, attribute]];
    }),
  );
}

/** Only where they are what they should be: an attribute is shown to whoever looks into the queue. */
function idAndType(body: string): { event_id?: string; event_type?: string } {
  try {
    const { detail } = JSON.parse(body) as { detail?: { id?: unknown; type?: unknown } };
    const [event_id, event_type] = [plainWord(detail?.id), plainWord(detail?.type)];
    return { ...(event_id && { event_id }), ...(event_type && { event_type }) };
  } catch {
    // Not JSON, or not an envelope: that is the very reason it is parked for, and its body goes along.
    return {};
  }
}

/** The most messages that one SendMessageBatch call takes. */
const MESSAGES_PER_CALL = 10;

/**
 * Sends envelopes to a work queue, as the bus would.
 * @throws {Error} naming how many were refused; what was sent before stays sent, and is idempotent.
 */
export function envelopeSender(sqs: Sqs) {
  return async (queueUrl: string, envelopes: readonly object[]): Promise<void> => {
    if (envelopes.length === 0) return;
    const { SendMessageBatchCommand } = await import('@aws-sdk/client-sqs');
    const client = await sqs();
    for (let first = 0; first < envelopes.length; first += MESSAGES_PER_CALL) {
      const entries = envelopes
        .slice(first, first + MESSAGES_PER_CALL)
        .map((envelope, index) => ({ Id: String(index), MessageBody: JSON.stringify(envelope) }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
      if (Failed.length > 0)
        throw new Error(
          `SQS refused ${Failed.length} of ${entries.length} messages: ${Failed.map(({ Code }) => Code).join(', ')}`,
        );
    }
  };
}
