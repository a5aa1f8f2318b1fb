import { GetEventSourceMappingCommand, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { type QueueFed, queueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import { oldestMessageAge } from './metric-values.ts';
import { ifThere } from './not-there.ts';
import { queueDepth, workQueueUrls } from './queue-depths.ts';

/** One function's consumer: its event source mapping and the queue behind it. */
export interface Consumer {
  worker: QueueFed;
  mapping: string;
  /** Lambda's word: `Enabled`, `Disabled`, or on its way there. */
  state: string;
  waiting: number;
  in_flight: number;
  /** Age of the oldest message in seconds; null when CloudWatch has no number yet. */
  oldest_s: number | null;
  /** When the queue would begin to lose messages if nobody took any from now on; ISO 8601. */
  safe_until: string;
}

/** Lambda answers within seconds; two minutes means that something else is wrong. */
const SWITCH_TIMEOUT_MS = 120_000;

export async function consumerOf(ops: Ops, worker: QueueFed): Promise<Consumer> {
  const { outputs } = await ops.stack();
  const mapping = ofQueueFed(outputs, 'MappingId')[worker];
  const url = workQueueUrls(outputs)[worker];
  const [{ State }, { waiting, in_flight, retention_s }, oldest_s] = await Promise.all([
    ops.aws.lambda.send(new GetEventSourceMappingCommand({ UUID: mapping })),
    queueDepth(ops.aws.sqs, url),
    oldestMessageAge(ops, url),
  ]);
  // An empty queue's clock starts now, whatever CloudWatch's last number was.
  const age = waiting + in_flight === 0 ? 0 : (oldest_s ?? 0);
  const safeUntil = new Date(ops.now().getTime() + (retention_s - age) * 1000);
  return {
    worker,
    mapping,
    state: State ?? 'Unknown',
    waiting,
    in_flight,
    oldest_s,
    safe_until: safeUntil.toISOString(),
  };
}

export const isOn = ({ state }: Pick<Consumer, 'state'>): boolean => state === 'Enabled' || state === 'Enabling';

/**
 * Turns a function's consumer on or off and waits until Lambda says it is.
 * @throws {Refusal} when it is not within two minutes; the change itself was accepted then.
 */
export async function switchConsumer(
  ops: Ops,
  { worker, mapping }: Pick<Consumer, 'worker' | 'mapping'>,
  on: boolean,
): Promise<void> {
  const wanted = on ? 'Enabled' : 'Disabled';
  await ops.aws.lambda.send(new UpdateEventSourceMappingCommand({ UUID: mapping, Enabled: on }));
  const giveUpAt = ops.now().getTime() + SWITCH_TIMEOUT_MS;
  for (;;) {
    const { State } = await ops.aws.lambda.send(new GetEventSourceMappingCommand({ UUID: mapping }));
    if (State === wanted) return;
    if (ops.now().getTime() > giveUpAt) {
      throw new Refusal(
        'mapping_slow',
        `The mapping of ${worker} is still "${State}" after two minutes.`,
        `Look at it in the Lambda console (${mapping}), then run the verb again.`,
      );
    }
    await ops.sleep(1000);
  }
}

/** Whether each function takes from its queue; `missing` when its mapping was deleted. */
export async function consumerStates(ops: Ops): Promise<Record<QueueFed, ConsumerState>> {
  const { outputs } = await ops.stack();
  const ids = ofQueueFed(outputs, 'MappingId');
  const states = await Promise.all(
    queueFed.map(async (name) => {
      const found = await ifThere(ops.aws.lambda.send(new GetEventSourceMappingCommand({ UUID: ids[name] })));
      return [name, found ? (isOn({ state: found.State ?? '' }) ? 'running' : 'paused') : 'missing'] as const;
    }),
  );
  return Object.fromEntries(states) as Record<QueueFed, ConsumerState>;
}

export type ConsumerState = 'running' | 'paused' | 'missing';
