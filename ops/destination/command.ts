import type { Command } from 'commander';
import type { Verb, VerbGroup } from '../cli/verb.ts';
import { printCreated, printDeleted, printDestination, printNewDestination } from './print.ts';

const verbs = () => import('./destination.ts');

/** While a cut-over lasts, two destinations send to a stack. */
interface Which {
  id?: string;
}
const which = (command: Command): Command => command.option('--id <ed_…>', 'which one, when two send to this stack');

const show: Verb<Which> = {
  name: 'show',
  description: 'what Stripe has',
  takes: which,
  async run(runner, { id }) {
    const { showDestination } = await verbs();
    return runner.look(() => showDestination(runner.ops(), id), printDestination);
  },
};

const create: Verb<{ successor: boolean }> = {
  name: 'create',
  description: 'make one for this AWS account and region, with the routed types and the pinned API version',
  changes: true,
  takes: (command) =>
    command.option('--successor', 'although there is one: its source is gone, or another API version is wanted', false),
  async run(runner, { successor }) {
    const { planCreate } = await verbs();
    return runner.change(() => planCreate(runner.ops(), { successor }), {
      plan: printNewDestination,
      result: printCreated,
    });
  },
};

const enable: Verb<Which> = {
  name: 'enable',
  description: 'let Stripe send again',
  changes: true,
  takes: which,
  async run(runner, { id }) {
    const { planEnable } = await verbs();
    return runner.change(() => planEnable(runner.ops(), id), { plan: printDestination, result: printDestination });
  },
};

const disable: Verb<Which> = {
  name: 'disable',
  description: 'make Stripe stop sending; what it does not send is lost (see pause)',
  changes: true,
  takes: which,
  async run(runner, { id }) {
    const { planDisable } = await verbs();
    return runner.change(() => planDisable(runner.ops(), id), { plan: printDestination, result: printDestination });
  },
};

const update: Verb<Which> = {
  name: 'update',
  description: 'bring its event types in line with the routes table',
  changes: true,
  takes: which,
  async run(runner, { id }) {
    const { planUpdate } = await verbs();
    return runner.change(() => planUpdate(runner.ops(), id), { plan: printDestination, result: printDestination });
  },
};

const remove: Verb<{ id?: string }> = {
  name: 'delete',
  description: 'take it away, for a stack that goes',
  changes: true,
  takes: (command) => command.option('--id <ed_…>', "another one than this stack's"),
  async run(runner, { id }) {
    const { planDelete } = await import('./delete.ts');
    return runner.change(() => planDelete(runner.ops(), id), { plan: printDestination, result: printDeleted });
  },
};

export const destination: VerbGroup = {
  name: 'destination',
  description: 'the event destination at Stripe: create, show, enable, disable, update, delete',
  verbs: [show, create, enable, disable, update, remove],
  byDefault: 'show',
};
