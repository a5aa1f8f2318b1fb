import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

export interface DurableQueueProps
  extends Pick<QueueProps, 'fifo' | 'deadLetterQueue' | 'removalPolicy' | 'visibilityTimeout'> {
  readonly name: string;
  readonly key?: Key | undefined;
}

/**
 * A queue that keeps a message as long as SQS can (14 days), is encrypted and takes TLS only.
 *
 * A FIFO queue takes a message's content for its identity, which a FIFO target of a rule needs, and runs in high-throughput mode: 300
 * messages a second for each group, instead of 300 calls a second for the whole queue.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
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
      ...(fifo && {
        fifo: true,
        contentBasedDeduplication: true,
        deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
        fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      }),
      ...rest,
    });
  }
}

export interface DeadLetterQueueProps extends Pick<DurableQueueProps, 'name' | 'key' | 'fifo'> {
  readonly settings: Settings;
}

/**
 * A queue at the end of the line: what lies here waits for a person, who sees it in an alarm. In prod it outlives the stack, since nobody
 * else has what lies in it.
 */
export class DeadLetterQueue extends DurableQueue {
  constructor(scope: Construct, id: string, { settings, ...props }: DeadLetterQueueProps) {
    super(scope, id, { ...props, removalPolicy: removalPolicyOf(settings) });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is itself a dead-letter queue; an alarm watches it and `ops redrive` empties it.',
    });
  }
}

export interface KeyFailureQueueProps extends Omit<DeadLetterQueueProps, 'key' | 'fifo'> {
  readonly busNames: readonly string[];
}

/**
 * Events that a bus could not encrypt or decrypt because its customer key was disabled, deleted or closed to it.
 *
 * Encrypted with SQS's own key, since it takes what the customer key could not. A bus grants itself nothing on its queue.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
 */
export class KeyFailureQueue extends DeadLetterQueue {
  constructor(scope: Construct, id: string, { busNames, ...props }: KeyFailureQueueProps) {
    super(scope, id, props);
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
