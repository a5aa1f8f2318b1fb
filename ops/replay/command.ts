import { InvalidArgumentError } from 'commander';
import { type Worker, workers } from '../../core/workers.ts';
import { timeFrom, wholeNumber } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printReplayPlan, printReplayResult } from './print.ts';

interface ReplayFlags {
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
  source?: string;
  skip?: string;
}

export const replay: Verb<ReplayFlags> = {
  name: 'replay',
  description: 'send a range of the archive to the workers again; shows before what that would change',
  changes: true,
  takes: (command) =>
    command
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
      .option('--source <ed_…>', 'while there are two event sources: whose archive; by default the one Stripe sends to')
      .option('--skip <file>', 'leave out the events of this file, which `redrive --discard` wrote')
      .option('--fresh', 'begin anew although a run of this range is unfinished', false),
  async run(runner, { preview, previewLimit, stateFile, skip, ...options }) {
    const { planReplay } = await import('./replay.ts');
    const { readDiscarded } = await import('../redrive/discard-file.ts');
    const reporter = runner.context.terminal.progress();
    try {
      return await runner.change(
        async () =>
          planReplay(
            runner.ops(),
            {
              ...options,
              previewLimit: preview ? previewLimit : 0,
              ...(stateFile && { stateFile }),
              skip: skip ? readDiscarded(skip) : new Set(),
            },
            reporter,
          ),
        { plan: printReplayPlan, result: printReplayResult },
      );
    } finally {
      reporter.done();
    }
  },
};

function rulesFrom(text: string): Worker[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(workers as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(
      `"${unknown.join(', ')}": wanted one or more of ${workers.join(',')}. (The audit keeps events once; replaying into it would keep them twice.)`,
    );
  return workers.filter((worker) => names.includes(worker));
}
