import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Worker } from '../../core/event-routes.ts';
import type { StackOutputs } from './stack.ts';

/** The functions that a queue feeds, hence that can be paused. */
export const pausables = ['payments', 'billing', 'audit'] as const satisfies readonly (Worker | 'audit')[];
export type Pausable = (typeof pausables)[number];

/** Who lost a message: a worker, the audit, the post to the API, or the scheduled comparison. */
export type LossOwner = Pausable | 'api' | 'reconcile';

/** `undelivered`: our code never ran for what lies there. `failed`: it ran and gave up. */
export type LossKind = 'undelivered' | 'failed';

export interface DeadLetterQueue {
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
export const workQueueUrls = (outputs: StackOutputs): Record<Pausable, string> => ({
  payments: outputs.PaymentsQueueUrl,
  billing: outputs.BillingQueueUrl,
  audit: outputs.AuditQueueUrl,
});

/** The event source mappings, by the function they feed. */
export const mappings = (outputs: StackOutputs): Record<Pausable, string> => ({
  payments: outputs.PaymentsMappingId,
  billing: outputs.BillingMappingId,
  audit: outputs.AuditMappingId,
});

/** Every queue where something lies that was lost on its way. */
export function deadLetterQueues(outputs: StackOutputs): DeadLetterQueue[] {
  const queue = (owner: LossOwner, kind: LossKind, url: string): DeadLetterQueue => ({
    name: `${owner}-${kind}`,
    owner,
    kind,
    url,
  });
  return [
    queue('payments', 'undelivered', outputs.PaymentsUndeliveredQueueUrl),
    queue('billing', 'undelivered', outputs.BillingUndeliveredQueueUrl),
    queue('audit', 'undelivered', outputs.AuditUndeliveredQueueUrl),
    ...(outputs.ApiUndeliveredQueueUrl ? [queue('api', 'undelivered', outputs.ApiUndeliveredQueueUrl)] : []),
    queue('payments', 'failed', outputs.PaymentsFailedQueueUrl),
    queue('billing', 'failed', outputs.BillingFailedQueueUrl),
    queue('audit', 'failed', outputs.AuditFailedQueueUrl),
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
