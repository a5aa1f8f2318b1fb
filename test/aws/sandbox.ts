import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import pg from 'pg';
import Stripe from 'stripe';
import { connectionOptions } from '../../adapters/postgres/pool.ts';
import { type Aws, connectAws } from '../../ops/deployment/aws.ts';
import { modeOfKey } from '../../ops/destination/stripe-key.ts';
import { type Ran, root, run } from '../deploy/deployment.ts';

/** Where the acts are played: an AWS account with Stripe's test mode, or the rehearsal on this machine. */
export interface Sandbox {
  /** What this place is, for the transcript's first line. */
  readonly called: string;
  /** Nothing here is AWS: acts that only AWS can play are named and left out. */
  readonly rehearsal: boolean;
  readonly account: string;
  readonly region: string;
  /** A name of its own, so that nothing that is there already is touched. */
  readonly appName: string;
  readonly aws: Aws;
  /** The schema's owner. */
  readonly owner: pg.Pool;
  cdk(args: readonly string[]): Promise<Ran>;
  /** `npm run ops -- …`, for this app. */
  ops(args: string): Promise<Ran>;
  /** Called once the bus is there, with its name. */
  deployed(source: string): Promise<void>;
  /** Makes a customer at Stripe, which sends `customer.created`. */
  makeCustomer(): Promise<void>;
  /** Takes away what the acts made outside the stack. */
  stop(): Promise<void>;
}

/** What `npm run test:aws` wants in the environment, and why. */
const wanted = {
  STRIPE_SECRET_KEY: 'a Stripe test key that may write event destinations and customers (sk_test_… or rk_test_…)',
  MIGRATION_DATABASE_URL: 'the owner of an empty Postgres, over a session connection',
  PIPELINE_DATABASE_URL:
    'the same database as stripe_writer, as the functions reach it; its password is set by this run',
} as const;

/** @throws {Error} naming everything that is missing or would touch something real. */
export async function realSandbox(variables: NodeJS.ProcessEnv): Promise<Sandbox> {
  const missing = Object.entries(wanted).filter(([name]) => !variables[name]);
  if (missing.length > 0)
    throw new Error(
      `Set ${missing.map(([name, what]) => `${name} (${what})`).join('; ')}. Or rehearse: npm run test:aws -- --rehearse`,
    );
  const key = variables.STRIPE_SECRET_KEY!;
  if (modeOfKey(key) !== 'test')
    throw new Error('STRIPE_SECRET_KEY is no test key. This run makes and deletes things at Stripe: test mode only.');
  const aws = connectAws(variables.AWS_REGION);
  const [{ Account }, region] = await Promise.all([
    aws.sts.send(new GetCallerIdentityCommand({})),
    aws.sts.config.region(),
  ]);
  const appName = `sandbox-${randomBytes(3).toString('hex')}`;
  const owner = new pg.Pool({ ...connectionOptions(variables.MIGRATION_DATABASE_URL, null), max: 2 });
  owner.on('error', () => {});
  const stripe = new Stripe(key);
  const customers: string[] = [];
  const environment = { ...(variables as Record<string, string>), PIPELINE_STRIPE_SECRET_KEY: key, NO_COLOR: '1' };
  return {
    called: `AWS account ${Account}, ${region}`,
    rehearsal: false,
    account: Account!,
    region,
    appName,
    aws,
    owner,
    cdk: (args) =>
      run('npx', ['cdk', ...args, '--output', join(root, '.local', appName)], { ...environment, AWS_REGION: region }),
    ops: (args) => run('node', ['bin/ops.ts', ...args.split(' '), '--app', appName, '--region', region], environment),
    async deployed() {
      const { username, password } = new URL(variables.PIPELINE_DATABASE_URL!);
      if (!username.startsWith('stripe_writer')) throw new Error('PIPELINE_DATABASE_URL is not of stripe_writer.');
      const secret = pg.escapeLiteral(decodeURIComponent(password));
      await owner.query(`alter role stripe_writer with login password ${secret}`);
    },
    async makeCustomer() {
      const { id } = await stripe.customers.create({
        description: `npm run test:aws, ${appName}`,
        metadata: { user_id: randomUUID() },
      });
      customers.push(id);
    },
    async stop() {
      for (const id of customers) await stripe.customers.del(id);
      await owner.end();
    },
  };
}
