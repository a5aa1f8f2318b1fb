import { Refusal } from '../cli/refusal.ts';
import type { Verb } from '../cli/verb.ts';
import { printEvent } from './print.ts';

export const event: Verb = {
  name: 'event',
  description:
    'one event on one page: Stripe, audit, queues, ledger and why, the row before and after, plan events, trace',
  takes: (command) => command.argument('<id>', 'evt_…'),
  async run(runner, _options, [id = '']) {
    const { oneEvent } = await import('./event.ts');
    return runner.look(async () => {
      if (!/^evt_\w{1,250}$/.test(id))
        throw new Refusal('bad_id', `"${id}" is no Stripe event id.`, 'It begins with evt_.');
      return oneEvent(runner.ops(), id);
    }, printEvent);
  },
};
