import { DeleteMessageCommand } from '@aws-sdk/client-sqs';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change, Report } from '../cli/verb-report.ts';
import { type DeadLetterDepth, deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import type { DeadLetter } from './dead-letters.ts';
import { newDiscardFile } from './discard-file.ts';
import { eachPage, lookAt, release } from './queue-pages.ts';
import { sendBack, wayBackName } from './way-back.ts';

/** Which messages are meant; every field given must match. */
export interface DeadLetterFilter {
  /** Queue names such as `billing-failed`; none means all. */
  queues: readonly string[];
  reason?: string;
  event_type?: string;
  /** Stripe's event id, or the message's. */
  id?: string;
}

export interface RedrivePlan {
  queues: { name: string; waiting: number; looked_at: number }[];
  groups: DeadLetterGroup[];
}

export interface DeadLetterGroup {
  queue: string;
  reason: string;
  event_type: string | null;
  count: number;
  /** One of them, to peek at with `--peek`. */
  example: string;
  example_detail: string;
  oldest: string;
  back_to: string;
}

export interface RedriveResult {
  sent_back: number;
  discarded: number;
  /** Left where they were, since their destination did not take them or there is none. */
  kept: number;
  /** Where the discarded messages are now. */
  file: string | null;
}

/** What lies in the dead-letter queues, grouped by reason. Looks at up to `limit` messages of each queue and leaves them there. */
export async function lookAtDeadLetters(
  ops: Ops,
  filter: DeadLetterFilter,
  limit: number,
): Promise<{ plan: RedrivePlan; messages: DeadLetter[] }> {
  const { outputs } = await ops.stack();
  const chosen = chosenQueues(deadLetterQueues(outputs), filter);
  const depths = await Promise.all(chosen.map(({ url }) => queueDepth(ops.aws.sqs, url)));
  const plan: RedrivePlan = { queues: [], groups: [] };
  const messages: DeadLetter[] = [];
  for (const [index, queue] of chosen.entries()) {
    const depth = depths[index]!;
    const seen = depth.waiting === 0 ? [] : await lookAt(ops, queue, limit);
    plan.queues.push({ name: queue.name, waiting: depth.waiting, looked_at: seen.length });
    messages.push(...seen.filter((message) => isMeant(message, filter)));
  }
  const groups = Map.groupBy(messages, ({ queue, reason, event_type }) => `${queue.name}\n${reason}\n${event_type}`);
  plan.groups = [...groups.values()].map(groupOf);
  return { plan, messages };
}

/** Sends what is meant back to where it came from, or with `discardTo` saves it to that file; only then deletes it here. */
export async function planRedrive(
  ops: Ops,
  filter: DeadLetterFilter,
  { limit, discardTo }: { limit: number; discardTo?: string },
): Promise<Change<RedrivePlan, RedriveResult>> {
  const { plan, messages } = await lookAtDeadLetters(ops, filter, limit);
  const unseen = plan.queues.filter(({ waiting, looked_at }) => waiting > looked_at && looked_at > 0);
  const verb = discardTo === undefined ? 'Send back' : `Save to ${discardTo} and delete`;
  return {
    plan,
    steps: plan.groups.map(
      (group) =>
        `${verb} ${group.count} of ${group.queue} (${group.reason})${discardTo === undefined ? ` to ${group.back_to}` : ''}.`,
    ),
    warnings: unseen.map(
      ({ name, waiting, looked_at }) =>
        `${name} holds about ${waiting} messages, of which ${looked_at} were looked at (--limit); the others stay for a second run.`,
    ),
    found: plan.groups.map(({ queue, reason, count }) => `${count} in ${queue}: ${reason}.`),
    act: () => act(ops, messages, discardTo),
  };
}

/** Exactly the messages that the plan counted: what came since was not looked at, and stays. */
async function act(
  ops: Ops,
  planned: readonly DeadLetter[],
  discardTo: string | undefined,
): Promise<Report<RedriveResult>> {
  const result: RedriveResult = { sent_back: 0, discarded: 0, kept: 0, file: discardTo ?? null };
  const found: string[] = [];
  const save = discardTo === undefined ? undefined : newDiscardFile(discardTo);
  const settle = async (message: DeadLetter): Promise<boolean> => {
    try {
      if (save) save.write(message);
      else await sendBack(ops, message);
    } catch (error) {
      found.push(`${nameOf(message)} stays in ${message.queue.name}: ${(error as Error).message}`);
      return false;
    }
    await ops.aws.sqs.send(new DeleteMessageCommand({ QueueUrl: message.queue.url, ReceiptHandle: message.receipt }));
    result[save ? 'discarded' : 'sent_back'] += 1;
    ops.say(`${result.sent_back + result.discarded} of ${planned.length}: ${nameOf(message)}`);
    return true;
  };
  try {
    for (const [, ofQueue] of Map.groupBy(planned, ({ queue }) => queue.url)) {
      const queue = ofQueue[0]!.queue;
      const left = new Set(ofQueue.map(({ message_id }) => message_id));
      const kept: DeadLetter[] = [];
      await eachPage(ops, queue, Number.POSITIVE_INFINITY, async (page) => {
        for (const message of page) {
          const isPlanned = left.delete(message.message_id);
          if (isPlanned && (await settle(message))) continue;
          kept.push(message);
          if (isPlanned) result.kept += 1;
        }
        return left.size === 0 ? 'enough' : undefined;
      });
      await release(ops.aws.sqs, kept);
      if (left.size > 0) {
        result.kept += left.size;
        found.push(
          `${left.size} of ${queue.name} were not to be seen any more: somebody else has them in hand, or took them.`,
        );
      }
    }
  } finally {
    save?.close();
  }
  return { data: result, found };
}

const nameOf = ({ event_id, message_id }: DeadLetter): string => event_id ?? message_id;

function chosenQueues(queues: DeadLetterDepth[], { queues: names }: DeadLetterFilter): DeadLetterDepth[] {
  const unknown = names.filter((name) => !queues.some((queue) => queue.name === name));
  if (unknown.length > 0) {
    throw new Refusal(
      'unknown_queue',
      `There is no queue ${unknown.join(', ')}.`,
      `Choose among ${queues.map(({ name }) => name).join(', ')}.`,
    );
  }
  return names.length === 0 ? queues : queues.filter(({ name }) => names.includes(name));
}

const isMeant = (message: DeadLetter, { reason, event_type, id }: DeadLetterFilter): boolean =>
  (reason === undefined || message.reason === reason) &&
  (event_type === undefined || message.event_type === event_type) &&
  (id === undefined || message.event_id === id || message.message_id === id);

function groupOf(messages: DeadLetter[]): DeadLetterGroup {
  const first = messages[0]!;
  return {
    queue: first.queue.name,
    reason: first.reason,
    event_type: first.event_type,
    count: messages.length,
    example: first.event_id ?? first.message_id,
    example_detail: first.detail,
    oldest: messages.map(({ since }) => since).sort()[0]!,
    back_to: wayBackName(first.back_to),
  };
}
