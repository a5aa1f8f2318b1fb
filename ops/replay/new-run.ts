import { join } from 'node:path';
import type { IntakeOutputs } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { cutIntoPieces, type ReplayRange } from './range.ts';
import type { ReplayRun } from './replay-run.ts';

const stateFolder = join(import.meta.dirname, '../../.local/replays');

export function newRun(ops: Ops, options: ReplayRange & { pieceHours: number }, intake: IntakeOutputs): ReplayRun {
  const startedAt = ops.now();
  // Replay names may have 64 characters: app (≤ 34 here), environment, 15 of time, up to 8 of piece.
  const name = `${ops.appName.slice(0, 30)}-${ops.environment}-${startedAt.toISOString().slice(0, 19).replace(/[-:]/g, '')}`;
  return {
    run: name,
    stack: ops.stackName,
    archive_arn: intake.archiveArn,
    bus_arn: intake.busArn,
    rule_arns: options.rules.map((worker) => intake.ruleArns[worker]),
    from: options.from.toISOString(),
    to: options.to.toISOString(),
    rules: [...options.rules],
    started_at: startedAt.toISOString(),
    pieces: cutIntoPieces(options, options.pieceHours, name),
  };
}

/** Where a run of this range is kept, so that the same command takes it up again. */
export function defaultFile(ops: Ops, { from, to, rules }: ReplayRange, { source }: IntakeOutputs): string {
  const short = (date: Date) => date.toISOString().slice(0, 19).replace(/[-:]/g, '');
  return join(
    stateFolder,
    `${ops.stackName}-${source.split('/').at(-1)}-${short(from)}-${short(to)}-${rules.join('-')}.json`,
  );
}
