import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { type QueueFed, queueFed } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import { toUserError } from '../cli/user-error.ts';
import { type RecentLog, recentLog } from '../deployment/recent-attempts.ts';
import { checkLive } from '../doctor/aws-end.ts';
import type { Check } from '../doctor/check.ts';
import { checkEnds } from '../doctor/doctor.ts';
import type { HealthWord } from '../status/pipeline-state.ts';
import { status } from '../status/status.ts';
import { type RecordedChange, recentChanges } from './recent-changes.ts';

/** Attempts of the last minutes that ended with one code. */
export interface FailureCode {
  code: string;
  attempts: number;
  workers: QueueFed[];
  /** What the newest of them said. */
  detail: string | null;
}

/** All that a diagnosis is made from. */
export interface Evidence {
  /** Null when not even that could be looked at. */
  health: HealthWord | null;
  reasons: string[];
  /** What doctor found wrong. */
  wrong: Check[];
  /** Most attempts first. */
  codes: FailureCode[];
  /** The newest crash of each function that crashed. */
  crashes: { worker: QueueFed; says: string }[];
  changes: RecordedChange[];
  /** What could not be looked at, and why. */
  unseen: string[];
}

const RECENT_S = 10 * 60;
const CHANGES_S = 3600;

/** Looks at everything at once. What cannot be looked at is said, and keeps nothing else from it. */
export async function gather(ops: Ops, ownerUrl: string | undefined): Promise<Evidence> {
  const unseen: string[] = [];
  const guarded = async <Seen>(part: string, look: () => Promise<Seen>, otherwise: Seen): Promise<Seen> => {
    try {
      return await look();
    } catch (error) {
      unseen.push(`${part}: ${toUserError(error, ops.lines)?.message ?? (error as Error).message}`);
      return otherwise;
    }
  };
  const [now, checks, logs, changes] = await Promise.all([
    guarded('status', async () => (await status(ops)).data, null),
    guarded('doctor', () => allChecks(ops, ownerUrl), []),
    Promise.all(
      queueFed.map(async (worker) => ({
        worker,
        log: await guarded(`the log of ${worker}`, () => recentLog(ops, worker, RECENT_S), {
          attempts: [],
          crashes: [],
          cut: false,
        }),
      })),
    ),
    guarded('CloudTrail', () => recentChanges(ops, CHANGES_S), []),
  ]);
  const deadLetters = checks.some(({ id, verdict }) => id === 'aws.queues.empty' && verdict === 'wrong');
  return {
    health: now?.health ?? null,
    reasons: now?.reasons ?? [],
    wrong: checks.filter(({ verdict }) => verdict === 'wrong'),
    codes: stillFailing(logs, deadLetters),
    crashes: logs.flatMap(({ worker, log }) =>
      log.crashes.length > 0 ? [{ worker, says: log.crashes.at(-1)!.says }] : [],
    ),
    changes,
    unseen: [
      ...unseen,
      // That nobody gave the owner's password is ordinary.
      ...checks.flatMap(({ id, verdict, says }) =>
        verdict === 'not checked' && id !== 'database.migrations' ? [says] : [],
      ),
    ],
  };
}

async function allChecks(ops: Ops, ownerUrl: string | undefined): Promise<Check[]> {
  const [{ Account = '' }, region] = await Promise.all([
    ops.aws.sts.send(new GetCallerIdentityCommand({})),
    ops.aws.sts.config.region(),
  ]);
  const parts = await Promise.all([...checkLive(ops, Account), checkEnds(ops, { account: Account, region, ownerUrl })]);
  return parts.flat();
}

/**
 * Why messages fail now: by the last attempt of each, since one that was settled since belongs to an incident that is over. What was parked
 * counts for as long as something lies in the failed queues.
 */
function stillFailing(logs: { worker: QueueFed; log: RecentLog }[], deadLetters: boolean): FailureCode[] {
  const codes = new Map<string, FailureCode>();
  for (const { worker, log } of logs) {
    const last = new Map(log.attempts.map((attempt) => [attempt.messageId, attempt]));
    for (const { code, detail, messageId } of log.attempts) {
      const ended = last.get(messageId)!.ended;
      if (code === null || ended === 'settled' || (ended === 'parked' && !deadLetters)) continue;
      const known = codes.get(code) ?? { code, attempts: 0, workers: [], detail: null };
      const workers = known.workers.includes(worker) ? known.workers : [...known.workers, worker];
      codes.set(code, { code, attempts: known.attempts + 1, workers, detail: detail ?? known.detail });
    }
  }
  return [...codes.values()].sort((one, other) => other.attempts - one.attempts);
}
