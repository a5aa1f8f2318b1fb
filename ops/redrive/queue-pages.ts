import { ChangeMessageVisibilityBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { StackOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import type { DeadLetterDepth } from '../deployment/queue-depths.ts';
import { type DeadLetter, readDeadLetter } from './dead-letters.ts';

/**
 * Long enough to look through a queue of ten thousand without meeting a message twice; a verb that is killed leaves the messages hidden
 * for this long, not lost.
 */
const HIDDEN_S = 300;

/** Up to `limit` messages of a queue, left where they are. */
export async function lookAt(ops: Ops, queue: DeadLetterDepth, limit: number): Promise<DeadLetter[]> {
  const seen: DeadLetter[] = [];
  try {
    await eachPage(ops, queue, limit, async (page) => {
      seen.push(...page);
      return undefined;
    });
  } finally {
    await release(ops.aws.sqs, seen);
  }
  return seen;
}

/**
 * Goes through a queue once: ends when it shows nothing more, shows something again, `limit` is reached, or `take` has had enough.
 *
 * What `take` leaves stays hidden for everybody until it is released.
 */
export async function eachPage(
  ops: Ops,
  queue: DeadLetterDepth,
  limit: number,
  take: (page: DeadLetter[]) => Promise<'enough' | undefined>,
): Promise<void> {
  const { outputs } = await ops.stack();
  const met = new Set<string>();
  while (met.size < limit) {
    const page = await receive(ops.aws.sqs, queue, outputs);
    const fresh = page.filter(({ message_id }) => !met.has(message_id)).slice(0, limit - met.size);
    const rest = page.filter((message) => !fresh.includes(message));
    if (rest.length > 0) await release(ops.aws.sqs, rest);
    if (fresh.length === 0) return;
    for (const { message_id } of fresh) met.add(message_id);
    if ((await take(fresh)) === 'enough') return;
  }
}

/** One page of a queue, hidden from everybody else for a while. Empty when there is nothing more to see now. */
async function receive(sqs: SQSClient, queue: DeadLetterDepth, outputs: StackOutputs): Promise<DeadLetter[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: HIDDEN_S,
      // Long polling asks every server of SQS; a short poll may miss messages that are there.
      WaitTimeSeconds: 1,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages.map((message) => readDeadLetter(message, queue, outputs));
}

/** Puts messages back in sight at once, as if nobody had looked. */
export async function release(sqs: SQSClient, messages: readonly DeadLetter[]): Promise<void> {
  const byQueue = Map.groupBy(messages, ({ queue }) => queue.url);
  for (const [QueueUrl, ofQueue] of byQueue) {
    for (let start = 0; start < ofQueue.length; start += 10) {
      const Entries = ofQueue
        .slice(start, start + 10)
        .map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt, VisibilityTimeout: 0 }));
      await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
    }
  }
}
