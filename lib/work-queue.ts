import type { Duration } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { DeadLetterQueue, DurableQueue } from './durable-queue.ts';
import type { Settings } from './settings.ts';

export interface WorkQueueProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly names: { readonly queue: string; readonly undelivered: string; readonly failed: string };
  readonly fifo?: boolean;
  /** How long a message is hidden once it was handed out. */
  readonly visibilityTimeout: Duration;
  /** As often a message is handed out before it counts as failed. */
  readonly attemptsBeforeFailed: number;
}

/** A queue between rules and a function, with a queue for each way in which an event can be lost there. */
export interface WorkQueue {
  readonly queue: IQueue;
  /** Our code never ran for what lies here. Standard, also beside a FIFO queue: a rule delivers to no other dead-letter queue. */
  readonly undelivered: IQueue;
  /** Our code ran for what lies here, and gave up. FIFO where the queue is. */
  readonly failed: IQueue;
}

/** Makes the three queues in `scope`, as `Queue`, `Undelivered` and `Failed`. */
export function makeWorkQueue(scope: Construct, props: WorkQueueProps): WorkQueue {
  const { settings, key, names, fifo = false, visibilityTimeout, attemptsBeforeFailed } = props;
  const undelivered = new DeadLetterQueue(scope, 'Undelivered', { settings, name: names.undelivered, key });
  const failed = new DeadLetterQueue(scope, 'Failed', { settings, name: names.failed, key, fifo });
  const queue = new DurableQueue(scope, 'Queue', {
    name: names.queue,
    key,
    fifo,
    visibilityTimeout,
    deadLetterQueue: { queue: failed, maxReceiveCount: attemptsBeforeFailed },
  });
  return { queue, undelivered, failed };
}
