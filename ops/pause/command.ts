import { chosenWorkers, whichWorkers } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printConsumers } from '../deployment/print-consumers.ts';

export const pause: Verb = {
  name: 'pause',
  description: 'stop workers; what arrives waits in their queues, nothing is lost',
  changes: true,
  takes: (command) => command.addArgument(whichWorkers()),
  async run(runner, _options, workers) {
    const { planPause } = await import('./pause.ts');
    return runner.change(() => planPause(runner.ops(), chosenWorkers(workers)), {
      plan: printConsumers,
      result: printConsumers,
    });
  },
};
