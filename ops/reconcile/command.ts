import type { Verb } from '../cli/verb.ts';
import { printReconcilePlan, printReconcileResult } from './print.ts';

export const reconcile: Verb = {
  name: 'reconcile',
  description: 'all of Stripe against all of our rows, as the schedule does; queues what is missing with --apply',
  changes: true,
  async run(runner) {
    const { planReconcile } = await import('./reconcile.ts');
    return runner.change(() => planReconcile(runner.ops()), {
      plan: printReconcilePlan,
      result: printReconcileResult,
    });
  },
};
