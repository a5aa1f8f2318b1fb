import { wholeNumber } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printAnswer, printQueries } from './print.ts';

export const logs: Verb<{ minutes: number; id?: string }> = {
  name: 'logs',
  description: 'ask one of the saved queries of the functions’ logs; without a name, lists them',
  takes: (command) =>
    command
      .argument('[query]', 'its name, quoted: "failures by reason"')
      .option('--minutes <number>', 'how far back', wholeNumber(1, 43_200), 60)
      .option('--id <id>', 'the event, customer, subscription or replay that the query is about'),
  async run(runner, { minutes, id }, [query]) {
    const { askLogs, listQueries } = await import('./logs.ts');
    if (query === undefined) return runner.look(listQueries, printQueries);
    return runner.look(() => askLogs(runner.ops(), query, { seconds: minutes * 60, id }), printAnswer);
  },
};
