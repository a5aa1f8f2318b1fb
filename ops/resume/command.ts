import { chosenWorkers, whichWorkers } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printConsumers } from '../deployment/print-consumers.ts';

export const resume: Verb = {
  name: 'resume',
  description: 'let paused workers take up what waited',
  changes: true,
  takes: (command) => command.addArgument(whichWorkers()),
  async run(runner, _options, workers) {
    const { planResume } = await import('./resume.ts');
    return runner.change(() => planResume(runner.ops(), chosenWorkers(workers)), {
      plan: printConsumers,
      result: printConsumers,
    });
  },
};
