import { timeFrom } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printBackfillPlan, printBackfillResult } from './print.ts';

interface BackfillOptions {
  since?: Date;
  notify: boolean;
}

export const backfill: Verb<BackfillOptions> = {
  name: 'backfill',
  description:
    'what Stripe holds from before us, or from a gap: says whose plans would come of it, brings it with --apply',
  changes: true,
  takes: (command) =>
    command
      .option(
        '--since <time>',
        'only objects made since: 2026-11-01T00:00:00Z, or 10d ago; else the whole account',
        timeFrom(() => new Date()),
      )
      .option('--notify', 'notify the apps of each plan that this changes; without it they hear nothing', false),
  async run(runner, { since, notify }) {
    const { planBackfill } = await import('./backfill.ts');
    const progress = runner.context.terminal.progress();
    try {
      return await runner.change(
        () =>
          planBackfill(runner.ops(), { notify, ...(since && { since: Math.floor(since.getTime() / 1000) }) }, progress),
        { plan: printBackfillPlan, result: printBackfillResult },
      );
    } finally {
      progress.done();
    }
  },
};
