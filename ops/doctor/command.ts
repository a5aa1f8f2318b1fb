import { ownerUrl, wholeNumber } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printDiagnosis } from './print.ts';

export const doctor: Verb<{ hours: number; ping: boolean; databaseUrl?: string }> = {
  name: 'doctor',
  description: 'look at both ends and what lies between; every fault with its fix',
  takes: (command) =>
    command
      .option('--hours <number>', 'an event must have been seen within so many hours', wholeNumber(1, 720), 24)
      .option('--ping', 'have Stripe send a ping, and wait for it at the far end', false)
      .addOption(ownerUrl()),
  async run(runner, { hours, ping, databaseUrl }) {
    const { doctor } = await import('./doctor.ts');
    return runner.look(
      () => doctor(runner.ops(), { hours, ping, ownerUrl: databaseUrl, databaseCaFile: runner.databaseCaFile }),
      printDiagnosis,
    );
  },
};
