import { GetEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import type { QueueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { isOn } from '../deployment/consumer.ts';
import { askCloudWatch, oldestMessage, type Question, sum } from '../deployment/metric-values.ts';
import { ifThere } from '../deployment/not-there.ts';
import { queueDepth, queueNameOf, workQueueUrls } from '../deployment/queue-depths.ts';
import { recentLog } from '../deployment/recent-attempts.ts';

/** One worker in the last five minutes: what came, what was settled, what crashed. */
export interface WorkerNow {
  name: QueueFed;
  state: 'running' | 'paused' | 'missing';
  /** Messages that came into its queue, the last minute left out; null when CloudWatch has no number. */
  arrived: number | null;
  /** Messages that left its queue for good. */
  settled: number;
  /** Runs that crashed, timed out or could not start. */
  crashed: number;
  /** Messages wait, and for five minutes none was settled. */
  stuck: boolean;
}

export interface WorkerQueue {
  waiting: number | null;
  in_flight: number;
  oldest_s: number | null;
}

const WINDOW_S = 300;
/** Without CloudWatch's numbers, a message that still waits after so long, with nothing settled meanwhile, did not just arrive. */
const SECOND_LOOK_MS = 15_000;

/** Looks at one worker: queue, mapping, metrics and log together, since each of them alone can be blind. */
export async function workerNow(ops: Ops, name: QueueFed): Promise<{ now: WorkerNow; queue: WorkerQueue }> {
  const { outputs } = await ops.stack();
  const url = workQueueUrls(outputs)[name];
  const [mapping, queue, log, [sent = [], deleted = [], errors = [], oldest = []]] = await Promise.all([
    ifThere(ops.aws.lambda.send(new GetEventSourceMappingCommand({ UUID: ofQueueFed(outputs, 'MappingId')[name] }))),
    ifThere(queueDepth(ops.aws.sqs, url)),
    recentLog(ops, name, WINDOW_S),
    askCloudWatch(
      ops,
      [
        ofQueue(url, 'NumberOfMessagesSent'),
        ofQueue(url, 'NumberOfMessagesDeleted'),
        errorsOf(ofQueueFed(outputs, 'FunctionName')[name]),
        oldestMessage(url),
      ],
      WINDOW_S,
    ),
  ]);
  const aMinuteAgo = ops.now().getTime() - 60_000;
  const state = mapping === null ? 'missing' : isOn({ state: mapping.State ?? '' }) ? 'running' : 'paused';
  const held = queue ? queue.waiting + queue.in_flight : 0;
  const settled = Math.max(sum(deleted), log.attempts.filter(({ ended }) => ended !== 'deferred').length);
  const arrived = sent.length === 0 ? null : sum(sent.filter(({ at }) => at.getTime() <= aMinuteAgo));
  const oldest_s = held === 0 ? null : (oldest[0]?.value ?? null);
  const quiet = state === 'running' && held > 0 && settled === 0;
  return {
    now: {
      name,
      state,
      arrived,
      settled,
      crashed: Math.max(sum(errors), log.crashes.length),
      stuck:
        quiet &&
        ((arrived ?? 0) > 0 || (oldest_s ?? 0) >= WINDOW_S || (await isStuckStill(ops, name, arrived ?? oldest_s))),
    },
    queue: { waiting: queue ? queue.waiting : null, in_flight: queue?.in_flight ?? 0, oldest_s },
  };
}

/** Looks again a little later where CloudWatch knows nothing yet (`known` is null): did what waited just arrive? */
async function isStuckStill(ops: Ops, name: QueueFed, known: number | null): Promise<boolean> {
  if (known !== null) return false;
  const { outputs } = await ops.stack();
  ops.say(`Messages wait for ${name} and none was settled: looking again in ${SECOND_LOOK_MS / 1000} s.`);
  await ops.sleep(SECOND_LOOK_MS);
  const [depth, log] = await Promise.all([
    queueDepth(ops.aws.sqs, workQueueUrls(outputs)[name]),
    recentLog(ops, name, WINDOW_S),
  ]);
  return depth.waiting + depth.in_flight > 0 && log.attempts.every(({ ended }) => ended === 'deferred');
}

const ofQueue = (url: string, metric: string): Question => ({
  namespace: 'AWS/SQS',
  metric,
  dimensions: { QueueName: queueNameOf(url) },
  statistic: 'Sum',
  period_s: 60,
});

const errorsOf = (FunctionName: string): Question => ({
  namespace: 'AWS/Lambda',
  metric: 'Errors',
  dimensions: { FunctionName },
  statistic: 'Sum',
  period_s: 60,
});
