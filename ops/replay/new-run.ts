import { join } from 'node:path';
import type { StackOutputs } from '../../lib/outputs.ts';
import { ofWorkers } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import { cutIntoPieces, type ReplayRange } from './range.ts';
import type { ReplayRun } from './replay-run.ts';

const stateFolder = join(import.meta.dirname, '../../.local/replays');

export function newRun(ops: Ops, options: ReplayRange & { pieceHours: number }, outputs: StackOutputs): ReplayRun {
  const startedAt = ops.now();
  // Replay names may have 64 characters: app (≤ 34 here), environment, 15 of time, up to 8 of piece.
  const name = `${ops.appName.slice(0, 30)}-${ops.environment}-${startedAt.toISOString().slice(0, 19).replace(/[-:]/g, '')}`;
  const ruleArns = ofWorkers(outputs, 'RuleArn');
  return {
    run: name,
    stack: ops.stackName,
    archive_arn: outputs.ArchiveArn,
    bus_arn: outputs.StripeEventBusArn,
    rule_arns: options.rules.map((worker) => ruleArns[worker]),
    from: options.from.toISOString(),
    to: options.to.toISOString(),
    rules: [...options.rules],
    started_at: startedAt.toISOString(),
    pieces: cutIntoPieces(options, options.pieceHours, name),
  };
}

/** Where a run of this range is kept, so that the same command takes it up again. */
export function defaultFile(ops: Ops, { from, to, rules }: ReplayRange): string {
  const short = (date: Date) => date.toISOString().slice(0, 19).replace(/[-:]/g, '');
  return join(stateFolder, `${ops.stackName}-${short(from)}-${short(to)}-${rules.join('-')}.json`);
}
