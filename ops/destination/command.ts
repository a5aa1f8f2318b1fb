import type { Verb, VerbGroup } from '../cli/verb.ts';
import { printCreated, printDestination, printNewDestination } from './print.ts';

const verbs = () => import('./destination.ts');

const show: Verb = {
  name: 'show',
  description: 'what Stripe has',
  async run(runner) {
    const { showDestination } = await verbs();
    return runner.look(() => showDestination(runner.ops()), printDestination);
  },
};

const create: Verb<{ another: boolean }> = {
  name: 'create',
  description: 'make one for this AWS account and region, with the routed types and the pinned API version',
  changes: true,
  takes: (command) =>
    command.option('--another', 'although there is one: for a cut-over to another API version', false),
  async run(runner, { another }) {
    const { planCreate } = await verbs();
    return runner.change(() => planCreate(runner.ops(), { another }), {
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

export const destination: VerbGroup = {
  name: 'destination',
  description: 'the event destination at Stripe: create, show, enable, disable, update',
  verbs: [show, create, enable, disable, update],
  byDefault: 'show',
};
