import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { AuditMessage } from '../../pipeline/drain-audit-queue.ts';

/** Messages of one call, whatever it does with them. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const MESSAGES_PER_CALL = 10;

/** The audit queue, as its function drains it beside what Lambda hands over. */
export function auditQueue(client: SQSClient, url: string) {
  const inTens = async (
    messages: readonly AuditMessage[],
    call: (some: readonly AuditMessage[]) => Promise<{ Failed?: { Code?: string | undefined }[] | undefined }>,
  ) => {
    const tens = Array.from({ length: Math.ceil(messages.length / MESSAGES_PER_CALL) }, (_, index) =>
      messages.slice(index * MESSAGES_PER_CALL, (index + 1) * MESSAGES_PER_CALL),
    );
    const failed = (await Promise.all(tens.map(call))).flatMap(({ Failed = [] }) => Failed);
    if (failed.length > 0) {
      throw new Error(
        `SQS refused ${failed.length} of ${messages.length} messages: ${failed.map(({ Code }) => Code).join(', ')}`,
      );
    }
  };
  const entry = ({ receiptHandle }: AuditMessage, index: number) => ({
    Id: String(index),
    ReceiptHandle: receiptHandle,
  });
  return {
    async receive(): Promise<AuditMessage[]> {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: MESSAGES_PER_CALL, WaitTimeSeconds: 0 }),
      );
      return Messages.map(({ MessageId, ReceiptHandle, Body }) => ({
        messageId: MessageId!,
        receiptHandle: ReceiptHandle!,
        body: Body ?? '',
      }));
    },
    /** @throws {Error} naming how many SQS kept; those come back, and are written again. */
    remove: (messages: readonly AuditMessage[]): Promise<void> =>
      inTens(messages, (some) =>
        client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: some.map(entry) })),
      ),
    /** @throws {Error} naming how many SQS refused; those come back after the queue's own visibility timeout. */
    hide: (messages: readonly AuditMessage[], seconds: number): Promise<void> =>
      inTens(messages, (some) =>
        client.send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: url,
            Entries: some.map((message, index) => ({ ...entry(message, index), VisibilityTimeout: seconds })),
          }),
        ),
      ),
  };
}
