import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { DeleteMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change, Report } from '../cli/report.ts';
import { type DeadLetterQueue, deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import { type DeadLetter, destinationName, receiveDeadLetters, release } from './dead-letters.ts';

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

/**
 * Long enough to look through a queue of ten thousand without meeting a message twice; a verb that is killed leaves the messages hidden
 * for this long, not lost.
 */
const HIDDEN_S = 300;

/** What lies in the queues for the lost, grouped by reason. Looks at up to `limit` messages of each queue and leaves them there. */
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
    const seen = depth.waiting === 0 ? [] : await look(ops, queue, limit);
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
    act: () =>
      act(
        ops,
        { ...filter, queues: [...new Set(plan.groups.map(({ queue }) => queue))] },
        { limit, discardTo, expected: messages.length },
      ),
  };
}

async function act(
  ops: Ops,
  filter: DeadLetterFilter,
  { limit, discardTo, expected }: { limit: number; discardTo: string | undefined; expected: number },
): Promise<Report<RedriveResult>> {
  const { outputs } = await ops.stack();
  const result: RedriveResult = { sent_back: 0, discarded: 0, kept: 0, file: discardTo ?? null };
  const found: string[] = [];
  const save = discardTo === undefined ? undefined : openSave(discardTo);
  try {
    for (const queue of chosenQueues(deadLetterQueues(outputs), filter)) {
      const kept: DeadLetter[] = [];
      await eachPage(ops, queue, limit, async (page) => {
        for (const message of page) {
          if (!isMeant(message, filter)) {
            kept.push(message);
            continue;
          }
          try {
            if (save) save.write(message);
            else await sendBack(ops, message);
          } catch (error) {
            kept.push(message);
            result.kept += 1;
            found.push(`${message.event_id ?? message.message_id} stays in ${queue.name}: ${(error as Error).message}`);
            continue;
          }
          await ops.aws.sqs.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle: message.receipt }));
          result[save ? 'discarded' : 'sent_back'] += 1;
          ops.say(`${result.sent_back + result.discarded} of ${expected}: ${message.event_id ?? message.message_id}`);
        }
      });
      await release(ops.aws.sqs, kept);
    }
  } finally {
    save?.close();
  }
  return { data: result, found };
}

/** To its own place; resolves only when the message is there. */
async function sendBack({ aws }: Ops, { back_to, body, attributes }: DeadLetter): Promise<void> {
  switch (back_to.kind) {
    case 'queue':
      await aws.sqs.send(
        new SendMessageCommand({
          QueueUrl: back_to.url,
          MessageBody: body,
          // The worker sees by `reason` that this one broke its promise already.
          ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributes }),
          // A fresh deduplication id: with the content's, SQS would drop a message it saw within five minutes, and we delete ours.
          ...(back_to.group !== null && { MessageGroupId: back_to.group, MessageDeduplicationId: randomUUID() }),
        }),
      );
      return;
    case 'bus': {
      const { FailedEntryCount, Entries } = await aws.eventbridge.send(
        new PutEventsCommand({ Entries: [{ ...back_to.entry, EventBusName: back_to.name }] }),
      );
      if (FailedEntryCount) throw new Error(`${Entries?.[0]?.ErrorCode}: ${Entries?.[0]?.ErrorMessage}`);
      return;
    }
    case 'function':
      await aws.lambda.send(
        new InvokeCommand({ FunctionName: back_to.name, InvocationType: 'Event', Payload: back_to.payload }),
      );
      return;
    case 'nowhere':
      throw new Error(`there is no place to send it to, because ${back_to.why}; --discard saves it to a file`);
  }
}

/** A new file of one JSON object a line; each line is on the disk before the message is deleted. */
function openSave(path: string) {
  let file: number;
  try {
    // `x`: never over an earlier save.
    file = openSync(path, 'ax', 0o600);
  } catch (cause) {
    throw new Refusal(
      'discard_file',
      `Cannot create ${path}: ${(cause as Error).message}`,
      'Give another path with --file.',
      { cause },
    );
  }
  return {
    write({ queue, receipt: _receipt, ...message }: DeadLetter) {
      writeSync(file, `${JSON.stringify({ queue: queue.name, ...message })}\n`);
      fsyncSync(file);
    },
    close: () => closeSync(file),
  };
}

async function look(ops: Ops, queue: DeadLetterQueue, limit: number): Promise<DeadLetter[]> {
  const seen: DeadLetter[] = [];
  try {
    await eachPage(ops, queue, limit, async (page) => {
      seen.push(...page);
    });
  } finally {
    await release(ops.aws.sqs, seen);
  }
  return seen;
}

/** Goes through a queue once: ends when it shows nothing more, shows something again, or `limit` is reached. */
async function eachPage(
  ops: Ops,
  queue: DeadLetterQueue,
  limit: number,
  take: (page: DeadLetter[]) => Promise<void>,
): Promise<void> {
  const { outputs } = await ops.stack();
  const met = new Set<string>();
  while (met.size < limit) {
    const page = await receiveDeadLetters(ops.aws.sqs, queue, outputs, HIDDEN_S);
    const fresh = page.filter(({ message_id }) => !met.has(message_id)).slice(0, limit - met.size);
    const rest = page.filter((message) => !fresh.includes(message));
    if (rest.length > 0) await release(ops.aws.sqs, rest);
    if (fresh.length === 0) return;
    for (const { message_id } of fresh) met.add(message_id);
    await take(fresh);
  }
}

function chosenQueues(queues: DeadLetterQueue[], { queues: names }: DeadLetterFilter): DeadLetterQueue[] {
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
    back_to: destinationName(first.back_to),
  };
}
