import type { Verb } from '../cli/verb.ts';
import { printRollback } from './print.ts';

export const rollback: Verb<{ disableDestination: boolean }> = {
  name: 'rollback',
  description: 'the guided stop when a release went wrong: pauses the workers, keeps collecting, says the way back',
  changes: true,
  takes: (command) =>
    command.option('--disable-destination', 'make Stripe stop sending too; what it does not send is lost', false),
  async run(runner, { disableDestination }) {
    const { planRollback } = await import('./rollback.ts');
    return runner.change(() => planRollback(runner.ops(), { disableDestination }), {
      plan: printRollback,
      result: printRollback,
    });
  },
};
