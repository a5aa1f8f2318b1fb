import { oneTarget } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printWhy } from './print.ts';
import type { WhyTarget } from './why.ts';

interface WhyOptions {
  user?: string;
  customer?: string;
  email?: string;
}

export const why: Verb<WhyOptions> = {
  name: 'why',
  description:
    '"why is she on FREE?": what Stripe said, what we made of it, what the apps were notified of, and what to do',
  takes: (command) =>
    command
      .option('--user <id>', 'our user id')
      .option('--customer <id>', 'cus_…')
      .option('--email <address>', 'as Stripe has it; we keep none'),
  async run(runner, options) {
    const { why } = await import('./why.ts');
    return runner.look(
      async () =>
        why(
          runner.ops(),
          oneTarget<WhyTarget>('why', { user: options.user, customer: options.customer, email: options.email }),
        ),
      printWhy,
    );
  },
};
