import { type Command, Option } from 'commander';
import { secretNames } from '../deployment/pipeline-secret.ts';
import { printDiagnosis } from '../doctor/print.ts';
import { type AddAction, changing, wholeNumber } from './arguments.ts';
import {
  printCreated,
  printDestination,
  printMigrated,
  printMigrations,
  printNewDestination,
  printSecrets,
} from './print-setup.ts';
import type { Terminal } from './terminal.ts';

/** The verbs of the first day. Each loads its own code: `--help` must not wait for the AWS SDK. */
export function goingLive(program: Command, addAction: AddAction): void {
  program.commandsGroup('Going live:');

  addAction<{ hours: number; ping: boolean; databaseUrl?: string; databaseCa?: string }>(
    program
      .command('doctor')
      .description('look at both ends and what lies between; every fault with its fix')
      .option('--hours <number>', 'an event must have been seen within so many hours', wholeNumber(1, 720), 24)
      .option('--ping', 'have Stripe send a ping, and wait for it at the far end', false)
      .addOption(ownerUrl()),
    'doctor',
    async (runner, { hours, ping, databaseUrl, databaseCa }) => {
      const { doctor } = await import('../doctor/doctor.ts');
      return runner.look(
        () => doctor(runner.ops(), { hours, ping, ownerUrl: databaseUrl, databaseCaFile: databaseCa }),
        printDiagnosis,
      );
    },
  );

  destination(
    program
      .command('destination')
      .description('the event destination at Stripe: create, show, enable, disable, update'),
    addAction,
  );
  secrets(program.command('secrets'), addAction);

  addAction<{ databaseUrl?: string }>(
    changing(program.command('migrate'))
      .description('apply supabase/migrations, noted where the Supabase CLI notes them')
      .addOption(ownerUrl()),
    'migrate',
    async (runner, { databaseUrl }) => {
      const { planMigrate } = await import('../migrate/migrate.ts');
      return runner.change(() => planMigrate(databaseUrl, runner.ops().databaseCa), {
        plan: printMigrations,
        result: printMigrated,
      });
    },
  );
}

const ownerUrl = () =>
  new Option('--database-url <url>', 'owner of the schema, over a session connection').env('MIGRATION_DATABASE_URL');

function destination(command: Command, addAction: AddAction): void {
  const verbs = () => import('../destination/destination.ts');
  addAction(
    command.command('show', { isDefault: true }).description('what Stripe has'),
    'destination show',
    async (runner) => {
      const { showDestination } = await verbs();
      return runner.look(() => showDestination(runner.ops()), printDestination);
    },
  );
  addAction<{ another: boolean }>(
    changing(command.command('create'))
      .description('make one for this AWS account and region, with the routed types and the pinned API version')
      .option('--another', 'although there is one: for a cut-over to another API version', false),
    'destination create',
    async (runner, { another }) => {
      const { planCreate } = await verbs();
      return runner.change(() => planCreate(runner.ops(), { another }), {
        plan: printNewDestination,
        result: printCreated,
      });
    },
  );
  addAction(
    changing(command.command('enable')).description('let Stripe send again'),
    'destination enable',
    async (runner) => {
      const { planEnable } = await verbs();
      return runner.change(() => planEnable(runner.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
  addAction(
    changing(command.command('disable')).description(
      'make Stripe stop sending; what it does not send is lost (see pause)',
    ),
    'destination disable',
    async (runner) => {
      const { planDisable } = await verbs();
      return runner.change(() => planDisable(runner.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
  addAction(
    changing(command.command('update')).description('bring its event types in line with the routes table'),
    'destination update',
    async (runner) => {
      const { planUpdate } = await verbs();
      return runner.change(() => planUpdate(runner.ops()), {
        plan: printDestination,
        result: printDestination,
      });
    },
  );
}

function secrets(command: Command, addAction: AddAction): void {
  addAction(
    changing(command).description(
      `the pipeline's secret, without showing it; --apply writes ${secretNames.join(', ')} from the environment variables of those names, or asks for them`,
    ),
    'secrets',
    async (runner) => {
      const { checkSecrets, planSecrets } = await import('../secrets/secrets.ts');
      const { options, context } = runner;
      const given = Object.fromEntries(
        secretNames.flatMap((name) => (context.variables[name] ? [[name, context.variables[name]]] : [])),
      );
      const none = Object.keys(given).length === 0;
      if (none && !options.apply) return runner.look(() => checkSecrets(runner.ops()), printSecrets);
      return runner.change(
        async () => {
          if (none && context.terminal.interactive && !options.json)
            Object.assign(given, await asked(context.terminal));
          return planSecrets(runner.ops(), given);
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
