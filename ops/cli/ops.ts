import type pg from 'pg';
import type Stripe from 'stripe';
import { connectPool } from '../../adapters/postgres/pool.ts';
import { stripeClient } from '../../adapters/stripe.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { Environment } from '../../lib/names.ts';
import { pipelineNames } from '../../lib/names.ts';
import type { Aws } from '../deployment/aws.ts';
import { readPlanCatalogue } from '../deployment/plan-catalogue.ts';
import { readSecret, type SecretValues } from '../deployment/secret-values.ts';
import { findStack, type Stack } from '../deployment/stack.ts';
import { modeOfKey } from '../destination/stripe-key.ts';
import { type CommandLines, commandLines } from './command-lines.ts';
import { Refusal } from './refusal.ts';
import { environmentsFolder } from './settings-file.ts';

/** What every verb works with: one environment, seen from outside. Each part is looked up when a verb first asks for it. */
export interface Ops {
  readonly environment: Environment;
  readonly appName: string;
  /** Where the settings files lie. */
  readonly environmentsFolder: string;
  readonly stackName: string;
  readonly aws: Aws;
  /** For what a person shall type next. */
  readonly lines: CommandLines;
  /** The plans of this checkout. @throws {Refusal} with everything that is wrong with them. */
  plans(): Catalogue;
  stack(): Promise<Stack>;
  secret(): Promise<SecretValues>;
  /** @throws {Refusal} when there is no key, or one of the wrong mode for this environment. */
  stripe(): Promise<Stripe>;
  /** Stripe with a key that is not stored yet. */
  stripeWith(key: string): Promise<Stripe>;
  /** The handlers' own database and role (`stripe_writer`), with few connections; the verb ends it. */
  database(): Promise<pg.Pool>;
  /** PEM of the authority that Postgres must show; null for Node's own list. */
  readonly databaseCa: string | null;
  now(): Date;
  sleep(ms: number): Promise<void>;
  /** One line of progress for the person who waits; never data. */
  say(line: string): void;
}

export interface OpsParts {
  environment: Environment;
  appName: string;
  /** @default config/environments */
  environmentsFolder?: string;
  /** Where plans.yaml lies. @default config */
  plansFolder?: string;
  aws: Aws;
  variables: Record<string, string | undefined>;
  /** @default those of the environment, in the region and for the app that any command line means */
  lines?: CommandLines;
  databaseCa?: string | null;
  now?: () => Date;
  sleep?: (ms: number) => Promise<void>;
  say?: (line: string) => void;
  /** Asks the person at the terminal for a value that is not shown; absent where nobody is. */
  askSecret?: (question: string) => Promise<string>;
}

export function createOps({ environment, appName, aws, variables, databaseCa = null, ...rest }: OpsParts): Ops {
  const stackName = pipelineNames({ appName, environment }).stack;
  const lines = rest.lines ?? commandLines({ environment });
  const stack = once(() => findStack(aws.cloudformation, stackName, lines));
  const secret = once(async () => readSecret(aws.secrets, (await stack()).outputs, lines));
  const stripeWith = (key: string) => stripeClient(key, variables.STRIPE_API_BASE);
  const keyInSecret = async () => {
    try {
      return (await secret()).STRIPE_SECRET_KEY;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'no_stack') throw error;
      const mode = environment === 'prod' ? 'live' : 'test';
      const key = await rest.askSecret?.(
        `There is no stack yet whose secret could hold a Stripe key. One of ${mode} mode, for this command only:`,
      );
      if (key) return key.trim();
      throw new Refusal(
        'no_stripe_key',
        'There is no Stripe key: STRIPE_SECRET_KEY is not set, and there is no stack yet whose secret could hold one.',
        `Run it on a terminal, which asks for a key of ${mode} mode (https://dashboard.stripe.com/apikeys), or set STRIPE_SECRET_KEY.`,
        { cause: error },
      );
    }
  };
  const stripe = once(async () => {
    const key = variables.STRIPE_SECRET_KEY || (await keyInSecret());
    if (!key) {
      throw new Refusal(
        'no_stripe_key',
        'There is no Stripe key: STRIPE_SECRET_KEY is not set, and the secret holds none.',
        `Set STRIPE_SECRET_KEY for this run, or have \`${lines.verb('secrets --apply')}\` ask for one and store it.`,
      );
    }
    const wrong = wrongMode(key, environment);
    if (wrong) throw wrong;
    return stripeWith(key);
  });
  return {
    environment,
    appName,
    environmentsFolder: rest.environmentsFolder ?? environmentsFolder,
    stackName,
    aws,
    lines,
    plans: () => readPlanCatalogue(rest.plansFolder),
    stack,
    secret,
    stripe,
    stripeWith,
    databaseCa,
    async database() {
      const { DATABASE_URL } = await secret();
      // Four: a dry run of a replay works on several customers side by side, and must leave the pooler to the handlers.
      return connectPool(DATABASE_URL, databaseCa, 4);
    },
    now: rest.now ?? (() => new Date()),
    sleep: rest.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
    say: rest.say ?? (() => {}),
  };
}

/** Live keys in prod, test keys everywhere else: a test must never touch a customer, nor prod forget one. */
export function wrongMode(key: string, environment: Environment): Refusal | undefined {
  const mode = modeOfKey(key);
  const wanted = environment === 'prod' ? 'live' : 'test';
  if (mode === wanted) return undefined;
  return new Refusal(
    'stripe_key_mode',
    mode
      ? `The Stripe key is a ${mode}-mode key; "${environment}" wants ${wanted} mode.`
      : 'That is not a Stripe secret key (sk_… or rk_…).',
    `Use a key that begins with sk_${wanted}_ or rk_${wanted}_, or another --env.`,
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
