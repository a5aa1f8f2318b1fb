import { InvalidArgumentError, Option } from 'commander';
import type { Verb } from '../cli/verb.ts';
import { printCsv, printMoney } from './print.ts';

interface MoneyOptions {
  month?: string;
  format: 'table' | 'csv' | 'json';
}

export const money: Verb<MoneyOptions> = {
  name: 'money',
  description: 'a month by currency: revenue, refunds, disputes, how recurring revenue moved, churn',
  takes: (command) =>
    command
      .option('--month <month>', 'in UTC, such as 2026-10 (default: the last one that is over)', monthFrom)
      .addOption(
        new Option('--format <format>', 'how it is printed').choices(['table', 'csv', 'json']).default('table'),
      ),
  async run(runner, { month, format }) {
    const work = await import('./money.ts');
    // `json` and --json are one thing.
    runner.options.json ||= format === 'json';
    return runner.look(() => work.money(runner.ops(), month), format === 'csv' ? printCsv : printMoney);
  },
};

function monthFrom(text: string): string {
  if (!/^20\d\d-(0[1-9]|1[0-2])$/.test(text)) throw new InvalidArgumentError('wanted a month such as 2026-10.');
  return text;
}
