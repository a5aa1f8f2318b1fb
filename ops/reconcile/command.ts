import { timeFrom, wholeNumber } from '../cli/option-values.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { printReconcilePlan, printReconcileResult } from './print.ts';

interface ReconcileOptions {
  from?: Date;
  hours?: number;
  all: boolean;
}

export const reconcile: Verb<ReconcileOptions> = {
  name: 'reconcile',
  description: 'all of Stripe against all of our rows; queues what heals them with --apply',
  changes: true,
  takes: (command) =>
    command
      .option(
        '--from <time>',
        'events since: 2026-11-21T10:00:00Z, or 6h ago; else as far back as Stripe lists them, 30 days',
        timeFrom(() => new Date()),
      )
      .option('--hours <hours>', 'events of the last so many hours', wholeNumber(1, 720))
      .option('--all', 'also what may still be on its way (15 minutes, or what waits in a queue)', false),
  async run(runner, { from, hours, all }) {
    const { planReconcile } = await import('./reconcile.ts');
    return runner.change(
      () => {
        if (from && hours)
          throw new Refusal('one_start', '--from and --hours say the same thing twice.', 'Give one of them.');
        const ops = runner.ops();
        const since = from ?? (hours === undefined ? undefined : new Date(ops.now().getTime() - hours * 3_600_000));
        return planReconcile(ops, { all, ...(since && { from: Math.floor(since.getTime() / 1000) }) });
      },
      { plan: printReconcilePlan, result: printReconcileResult },
    );
  },
};
