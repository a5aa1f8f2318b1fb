import type { QueueFed } from '../../core/workers.ts';
import type { LiveRule } from '../deployment/live-rules.ts';
import type { WorkerLook } from './look.ts';

/** Whether one worker is over what failed. */
export interface WorkerRecovery {
  name: QueueFed;
  recovered: boolean;
  last_failure_at: string | null;
  /** Messages that failed and wait for their next attempt. */
  in_backoff: number;
  /** When the last of them comes back. */
  latest_retry_at: string | null;
  settled_last_minute: number;
  waiting: number | null;
  in_flight: number;
  says: string;
}

export interface Recovery {
  recovered: boolean;
  workers: WorkerRecovery[];
  /** What is still not well, or that all is, one sentence each. */
  says: string[];
}

/** What stands in the way whatever the log says. */
export interface WatchedState {
  rules: Pick<LiveRule, 'name' | 'state'>[];
  paused: QueueFed[];
  secretEmpty: string[];
  deadLetters: { name: string; number: number }[];
}

/** So long without a failure before we believe it. */
const QUIET_MS = 60_000;

/** Whether it is over: by each worker's look, and by what stands. */
export function recoveryOf(looks: readonly WorkerLook[], standing: WatchedState): Recovery {
  const workers = looks.map(ofWorker);
  const says = [
    ...standing.secretEmpty.map((name) => `${name} is empty in the secret`),
    ...standing.rules
      .filter(({ state }) => state !== 'ENABLED')
      .map(({ name, state }) => `the rule ${name} is ${state === 'missing' ? 'gone' : 'disabled'}`),
    ...standing.paused.map((name) => `${name} takes nothing from its queue`),
    ...workers.filter(({ recovered }) => !recovered).map(({ name, says }) => `${name}: ${says}`),
    ...standing.deadLetters.filter(({ number }) => number > 0).map(({ name, number }) => `${number} in ${name}`),
  ];
  const recovered = says.length === 0;
  return { recovered, workers, says: recovered ? workers.map(({ name, says }) => `${name}: ${says}`) : says };
}

function ofWorker({ name, at, everFailed, lastCrashAt, settledLastMinute, held }: WorkerLook): WorkerRecovery {
  const attempts = [...everFailed.values()];
  const backoff = attempts.filter(({ ended }) => ended === 'deferred');
  const failures = attempts.filter(({ ended }) => ended !== 'settled').map((attempt) => attempt.at);
  const lastFailure = [...failures, ...(lastCrashAt ? [lastCrashAt] : [])].sort(byTime).at(-1) ?? null;
  const healedSince = attempts.some(
    (attempt) => attempt.ended === 'settled' && (lastFailure === null || attempt.at > lastFailure),
  );
  const latestRetry =
    backoff
      .map(({ retryAt }) => retryAt!)
      .sort(byTime)
      .at(-1) ?? null;
  const quiet = lastFailure === null || at.getTime() - lastFailure.getTime() >= QUIET_MS;
  // What failed and was settled since is the proof; without one, what lies in the queue must go.
  const proved = backoff.length > 0 ? healedSince : settledLastMinute > 0 || isEmpty(held);
  const says = [
    held === null ? 'its queue does not exist' : null,
    lastFailure ? `last failure ${Math.round((at.getTime() - lastFailure.getTime()) / 1000)} s ago` : 'no failure',
    backoff.length > 0
      ? `${backoff.length} still in backoff, the latest at ${latestRetry!.toISOString().slice(11, 16)}`
      : null,
    `settled in the last minute: ${settledLastMinute}`,
    held === null || isEmpty(held) ? null : `${held.waiting} waiting, ${held.in_flight} in flight`,
  ];
  return {
    name,
    recovered: held !== null && quiet && proved,
    last_failure_at: lastFailure?.toISOString() ?? null,
    in_backoff: backoff.length,
    latest_retry_at: latestRetry?.toISOString() ?? null,
    settled_last_minute: settledLastMinute,
    waiting: held?.waiting ?? null,
    in_flight: held?.in_flight ?? 0,
    says: says.filter((part) => part !== null).join('; '),
  };
}

const isEmpty = (held: WorkerLook['held']): boolean => held !== null && held.waiting + held.in_flight === 0;
const byTime = (one: Date, other: Date): number => one.getTime() - other.getTime();
