import type { Worker } from '../../core/workers.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import { Refusal } from '../cli/refusal.ts';

/** What to replay. */
export interface ReplayRange {
  from: Date;
  to: Date;
  rules: readonly Worker[];
}

/** One replay of EventBridge: a part of the range, under a name of its own. */
export interface Piece {
  /** Unique in the account for 90 days; the functions take it for the replay's identity. */
  name: string;
  from: string;
  to: string;
  state: 'todo' | 'running' | 'completed' | 'cancelled' | 'failed';
  /** EventBridge's reason, when it failed. */
  why: string | null;
}

/** EventBridge asks for that much time before an event is surely in the archive. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html */
export const SETTLED_AFTER_MS = 10 * 60_000;

/** At most so many replays of an account and region run at once. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
export const MOST_AT_ONCE = 10;

/** @throws {Refusal} when the range is empty, reaches into the last ten minutes, or begins before the archive. */
export function checkRange(
  { from, to }: ReplayRange,
  archive: { createdAt: Date; retentionDays: number },
  now: Date,
  allowRecent: boolean,
  lines: CommandLines,
): void {
  if (from >= to)
    throw new Refusal(
      'empty_range',
      `--from (${from.toISOString()}) is not before --to (${to.toISOString()}).`,
      'Swap them.',
    );
  if (from > now)
    throw new Refusal(
      'future_range',
      `--from (${from.toISOString()}) is in the future.`,
      'Times without a zone are your local time; add Z for UTC.',
    );
  const settled = new Date(now.getTime() - SETTLED_AFTER_MS);
  if (to > settled && !allowRecent) {
    throw new Refusal(
      'too_recent',
      `--to (${to.toISOString()}) is less than ten minutes ago: EventBridge may not have archived those events yet, and would leave them out without a word.`,
      `Use --to ${toSecond(settled)} or earlier, or wait; --allow-recent takes what is there.`,
    );
  }
  const oldest =
    archive.retentionDays > 0 ? new Date(now.getTime() - archive.retentionDays * 86_400_000) : archive.createdAt;
  const first = new Date(Math.max(oldest.getTime(), archive.createdAt.getTime()));
  if (to <= first) {
    throw new Refusal(
      'before_archive',
      `The archive holds nothing before ${first.toISOString()}.`,
      `What is older is in the audit bucket only; \`${lines.verb('reconcile')}\` heals plan states from Stripe.`,
    );
  }
}

/** Cuts a range: a piece that fails or is cancelled costs only itself, and what is done is done. */
export function cutIntoPieces({ from, to }: ReplayRange, pieceHours: number, runName: string): Piece[] {
  const step = pieceHours * 3_600_000;
  const count = Math.ceil((to.getTime() - from.getTime()) / step);
  const width = String(count).length;
  return Array.from({ length: count }, (_, index) => ({
    name: `${runName}-${String(index + 1).padStart(width, '0')}`,
    from: new Date(from.getTime() + index * step).toISOString(),
    to: new Date(Math.min(to.getTime(), from.getTime() + (index + 1) * step)).toISOString(),
    state: 'todo',
    why: null,
  }));
}

/** `2026-11-21T10:00:00Z`: what a person can type again. */
export const toSecond = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
