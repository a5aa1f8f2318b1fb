import type { SQSClient } from '@aws-sdk/client-sqs';

/** Messages of a queue: waiting, delayed or in flight. SQS counts approximately, right within a minute. */
export async function messagesIn(sqs: SQSClient, queueUrl: string): Promise<number> {
  // Loaded with the first question, as everything of this SDK.
  const { GetQueueAttributesCommand } = await import('@aws-sdk/client-sqs');
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
  );
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}
