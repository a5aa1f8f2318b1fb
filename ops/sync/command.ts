import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { printSyncPlan, printSyncResult } from './print.ts';
import type { SyncTarget } from './sync.ts';

interface SyncOptions {
  user?: string;
  customer?: string;
  subscription?: string;
}

export const sync: Verb<SyncOptions> = {
  name: 'sync',
  description: 'one user, customer or subscription: field by field, here and at Stripe; heals with --apply',
  changes: true,
  takes: (command) =>
    command
      .option('--user <id>', 'our user id')
      .option('--customer <id>', 'cus_…')
      .option('--subscription <id>', 'sub_…'),
  async run(runner, options) {
    const { planSync } = await import('./sync.ts');
    return runner.change(async () => planSync(runner.ops(), targetOf(options)), {
      plan: printSyncPlan,
      result: printSyncResult,
    });
  },
};

function targetOf({ user, customer, subscription }: SyncOptions): SyncTarget {
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
