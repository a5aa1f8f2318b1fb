import { type Command, Option } from 'commander';
import { changing, type Perform, wholeNumber } from '../arguments.ts';
import { secretNames } from '../pipeline-secret.ts';
import { printDiagnosis } from '../print/doctor.ts';
import {
  printCreated,
  printDestination,
  printMigrated,
  printMigrations,
  printNewDestination,
  printSecrets,
} from '../print/setup.ts';
import type { Terminal } from '../terminal.ts';

/** The verbs of the first day. Each loads its own code: `--help` must not wait for the AWS SDK. */
export function goingLive(program: Command, perform: Perform): void {
  program.commandsGroup('Going live:');

  perform<{ hours: number; ping: boolean; databaseUrl?: string; databaseCa?: string }>(
    program
      .command('doctor')
      .description('look at both ends and what lies between; every fault with its fix')
      .option('--hours <number>', 'an event must have been seen within so many hours', wholeNumber(1, 720), 24)
      .option('--ping', 'have Stripe send a ping, and wait for it at the far end', false)
      .addOption(ownerUrl()),
    'doctor',
    async (performance, { hours, ping, databaseUrl, databaseCa }) => {
      const { doctor } = await import('../doctor.ts');
      return performance.look(
        () => doctor(performance.ops(), { hours, ping, ownerUrl: databaseUrl, databaseCaFile: databaseCa }),
        printDiagnosis,
      );
    },
  );

  destination(
    program
      .command('destination')
      .description('the event destination at Stripe: create, show, enable, disable, update'),
    perform,
  );
  secrets(program.command('secrets'), perform);

  perform<{ databaseUrl?: string }>(
    changing(program.command('migrate'))
      .description('apply supabase/migrations, noted where the Supabase CLI notes them')
      .addOption(ownerUrl()),
    'migrate',
    async (performance, { databaseUrl }) => {
      const { planMigrate } = await import('../migrate.ts');
      return performance.change(() => planMigrate(databaseUrl, performance.ops().databaseCa), {
        plan: printMigrations,
        result: printMigrated,
      });
    },
  );
}

const ownerUrl = () =>
  new Option('--database-url <url>', 'owner of the schema, over a session connection').env('MIGRATION_DATABASE_URL');

function destination(command: Command, perform: Perform): void {
  const verbs = () => import('../destination.ts');
  perform(
    command.command('show', { isDefault: true }).description('what Stripe has'),
    'destination show',
    async (performance) => {
      const { showDestination } = await verbs();
      return performance.look(() => showDestination(performance.ops()), printDestination);
    },
  );
  perform<{ another: boolean }>(
    changing(command.command('create'))
      .description('make one for this AWS account and region, with the routed types and the pinned API version')
      .option('--another', 'although there is one: for a cut-over to another API version', false),
    'destination create',
    async (performance, { another }) => {
      const { planCreate } = await verbs();
      return performance.change(() => planCreate(performance.ops(), { another }), {
        plan: printNewDestination,
        result: printCreated,
      });
    },
  );
  perform(
    changing(command.command('enable')).description('let Stripe send again'),
    'destination enable',
    async (performance) => {
      const { planEnable } = await verbs();
      return performance.change(() => planEnable(performance.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
  perform(
    changing(command.command('disable')).description(
      'make Stripe stop sending; what it does not send is lost (see pause)',
    ),
    'destination disable',
    async (performance) => {
      const { planDisable } = await verbs();
      return performance.change(() => planDisable(performance.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
  perform(
    changing(command.command('update')).description('bring its event types in line with the routes table'),
    'destination update',
    async (performance) => {
      const { planUpdate } = await verbs();
      return performance.change(() => planUpdate(performance.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
}

function secrets(command: Command, perform: Perform): void {
  perform(
    changing(command).description(
      `the pipeline's secret, without showing it; --apply writes ${secretNames.join(', ')} from the environment variables of those names, or asks for them`,
    ),
    'secrets',
    async (performance) => {
      const { checkSecrets, planSecrets } = await import('../secrets.ts');
      const { options, world } = performance;
      const given = Object.fromEntries(
        secretNames.flatMap((name) => (world.variables[name] ? [[name, world.variables[name]]] : [])),
      );
      const none = Object.keys(given).length === 0;
      if (none && !options.apply) return performance.look(() => checkSecrets(performance.ops()), printSecrets);
      return performance.change(
        async () => {
          if (none && world.terminal.interactive && !options.json) Object.assign(given, await asked(world.terminal));
          return planSecrets(performance.ops(), given);
        },
        { plan: printSecrets, result: printSecrets },
      );
    },
  );
}

async function asked(terminal: Terminal): Promise<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const name of secretNames) {
    const value = (await terminal.askSecret(`${name} (empty: leave as it is)`)).trim();
    if (value) given[name] = value;
  }
  return given;
}
