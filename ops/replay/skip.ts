import { DeleteMessageCommand } from '@aws-sdk/client-sqs';
import type { Worker } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import type { AuditedEnvelope } from '../deployment/audited-events.ts';
import { deadLetterQueues } from '../deployment/queue-depths.ts';
import type { DeadLetter } from '../redrive/dead-letters.ts';
import { eachPage, release } from '../redrive/queue-pages.ts';

/** The envelopes whose events are not to be skipped; `onSkip` is called for each of the others. */
export async function* withoutSkipped(
  batches: AsyncIterable<AuditedEnvelope[]>,
  skip: ReadonlySet<string>,
  onSkip: () => void,
): AsyncGenerator<AuditedEnvelope[]> {
  for await (const batch of batches) {
    yield batch.filter((envelope) => {
      if (!skip.has(eventIdOf(envelope.line) ?? '')) return true;
      onSkip();
      return false;
    });
  }
}

/**
 * Takes out of the workers' failed queues what this very replay parked there again although it was discarded before; live messages stay.
 *
 * EventBridge replays a range whole, so the events do come again; the discard file keeps them, so nothing is lost here.
 * @returns how many were taken out.
 */
export async function takeOutSkipped(
  ops: Ops,
  { run, rules, skip }: { run: string; rules: readonly Worker[]; skip: ReadonlySet<string> },
): Promise<number> {
  const { outputs } = await ops.stack();
  const queues = deadLetterQueues(outputs).filter(
    ({ owner, kind }) => kind === 'failed' && (rules as readonly string[]).includes(owner),
  );
  let taken = 0;
  for (const queue of queues) {
    const kept: DeadLetter[] = [];
    await eachPage(ops, queue, Number.POSITIVE_INFINITY, async (page) => {
      for (const message of page) {
        if (!skip.has(message.event_id ?? '') || !replayOf(message.body)?.startsWith(`${run}-`)) {
          kept.push(message);
          continue;
        }
        await ops.aws.sqs.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle: message.receipt }));
        taken += 1;
      }
      return undefined;
    });
    await release(ops.aws.sqs, kept);
  }
  return taken;
}

interface Envelope {
  'replay-name'?: string;
  detail?: { id?: string };
}

const eventIdOf = (line: string): string | undefined => envelopeIn(line).detail?.id;
const replayOf = (body: string): string | undefined => envelopeIn(body)['replay-name'];

function envelopeIn(text: string): Envelope {
  try {
    return (JSON.parse(text) ?? {}) as Envelope;
  } catch {
    // No envelope: of no replay, and of no event.
    return {};
  }
}
