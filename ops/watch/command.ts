import { wholeNumber } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printWatched } from './print.ts';

export const watch: Verb<{ minutes: number; every: number }> = {
  name: 'watch',
  description: 'wait for the recovery after a fix, and confirm it: exit 0 recovered, 1 not in time',
  takes: (command) =>
    command
      .option('--minutes <number>', 'give up after so many', wholeNumber(0, 1440), 20)
      .option('--every <seconds>', 'how often to look', wholeNumber(1, 600), 10),
  async run(runner, { minutes, every }) {
    const { watch } = await import('./watch.ts');
    return runner.look(
      () => watch(() => runner.ops(), { timeoutSeconds: minutes * 60, everySeconds: every }),
      printWatched,
    );
  },
};
