import { oneTarget } from '../cli/option-values.ts';
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
    return runner.change(
      async () =>
        planSync(
          runner.ops(),
          oneTarget<SyncTarget>('sync', {
            user: options.user,
            customer: options.customer,
            subscription: options.subscription,
          }),
        ),
      {
        plan: printSyncPlan,
        result: printSyncResult,
      },
    );
  },
};
