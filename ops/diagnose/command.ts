import { ownerUrl } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printDiagnosed } from './print.ts';

export const diagnose: Verb<{ databaseUrl?: string }> = {
  name: 'diagnose',
  description: 'the cause, its runbook and the command that repairs it, from status, doctor, logs and CloudTrail',
  takes: (command) => command.addOption(ownerUrl()),
  async run(runner, { databaseUrl }) {
    const { diagnose } = await import('./diagnose.ts');
    return runner.look(() => diagnose(runner.ops(), databaseUrl), printDiagnosed);
  },
};
