import { DescribeArchiveCommand } from '@aws-sdk/client-eventbridge';
import type { Worker } from '../../core/workers.ts';
import { type IntakeOutputs, ofWorkers } from '../../lib/outputs.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import type { Ops } from '../cli/ops.ts';
import type { ProgressReporter } from '../cli/progress.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/verb-report.ts';
import { auditedEvents } from '../deployment/audited-events.ts';
import { drain } from './drain.ts';
import { intakeNamed } from './intake.ts';
import { defaultFile, newRun } from './new-run.ts';
import { logGroupsOf, type ReplayOutcomes, replayOutcomes } from './outcomes.ts';
import { type Preview, previewReplay } from './preview.ts';
import { checkRange, MOST_AT_ONCE, type Piece, type ReplayRange } from './range.ts';
import { isOpen, loadRun, runPieces, saveRun } from './replay-run.ts';
import { takeOutSkipped, withoutSkipped } from './skip.ts';

export interface ReplayOptions extends ReplayRange {
  /** Take events of the last ten minutes too, as far as they are archived. */
  allowRecent: boolean;
  /** Hours per piece. */
  pieceHours: number;
  atOnce: number;
  /** Most events to try for the preview; 0 leaves the preview out. */
  previewLimit: number;
  /** Where the run is kept; by default a file named after stack and range. */
  stateFile?: string;
  /** The event source whose archive is replayed, by its destination's id; by default the one that Stripe sends to. */
  source?: string;
  /** Begin anew although the state file knows an unfinished run of this range. */
  fresh: boolean;
  /** Stripe events to leave out: discarded before, and kept in a file. */
  skip: ReadonlySet<string>;
}

export interface ReplayPlan {
  from: string;
  to: string;
  rules: readonly Worker[];
  preview: Preview | null;
  /** Events of the range that --skip leaves out; null without a preview. */
  skipped: number | null;
  pieces: Piece[];
  /** The run that goes on; null for a new one. */
  resumes: string | null;
  state_file: string;
}

export interface ReplayResult {
  run: string;
  ended: 'finished' | 'left' | 'cancelled';
  pieces: Piece[];
  outcomes: ReplayOutcomes | null;
  /** Parked again by this replay, and taken out of the failed queues again, since --skip names them. */
  taken_out: number;
  state_file: string;
}

/** Replays a range of the archive to the workers' rules; before that, shows what it would change. */
export async function planReplay(
  ops: Ops,
  options: ReplayOptions,
  reporter: ProgressReporter,
): Promise<Change<ReplayPlan, ReplayResult>> {
  const { outputs } = await ops.stack();
  const intake = intakeNamed(outputs, options.source);
  const archive = await ops.aws.eventbridge.send(new DescribeArchiveCommand({ ArchiveName: intake.archive }));
  checkRange(
    options,
    { createdAt: archive.CreationTime ?? new Date(0), retentionDays: archive.RetentionDays ?? 0 },
    ops.now(),
    options.allowRecent,
    ops.lines,
  );
  if (options.atOnce > MOST_AT_ONCE)
    throw new Refusal(
      'too_many_at_once',
      `At most ${MOST_AT_ONCE} replays run at once in an account and region.`,
      `Use --at-once ${MOST_AT_ONCE} or less.`,
    );

  const file = options.stateFile ?? defaultFile(ops, options, intake);
  const known = options.fresh ? undefined : loadRun(file);
  const resumed = known && isOpen(known) ? known : undefined;
  const run = resumed ?? newRun(ops, options, intake);
  const looked = options.previewLimit > 0 ? await look(ops, options, intake) : { preview: null, skipped: null };
  const { preview, skipped } = looked;
  const todo = run.pieces.filter(({ state }) => state !== 'completed');
  return {
    plan: {
      from: run.from,
      to: run.to,
      rules: options.rules,
      preview,
      skipped,
      pieces: run.pieces,
      resumes: resumed?.run ?? null,
      state_file: file,
    },
    steps:
      preview?.events === 0
        ? []
        : [
            `${resumed ? `Go on with the replay ${run.run}` : 'Replay'} from ${run.from} to ${run.to} to ${options.rules.join(' and ')}, in ${todo.length} ${todo.length === 1 ? 'piece' : 'pieces'}, at most ${options.atOnce} at once.`,
            ...(options.skip.size > 0
              ? [`Take out of the failed queues again what of the ${options.skip.size} skipped events it parks there.`]
              : []),
          ],
    warnings: [
      ...(preview && preview.not_tried > 0
        ? [`${preview.not_tried} events were counted but not tried (--preview-limit).`]
        : []),
      'EventBridge replays unordered; the order rule of the database makes the end state right all the same.',
      'Live events go on and share the workers with the replay.',
    ],
    async act() {
      saveRun(file, run);
      const ended = await runPieces(ops, run, { file, atOnce: options.atOnce, reporter });
      const drained = ended === 'finished' ? await drain(ops, options.rules, reporter) : false;
      const functions = ofWorkers(outputs, 'FunctionName');
      const groups = await logGroupsOf(
        ops.aws.lambda,
        options.rules.map((worker) => functions[worker]),
      );
      const outcomes = await replayOutcomes(ops.aws.logs, groups, run.run, new Date(run.started_at));
      const taken_out =
        options.skip.size > 0
          ? await takeOutSkipped(ops, { run: run.run, rules: options.rules, skip: options.skip })
          : 0;
      return {
        data: { run: run.run, ended, pieces: run.pieces, outcomes, taken_out, state_file: file },
        found: findings(ops.lines, ended, drained, run.pieces, (outcomes.by_outcome.parked ?? 0) - taken_out),
      };
    },
  };
}

async function look(
  ops: Ops,
  options: ReplayOptions,
  { source }: IntakeOutputs,
): Promise<{ preview: Preview; skipped: number }> {
  const { outputs } = await ops.stack();
  let skipped = 0;
  const database = await ops.database();
  try {
    const preview = await previewReplay(
      {
        database,
        catalogue: ops.plans(),
        source,
        livemode: ops.environment === 'prod',
        rules: options.rules,
        limit: options.previewLimit,
        say: ops.say,
      },
      withoutSkipped(
        auditedEvents(ops.aws.s3, outputs.AuditBucketName, options.from, options.to),
        options.skip,
        () => (skipped += 1),
      ),
    );
    return { preview, skipped };
  } finally {
    await database.end();
  }
}

function findings(
  lines: CommandLines,
  ended: ReplayResult['ended'],
  drained: boolean,
  pieces: readonly Piece[],
  parked: number,
): string[] {
  return [
    ...pieces.flatMap(({ name, state, why }) =>
      state === 'failed'
        ? [`${name} failed: ${why}. Run the same command again: it takes up only what is not done.`]
        : [],
    ),
    ...(ended === 'cancelled' ? ['Cancelled. Run the same command again to go on with what is left.'] : []),
    ...(ended === 'left' ? ['The replays run on without us. Run the same command again to look at them.'] : []),
    ...(ended === 'finished' && !drained
      ? ['Everything is replayed, but the workers are not done with it: the outcomes are those so far.']
      : []),
    ...(parked > 0 ? [`${parked} were parked: \`${lines.verb('redrive')}\` shows why.`] : []),
  ];
}
