import { Refusal } from '../cli/refusal.ts';
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
    return runner.look(async () => why(runner.ops(), targetOf(options)), printWhy);
  },
};

function targetOf({ user, customer, email }: WhyOptions): WhyTarget {
  const given = [user && { user }, customer && { customer }, email && { email }].filter((target) => !!target);
  if (given.length !== 1)
    throw new Refusal(
      'one_target',
      `why takes one of --user, --customer, --email; got ${given.length === 0 ? 'none' : 'several'}.`,
      'Name exactly one.',
    );
  if (customer !== undefined && !customer.startsWith('cus_'))
    throw new Refusal('bad_id', `--customer is "${customer}", which is no Stripe customer id.`, 'It begins with cus_.');
  return given[0] as WhyTarget;
}
