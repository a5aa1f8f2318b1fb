import { wholeNumber } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printStatus } from './print.ts';

export const status: Verb<{ watch: boolean; every: number }> = {
  name: 'status',
  description: 'health with its reasons, rates, queues, last event, SLO',
  takes: (command) =>
    command
      .option('--watch', 'look again and again, until Ctrl-C', false)
      .option('--every <seconds>', 'how often, with --watch', wholeNumber(5, 3600), 15),
  async run(runner, { watch, every }) {
    const { status } = await import('./status.ts');
    const look = () => runner.look(() => status(runner.ops()), printStatus);
    if (!watch) return look();
    const { terminal } = runner.context;
    const reporter = terminal.progress();
    try {
      for (;;) {
        const code = await look();
        if (code === 2 || terminal.readerGone() || (await reporter.wait(every * 1000))) return code;
        if (!runner.options.json) terminal.out('');
      }
    } finally {
      reporter.done();
    }
  },
};
