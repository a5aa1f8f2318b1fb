import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import type { PipelineError } from '../../core/errors.ts';

/** What SQS takes as a string attribute: no control characters. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const printable = (text: string): string => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/g, '?');

/** The two queues of a worker besides reading: hide a message for a while, or set it aside with its reason. */
export function workQueues(
  client: SQSClient,
  { work, failed, functionName }: { work: string; failed: string; functionName: string },
) {
  return {
    async defer(record: SQSRecord, seconds: number): Promise<void> {
      await client.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: work,
          ReceiptHandle: record.receiptHandle,
          VisibilityTimeout: seconds,
        }),
      );
    },
    async park(record: SQSRecord, error: PipelineError): Promise<void> {
      const text = (value: string) => ({ DataType: 'String', StringValue: printable(value).slice(0, 1000) || '?' });
      await client.send(
        new SendMessageCommand({
          QueueUrl: failed,
          MessageBody: record.body,
          MessageAttributes: {
            reason: text(error.code),
            detail: text(error.message),
            function: text(functionName),
            ...headAttributes(record.body, text),
          },
        }),
      );
    },
  };
}

function headAttributes(body: string, text: (value: string) => object) {
  try {
    const { detail } = JSON.parse(body) as { detail?: { id?: unknown; type?: unknown } };
    return {
      ...(typeof detail?.id === 'string' ? { event_id: text(detail.id) } : {}),
      ...(typeof detail?.type === 'string' ? { event_type: text(detail.type) } : {}),
    } as Record<string, { DataType: string; StringValue: string }>;
  } catch {
    // Not JSON: that is the very reason it is parked for, and its body goes along.
    return {};
  }
}

/** The most messages that one SendMessageBatch call takes. */
const MESSAGES_PER_CALL = 10;

/**
 * Sends envelopes to a work queue, as the bus would.
 * @throws {Error} naming how many were refused; what was sent before stays sent, and is idempotent.
 */
export function envelopeSender(client: SQSClient) {
  return async (queueUrl: string, envelopes: readonly object[]): Promise<void> => {
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
