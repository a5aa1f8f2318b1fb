import { type Command, InvalidArgumentError } from 'commander';
import { type Worker, workers } from '../../core/event-routes.ts';
import { printReconcilePlan, printReconcileResult, printSyncPlan, printSyncResult } from '../reconcile/print.ts';
import { printReplayPlan, printReplayResult } from '../replay/print.ts';
import type { SyncTarget } from '../sync/sync.ts';
import { type AddAction, changing, timeFrom, wholeNumber } from './arguments.ts';
import { Refusal } from './refusal.ts';

/** The verbs of the day after. */
export function repairing(program: Command, addAction: AddAction): void {
  program.commandsGroup('Repairing:');

  addAction<{
    from: Date;
    to: Date;
    rules: Worker[];
    allowRecent: boolean;
    pieceHours: number;
    atOnce: number;
    preview: boolean;
    previewLimit: number;
    stateFile?: string;
    fresh: boolean;
  }>(
    changing(program.command('replay'))
      .description('send a range of the archive to the workers again; shows before what that would change')
      .requiredOption(
        '--from <time>',
        'first moment: 2026-11-21T10:00:00Z, or 6h ago',
        timeFrom(() => new Date()),
      )
      .requiredOption(
        '--to <time>',
        'last moment, at least ten minutes ago',
        timeFrom(() => new Date()),
      )
      .option('--rules <workers>', `to whom: ${workers.join(',')}`, rulesFrom, [...workers])
      .option('--allow-recent', 'take what is archived of the last ten minutes', false)
      .option('--piece-hours <hours>', 'cut a long range into pieces of so many hours', wholeNumber(1, 744), 24)
      .option('--at-once <number>', 'pieces that run side by side', wholeNumber(1, 10), 2)
      .option('--no-preview', 'do not try the events first')
      .option('--preview-limit <number>', 'try no more than so many events', wholeNumber(1, 1_000_000), 50_000)
      .option('--state-file <path>', 'where the run is kept, so that it can be taken up again')
      .option('--fresh', 'begin anew although a run of this range is unfinished', false),
    'replay',
    async (runner, { preview, previewLimit, stateFile, ...options }) => {
      const { planReplay } = await import('../replay/replay.ts');
      const reporter = runner.context.terminal.progress();
      try {
        return await runner.change(
          () =>
            planReplay(
              runner.ops(),
              { ...options, previewLimit: preview ? previewLimit : 0, ...(stateFile && { stateFile }) },
              reporter,
            ),
          { plan: printReplayPlan, result: printReplayResult },
        );
      } finally {
        reporter.done();
      }
    },
  );

  addAction<{ user?: string; customer?: string; subscription?: string }>(
    changing(program.command('sync'))
      .description('one user, customer or subscription: field by field, here and at Stripe; heals with --apply')
      .option('--user <id>', 'our user id')
      .option('--customer <id>', 'cus_…')
      .option('--subscription <id>', 'sub_…'),
    'sync',
    async (runner, options) => {
      const { planSync } = await import('../sync/sync.ts');
      return runner.change(async () => planSync(runner.ops(), targetOf(options)), {
        plan: printSyncPlan,
        result: printSyncResult,
      });
    },
  );

  addAction(
    changing(program.command('reconcile')).description(
      'all of Stripe against all of our rows, as the schedule does; queues what is missing with --apply',
    ),
    'reconcile',
    async (runner) => {
      const { planReconcile } = await import('../reconcile/reconcile.ts');
      return runner.change(() => planReconcile(runner.ops()), {
        plan: printReconcilePlan,
        result: printReconcileResult,
      });
    },
  );
}

function rulesFrom(text: string): Worker[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(workers as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(
      `"${unknown.join(', ')}": wanted one or more of ${workers.join(',')}. (The audit keeps events once; replaying into it would keep them twice.)`,
    );
  return workers.filter((worker) => names.includes(worker));
}

function targetOf({
  user,
  customer,
  subscription,
}: {
  user?: string;
  customer?: string;
  subscription?: string;
}): SyncTarget {
  const given = [user && { user }, customer && { customer }, subscription && { subscription }].filter(
    (target) => !!target,
  ) as SyncTarget[];
  if (given.length !== 1)
    throw new Refusal(
      'one_target',
      `sync takes one of --user, --customer, --subscription; got ${given.length === 0 ? 'none' : 'several'}.`,
      'Name exactly one.',
    );
  if (customer !== undefined && !customer.startsWith('cus_'))
    throw new Refusal('bad_id', `--customer is "${customer}", which is no Stripe customer id.`, 'It begins with cus_.');
  if (subscription !== undefined && !subscription.startsWith('sub_'))
    throw new Refusal(
      'bad_id',
      `--subscription is "${subscription}", which is no Stripe subscription id.`,
      'It begins with sub_.',
    );
  return given[0]!;
}
