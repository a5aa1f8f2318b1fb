import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { capitalised, queueFed } from '../../core/workers.ts';
import { ofQueueFed } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { type LiveRule, liveRules } from '../deployment/live-rules.ts';
import { ifThere } from '../deployment/not-there.ts';
import { deadLetterQueues, queueNameOf, workQueueUrls } from '../deployment/queue-depths.ts';
import { type Check, ok, some, wrong } from './check.ts';
import { makeAnew, revertDrift } from './repairs.ts';

interface LiveQueue {
  name: string;
  url: string;
  held: number;
  policy: PolicyStatement[];
  /** Name of the queue that takes what is given up; null for none. */
  redrivesTo: string | null;
}

/** The little of a queue's policy that decides who may send. */
interface PolicyStatement {
  Effect?: string;
  Principal?: { Service?: string | string[] } | string;
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** Every queue as SQS has it now: there, open to its rules, with its dead-letter queue, and empty if it should be. */
export async function checkQueues(ops: Ops): Promise<Check[]> {
  const { outputs } = await ops.stack();
  const work = queueFed.map((name) => ({ name: name as string, url: workQueueUrls(outputs)[name] }));
  const dead = deadLetterQueues(outputs);
  const [queues, rules] = await Promise.all([
    Promise.all([...work, ...dead].map((one) => live(ops, one))),
    liveRules(ops),
  ]);
  const gone = [...work, ...dead].filter((_, index) => queues[index] === null).map(({ url }) => queueNameOf(url));
  const there = queues.filter((queue) => queue !== null);
  const closed = there.filter((queue) => !rulesOf(rules, queue.name).every((rule) => admits(queue, rule)));
  const failedOf: Record<string, string> = ofQueueFed(outputs, 'FailedQueueUrl');
  const endless = there.filter(({ name, redrivesTo }) => {
    const failed = failedOf[name];
    return failed !== undefined && redrivesTo !== queueNameOf(failed);
  });
  const held = there.filter((queue) => queue.held > 0 && dead.some(({ name }) => name === queue.name));
  const name = ({ url }: LiveQueue) => queueNameOf(url);
  return [
    gone.length === 0
      ? ok('aws.queues.there', `All ${queues.length} queues are there.`)
      : wrong(
          'aws.queues.there',
          `Gone: ${some(gone)}. What EventBridge cannot deliver is lost to them.`,
          revertDrift(ops),
        ),
    closed.length === 0
      ? ok('aws.queues.policy', 'Each admits its own rules.')
      : wrong(
          'aws.queues.policy',
          `Closed to their rules: ${some(closed.map(name))}.`,
          makeAnew(ops, closed.map(policyPath)),
        ),
    endless.length === 0
      ? ok('aws.queues.redrive', 'Each work queue gives what it gives up to its failed queue.')
      : wrong(
          'aws.queues.redrive',
          `Without their failed queue: ${some(endless.map(name))}. What they give up is lost after 14 days.`,
          revertDrift(ops),
        ),
    held.length === 0
      ? ok('aws.queues.empty', `All ${dead.length} queues for what is lost are empty.`)
      : wrong(
          'aws.queues.empty',
          `Not empty: ${held.map((queue) => `${queue.name} (${queue.held})`).join(', ')}.`,
          `\`${ops.lines.verb('redrive')}\` shows why. Remove the reason first, or what is sent back comes round again.`,
        ),
  ];
}

async function live(ops: Ops, { name, url }: { name: string; url: string }): Promise<LiveQueue | null> {
  const found = await ifThere(
    ops.aws.sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] })),
  );
  if (!found) return null;
  const { Attributes = {} } = found;
  const number = (key: keyof typeof Attributes) => Number(Attributes[key] ?? 0);
  const redrive = JSON.parse(Attributes.RedrivePolicy || '{}') as { deadLetterTargetArn?: string };
  const policy = JSON.parse(Attributes.Policy || '{}') as { Statement?: PolicyStatement[] };
  return {
    name,
    url,
    held: number('ApproximateNumberOfMessages') + number('ApproximateNumberOfMessagesNotVisible'),
    policy: policy.Statement ?? [],
    redrivesTo: redrive.deadLetterTargetArn ? queueNameOf(redrive.deadLetterTargetArn) : null,
  };
}

/** The rules that send to a queue: to a work queue what they take, to an undelivered queue what they cannot deliver. */
const rulesOf = (rules: LiveRule[], queue: string): LiveRule[] =>
  rules.filter(({ feeds }) => queue === feeds || queue === `${feeds}-undelivered`);

/** The construct of a queue's policy: `Billing/Queue/Policy`, `Billing/Undelivered/Policy`. */
function policyPath({ name }: LiveQueue): string {
  const [owner = '', kind = 'queue'] = name.split('-');
  return `${capitalised(owner)}/${capitalised(kind)}/Policy`;
}

function admits({ policy }: LiveQueue, { name }: LiveRule): boolean {
  return policy.some(({ Effect, Principal, Condition = {} }) => {
    const services = typeof Principal === 'object' ? [Principal.Service ?? []].flat() : [];
    if (Effect !== 'Allow' || !(services.includes('events.amazonaws.com') || Principal === '*')) return false;
    const sources = Object.values(Condition).flatMap((keys) => [keys['aws:SourceArn'] ?? []].flat());
    return sources.length === 0 || sources.some((arn) => arn.endsWith(`/${name}`) || arn.endsWith('*'));
  });
}
