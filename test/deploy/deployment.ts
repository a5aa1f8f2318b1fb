import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { EventBridgeClient, PutPartnerEventsCommand } from '@aws-sdk/client-eventbridge';
import pg from 'pg';
import { startPostgres } from '../../local/backends/postgres-server.ts';
import { pricesOf } from '../../stripe-simulator/prices.ts';
import { startStripeServer } from '../../stripe-simulator/server.ts';
import { catalogue } from '../support/catalogue.ts';
import { onServer } from '../support/on-server.ts';
import { account, awsCliFolder, region, startEmulator } from './emulator.ts';

export const root = join(import.meta.dirname, '../..');
export const stackName = 'huntaze-stripe-dev';

/** How a command ended, and all it printed. */
export interface Ran {
  code: number;
  output: string;
}

export type Deployment = Awaited<ReturnType<typeof startDeployment>>;

export interface DeploymentOptions {
  /** What every role of Postgres must show. @default none is asked for one */
  password?: string;
  /** Whether CloudTrail keeps who called what. @default false: it slows the emulator down */
  recordTrail?: boolean;
  /** Whether verbs and `cdk` run in a copy of this checkout, so that a repair may edit a file of it. @default false */
  copied?: boolean;
}

/** Everything around the stack: AWS emulated, Stripe's API by a server of its shape, Postgres real. Nothing is deployed yet. */
export async function startDeployment({ password, recordTrail = false, copied = false }: DeploymentOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-deploy-'));
  const checkout = copied ? copyInto(join(folder, 'checkout')) : root;
  const postgres = await startPostgres({ ...(password !== undefined && { password }) });
  const stripe = await startStripeServer();
  for (const price of pricesOf(catalogue)) stripe.prices.set(price.id, price);
  const emulator = await startEmulator({
    STRIPE_API_BASE: stripe.url,
    ...(recordTrail && { CLOUDTRAIL_RECORDING: '1' }),
  });
  const databaseName = 'pipeline';
  const ownerUrl = postgres.url.replace(/postgres$/, databaseName);
  const writerUrl = Object.assign(new URL(ownerUrl), { username: 'stripe_writer', password: '' }).href;
  await onServer(postgres.url, `create database ${databaseName}`);
  await onServer(ownerUrl, readFileSync(join(root, 'supabase/local-shim.sql'), 'utf8'));
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 2 });
  owner.on('error', () => {});

  const variables: Record<string, string> = {
    ...emulator.variables,
    STRIPE_API_BASE: stripe.url,
    PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter),
    // A narrow terminal's width must not decide what the transcripts look like.
    COLUMNS: '120',
    NO_COLOR: '1',
  };
  const limitsReport = join(folder, 'limits.json');
  const eventbridge = new EventBridgeClient({
    endpoint: emulator.url,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });

  const tryCdk = (args: readonly string[]): Promise<Ran> =>
    run(
      'cdk',
      [...args, '--context', `environmentsFolder=${folder}`, '--app', 'node test/deploy/app.ts', '--ci'],
      {
        ...variables,
        EMULATOR_LIMITS_REPORT: limitsReport,
      },
      checkout,
    );

  return {
    emulator,
    postgres,
    stripe,
    variables,
    owner,
    ownerUrl,
    writerUrl,
    folder,
    /** Where verbs and `cdk` run. */
    checkout,
    /** What the aspect took out of the template; read after a deploy. */
    limits: () => JSON.parse(readFileSync(limitsReport, 'utf8')) as { type: string; id: string; why: string }[],

    /** The real CDK CLI on the app with the emulator's limits. @throws with what it printed, when it fails. */
    async cdk(...args: string[]): Promise<string> {
      const ran = await tryCdk([...args, '--output', join(folder, 'cdk.out')]);
      if (ran.code !== 0) throw new Error(`cdk ${args.join(' ')} ended with ${ran.code}:\n${ran.output}`);
      return ran.output;
    },
    /** The same, whatever its end. */
    tryCdk,
    /** `npm run ops -- …` as an operator types it. */
    ops: (args: string, more: Record<string, string> = {}): Promise<Ran> =>
      run('node', ['bin/ops.ts', ...args.split(' ')], { ...variables, ...more }, checkout),

    /** Commands as they stand in a runbook, with the AWS CLI; what they printed. @throws with all of it, when one fails. */
    async shell(commands: string): Promise<string> {
      const ran = await run(
        'bash',
        [
          '-euo',
          'pipefail',
          '-c',
          `${awsOfTheEmulator}
${commands}`,
        ],
        {
          ...variables,
          PATH: [awsCliFolder(), variables.PATH].join(delimiter),
        },
        folder,
      );
      if (ran.code !== 0) throw new Error(`ended with ${ran.code}:\n${commands}\n${ran.output}`);
      return ran.output;
    },

    /** One line as somebody types it from a page: `npm run ops`, `npx cdk` and `aws` are this deployment's. Whatever its end. */
    typed: (line: string, more: Record<string, string> = {}): Promise<Ran> =>
      run('bash', ['-uo', 'pipefail', '-c', `${awsOfTheEmulator}\n${ownPrograms(folder)}\n${line}`], {
        ...variables,
        STRIPE_SECRET_KEY: stripe.key,
        MIGRATION_DATABASE_URL: ownerUrl,
        PIPELINE_DATABASE_URL: writerUrl,
        PIPELINE_STRIPE_SECRET_KEY: stripe.key,
        EMULATOR_LIMITS_REPORT: limitsReport,
        SETTINGS_FOLDER: folder,
        ...more,
        PATH: [awsCliFolder(), variables.PATH].join(delimiter),
      }),

    /** Puts events on the partner bus, as Stripe does. */
    async deliver(sourceName: string, events: readonly object[]): Promise<void> {
      // What an event is about, Stripe has; a story sets the subscriptions itself.
      for (const { data } of events as { data?: { object: { object?: string } } }[])
        if (data && data.object.object !== 'subscription') stripe.account.put(data.object);
      for (let first = 0; first < events.length; first += 10) {
        const Entries = events.slice(first, first + 10).map((event) => ({
          Source: sourceName,
          DetailType: (event as { type: string }).type,
          Detail: JSON.stringify(event),
          Time: new Date(),
        }));
        await eventbridge.send(new PutPartnerEventsCommand({ Entries }));
      }
    },
    async stop(): Promise<void> {
      await owner.end();
      await Promise.all([emulator.stop(), stripe.close()]);
      await postgres.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What git has here, as it is now, with the same packages. */
function copyInto(folder: string): string {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root });
  for (const file of files
    .toString()
    .split('\0')
    .filter((name) => name !== '' && existsSync(join(root, name))))
    cpSync(join(root, file), join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The AWS CLI asks SQS at its own old address, whatever AWS_ENDPOINT_URL says. */
const awsOfTheEmulator =
  'aws() { if [ "$1" = sqs ]; then command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; else command aws "$@"; fi; }';

/** `npx cdk` with the test's app (or what CDK_APP names) and settings files, and nobody to agree; `npm run ops` with the same settings files, and without npm's own lines, which cost a second. */
const ownPrograms = (folder: string) => `
npx() { if [ "$1" = cdk ]; then shift; local verb=$1; shift; local agree=(); case "$verb" in deploy) agree=(--require-approval never);; orphan) agree=(--yes);; destroy) agree=(--force);; esac
  cdk "$verb" "$@" "\${agree[@]}" -c environmentsFolder=${folder} --app "\${CDK_APP:-node test/deploy/app.ts}" --output ${join(folder, 'cdk.out')} --ci; else command npx "$@"; fi; }
npm() { if [ "$1 $2" = 'run ops' ]; then shift 3; case " $* " in *' --apply '*) set -- "$@" --yes;; esac; node test/deploy/ops.ts "$@"; else command npm "$@"; fi; }`;

export const target = `aws://${account}/${region}`;

export async function run(
  program: string,
  args: string[],
  variables: Record<string, string>,
  cwd = root,
): Promise<Ran> {
  mkdirSync(join(root, '.local'), { recursive: true });
  // None of the variables of this machine: what an operator has set must not change what is tested.
  const env = { HOME: process.env.HOME ?? tmpdir(), ...variables };
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output: Buffer.concat(chunks).toString().trimEnd() };
}
