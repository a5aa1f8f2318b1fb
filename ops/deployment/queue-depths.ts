import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type QueueFed, queueFed } from '../../core/workers.ts';
import { ofQueueFed, type StackOutputs } from '../../lib/outputs.ts';

/** Who lost a message: a worker, the audit, the post to the API, or the scheduled comparison. */
export type LossOwner = QueueFed | 'api' | 'reconcile';

/** `undelivered`: our code never ran for what lies there. `failed`: it ran and gave up. */
export type LossKind = 'undelivered' | 'failed';

export interface DeadLetterDepth {
  /** As people say it: `billing-failed`. */
  name: string;
  owner: LossOwner;
  kind: LossKind;
  url: string;
}

export interface QueueDepth {
  waiting: number;
  in_flight: number;
  /** How long a message lives there, in seconds. */
  retention_s: number;
}

/** The queues that feed the functions. */
export const workQueueUrls = (outputs: StackOutputs): Record<QueueFed, string> => ofQueueFed(outputs, 'QueueUrl');

/** Every queue where something lies that was lost on its way. */
export function deadLetterQueues(outputs: StackOutputs): DeadLetterDepth[] {
  const queue = (owner: LossOwner, kind: LossKind, url: string): DeadLetterDepth => ({
    name: `${owner}-${kind}`,
    owner,
    kind,
    url,
  });
  const undelivered = ofQueueFed(outputs, 'UndeliveredQueueUrl');
  const failed = ofQueueFed(outputs, 'FailedQueueUrl');
  return [
    ...queueFed.map((name) => queue(name, 'undelivered', undelivered[name])),
    ...(outputs.ApiUndeliveredQueueUrl ? [queue('api', 'undelivered', outputs.ApiUndeliveredQueueUrl)] : []),
    ...queueFed.map((name) => queue(name, 'failed', failed[name])),
    queue('reconcile', 'failed', outputs.ReconcileFailedQueueUrl),
  ];
}

/** How many messages a queue holds; SQS counts approximately, right within a minute. */
export async function queueDepth(sqs: SQSClient, url: string): Promise<QueueDepth> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
        'MessageRetentionPeriod',
      ],
    }),
  );
  const number = (name: keyof NonNullable<typeof Attributes>) => Number(Attributes?.[name] ?? 0);
  return {
    waiting: number('ApproximateNumberOfMessages') + number('ApproximateNumberOfMessagesDelayed'),
    in_flight: number('ApproximateNumberOfMessagesNotVisible'),
    retention_s: number('MessageRetentionPeriod'),
  };
}

/** `…/huntaze-stripe-billing-dev` and `arn:…:huntaze-stripe-billing-dev` alike. */
export const queueNameOf = (urlOrArn: string): string =>
  urlOrArn.slice(Math.max(urlOrArn.lastIndexOf('/'), urlOrArn.lastIndexOf(':')) + 1);
