import { createHash } from 'node:crypto';
import { dueType } from '../core/stripe/read-fact.ts';
import { subscriptionWorker, type Worker } from '../core/workers.ts';
import type { PlanStore } from './ports.ts';

export interface ClockParts {
  store: Pick<PlanStore, 'dueUsers'>;
  /** Messages that the worker's queue holds now. */
  waiting(): Promise<number>;
  enqueue(worker: Worker, envelopes: object[]): Promise<void>;
  /** The configured partner event source: workers trust no other. */
  source: string;
  /** Names the run; the same again when it is tried again. */
  runId: string;
  livemode: boolean;
  /** Unix seconds. */
  now: number;
}

/** At one turn; who is left comes with the next, five minutes later. */
const AT_ONCE = 1000;

/**
 * Queues an event for each user whose plan changed by time alone: a grace period that ended, a cancellation whose date came. The worker derives the
 * plan anew and notifies the apps. Answers how many.
 *
 * Whoever waits in the queue already is still due; while a backlog of that size waits, nothing is added to it.
 */
export async function queueDue(parts: ClockParts): Promise<number> {
  if ((await parts.waiting()) >= AT_ONCE) return 0;
  const users = await parts.store.dueUsers(AT_ONCE);
  if (users.length > 0)
    await parts.enqueue(
      subscriptionWorker,
      users.map((user) => dueEvent(parts, user)),
    );
  return users.length;
}

/** "Derive this user's plan anew." */
export function dueEvent(
  { source, runId, livemode, now }: Pick<ClockParts, 'source' | 'runId' | 'livemode' | 'now'>,
  user: string,
): object {
  const id = `clock_${createHash('sha256').update(`${runId} ${user}`).digest('hex').slice(0, 32)}`;
  return {
    version: '0',
    id,
    source,
    'detail-type': dueType,
    time: new Date(now * 1000).toISOString(),
    origin: 'clock',
    detail: { id, type: dueType, created: now, livemode, api_version: null, data: { object: { id: user } } },
  };
}
