import { ownerUrl } from '../cli/option-values.ts';
import type { Verb } from '../cli/verb.ts';
import { printMigrated, printMigrations } from './print.ts';

export const migrate: Verb<{ databaseUrl?: string }> = {
  name: 'migrate',
  description: 'apply supabase/migrations, noted where the Supabase CLI notes them',
  changes: true,
  takes: (command) => command.addOption(ownerUrl()),
  async run(runner, { databaseUrl }) {
    const { planMigrate } = await import('./migrate.ts');
    return runner.change(() => planMigrate(databaseUrl, runner.ops().databaseCa), {
      plan: printMigrations,
      result: printMigrated,
    });
  },
};
