import type { Verb, VerbGroup } from '../cli/verb.ts';
import { printCreated, printDeleted, printDestination, printNewDestination } from './print.ts';

const verbs = () => import('./destination.ts');

const show: Verb = {
  name: 'show',
  description: 'what Stripe has',
  async run(runner) {
    const { showDestination } = await verbs();
    return runner.look(() => showDestination(runner.ops()), printDestination);
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

const enable: Verb = {
  name: 'enable',
  description: 'let Stripe send again',
  changes: true,
  async run(runner) {
    const { planEnable } = await verbs();
    return runner.change(() => planEnable(runner.ops()), { plan: printDestination, result: printDestination });
  },
};

const disable: Verb = {
  name: 'disable',
  description: 'make Stripe stop sending; what it does not send is lost (see pause)',
  changes: true,
  async run(runner) {
    const { planDisable } = await verbs();
    return runner.change(() => planDisable(runner.ops()), { plan: printDestination, result: printDestination });
  },
};

const update: Verb = {
  name: 'update',
  description: 'bring its event types in line with the routes table',
  changes: true,
  async run(runner) {
    const { planUpdate } = await verbs();
    return runner.change(() => planUpdate(runner.ops()), { plan: printDestination, result: printDestination });
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
