import { ownerUrl } from '../cli/option-values.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { printErasePlan, printEraseResult } from './print.ts';

interface EraseOptions {
  customer: string;
  databaseUrl?: string;
}

export const erase: Verb<EraseOptions> = {
  name: 'erase',
  description: 'takes a customer’s person out of our rows and the audit trail, and proves it; an administrator’s verb',
  changes: true,
  takes: (command) => command.requiredOption('--customer <id>', 'cus_…').addOption(ownerUrl()),
  async run(runner, { customer, databaseUrl }) {
    const { planErase } = await import('./erase.ts');
    return runner.change(async () => planErase(runner.ops(), customerId(customer), databaseUrl), {
      plan: printErasePlan,
      result: printEraseResult,
    });
  },
};

function customerId(given: string): string {
  if (/^cus_\w+$/.test(given)) return given;
  throw new Refusal('bad_id', `--customer is "${given}", which is no Stripe customer id.`, 'It begins with cus_.');
}
