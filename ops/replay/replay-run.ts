import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  CancelReplayCommand,
  DescribeReplayCommand,
  ListReplaysCommand,
  StartReplayCommand,
} from '@aws-sdk/client-eventbridge';
import type { Ops } from '../cli/ops.ts';
import type { ProgressReporter } from '../cli/progress.ts';
import { Refusal } from '../cli/refusal.ts';
import { MOST_AT_ONCE, type Piece } from './range.ts';

/** A replay under way, as its file keeps it: enough to go on after a crash, a closed laptop or a cancel. */
export interface ReplayRun {
  run: string;
  stack: string;
  archive_arn: string;
  bus_arn: string;
  rule_arns: string[];
  from: string;
  to: string;
  rules: string[];
  started_at: string;
  pieces: Piece[];
}

const POLL_MS = 3000;

export function loadRun(file: string): ReplayRun | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ReplayRun;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Refusal(
      'state_file',
      `The state file ${file} cannot be read: ${(error as Error).message}`,
      'Delete it to begin anew: what was replayed already is replayed again, which changes nothing.',
    );
  }
}

/** Whole or not at all: a crash while writing leaves the old file. */
export function saveRun(file: string, run: ReplayRun): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(run, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export const isOpen = ({ pieces }: ReplayRun): boolean => pieces.some(({ state }) => state !== 'completed');

/**
 * Starts the pieces that are to do, `atOnce` side by side and never more than the account may run, and waits for them.
 * @returns `finished` when no piece is left, `left` when the person went and the replays run on, `cancelled` when they were stopped.
 */
export async function runPieces(
  ops: Ops,
  run: ReplayRun,
  { file, atOnce, reporter }: { file: string; atOnce: number; reporter: ProgressReporter },
): Promise<'finished' | 'left' | 'cancelled'> {
  for (const piece of run.pieces) if (piece.state === 'failed' || piece.state === 'cancelled') rename(piece);
  for (;;) {
    for (const piece of run.pieces.filter(({ state }) => state === 'running')) await look(ops, piece);
    const running = run.pieces.filter(({ state }) => state === 'running').length;
    const todo = run.pieces.filter(({ state }) => state === 'todo');
    const free = todo.length === 0 ? 0 : Math.min(atOnce - running, MOST_AT_ONCE - (await activeReplays(ops)));
    for (const piece of todo.slice(0, Math.max(0, free))) {
      await start(ops, run, piece);
      saveRun(file, run);
    }
    saveRun(file, run);
    const left = run.pieces.filter(({ state }) => state === 'todo' || state === 'running');
    reporter.progress(await shareDone(ops, run), `${run.pieces.length - left.length} of ${run.pieces.length} pieces`);
    if (left.length === 0) return 'finished';
    if (await reporter.wait(POLL_MS)) {
      const choice = await reporter.ask();
      if (choice === 'leave') return 'left';
      if (choice === 'cancel') {
        for (const piece of run.pieces.filter(({ state }) => state === 'running')) await cancel(ops, piece);
        saveRun(file, run);
        return 'cancelled';
      }
    }
  }
}

async function start({ aws }: Ops, run: ReplayRun, piece: Piece): Promise<void> {
  try {
    await aws.eventbridge.send(
      new StartReplayCommand({
        ReplayName: piece.name,
        Description: `ops replay ${run.run}`,
        // The source of a replay is the archive; its destination is the bus, narrowed to rules, or the audit would get everything again.
        EventSourceArn: run.archive_arn,
        EventStartTime: new Date(piece.from),
        EventEndTime: new Date(piece.to),
        Destination: { Arn: run.bus_arn, FilterArns: run.rule_arns },
      }),
    );
    piece.state = 'running';
  } catch (error) {
    // Started by a run that ended before it could note so.
    if ((error as Error).name === 'ResourceAlreadyExistsException') piece.state = 'running';
    // Somebody else's replays took the last places: the next round tries again.
    else if ((error as Error).name !== 'LimitExceededException') throw error;
  }
}

async function look({ aws }: Ops, piece: Piece): Promise<void> {
  const { State, StateReason } = await aws.eventbridge.send(new DescribeReplayCommand({ ReplayName: piece.name }));
  if (State === 'COMPLETED') piece.state = 'completed';
  if (State === 'FAILED') Object.assign(piece, { state: 'failed', why: StateReason ?? 'EventBridge gives no reason' });
  if (State === 'CANCELLED' || State === 'CANCELLING') piece.state = 'cancelled';
}

async function cancel({ aws }: Ops, piece: Piece): Promise<void> {
  try {
    await aws.eventbridge.send(new CancelReplayCommand({ ReplayName: piece.name }));
    piece.state = 'cancelled';
  } catch (error) {
    // It ended in this very moment.
    if ((error as Error).name !== 'IllegalStatusException') throw error;
    piece.state = 'completed';
  }
}

/** A name can be used once in 90 days, so a second try of a piece gets another. */
function rename(piece: Piece): void {
  const [, name, again] = /^(.*?)(?:r(\d+))?$/.exec(piece.name)!;
  Object.assign(piece, { name: `${name}r${Number(again ?? 1) + 1}`, state: 'todo', why: null });
}

async function activeReplays({ aws }: Ops): Promise<number> {
  let active = 0;
  for (const State of ['STARTING', 'RUNNING', 'CANCELLING'] as const) {
    const { Replays = [] } = await aws.eventbridge.send(new ListReplaysCommand({ State }));
    active += Replays.length;
  }
  return active;
}

/** Share of the range that is replayed, 0 to 1. */
async function shareDone({ aws }: Ops, run: ReplayRun): Promise<number> {
  let done = 0;
  for (const { name, from, to, state } of run.pieces) {
    const length = Date.parse(to) - Date.parse(from);
    if (state === 'running') {
      const { EventLastReplayedTime } = await aws.eventbridge.send(new DescribeReplayCommand({ ReplayName: name }));
      if (EventLastReplayedTime)
        done += Math.min(length, Math.max(0, EventLastReplayedTime.getTime() - Date.parse(from)));
    } else if (state !== 'todo') done += length;
  }
  return done / (Date.parse(run.to) - Date.parse(run.from));
}
