import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface DurableQueueProps extends Pick<QueueProps, 'fifo' | 'deadLetterQueue' | 'visibilityTimeout'> {
  readonly name: string;
  readonly key?: Key | undefined;
}

/**
 * A queue that keeps a message as long as SQS can (14 days), is encrypted and takes TLS only.
 *
 * A FIFO queue orders by group at the full rate per group, and takes a message's content for its identity, which a FIFO
 * target of a rule needs.
 */
export class DurableQueue extends Queue {
  constructor(scope: Construct, id: string, { name, key, fifo, ...rest }: DurableQueueProps) {
    super(scope, id, {
      queueName: name,
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
      ...(key
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse: Duration.minutes(5) }
        : { encryption: QueueEncryption.SQS_MANAGED }),
      ...(fifo && { fifo: true, contentBasedDeduplication: true }),
      ...rest,
    });
  }
}

/** A queue at the end of the line: what lies here waits for a person, who sees it in an alarm. */
export class DeadLetterQueue extends DurableQueue {
  constructor(scope: Construct, id: string, props: Omit<DurableQueueProps, 'deadLetterQueue'>) {
    super(scope, id, props);
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is itself a dead-letter queue; an alarm watches it and `ops redrive` empties it.',
    });
  }
}

/**
 * Events that a bus could not encrypt or decrypt because its customer key was disabled, deleted or closed to it.
 *
 * Encrypted with SQS's own key, since it takes what the customer key could not. A bus grants itself nothing on its queue.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
 */
export class KeyFailureQueue extends DeadLetterQueue {
  constructor(scope: Construct, id: string, { name, busNames }: { name: string; busNames: readonly string[] }) {
    super(scope, id, { name });
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queueArn],
        conditions: {
          ArnEquals: {
            'aws:SourceArn': busNames.map((resourceName) =>
              Stack.of(this).formatArn({ service: 'events', resource: 'event-bus', resourceName }),
            ),
          },
        },
      }),
    );
  }
}
