import { type EventBridgeClient, UpdateConnectionCommand } from '@aws-sdk/client-eventbridge';
import type { Environment } from '../../lib/names.ts';
import type { Ops } from '../cli/ops.ts';
import { wrongMode } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change, Report } from '../cli/report.ts';
import {
  readSecret,
  type SecretName,
  type SecretValues,
  secretNames,
  writeSecret,
} from '../deployment/secret-values.ts';
import { shownKey } from '../destination/stripe-key.ts';

/** What may be said of a secret value without showing it. */
export interface SecretLine {
  name: SecretName;
  set: boolean;
  /** Without the secret part: host and user of the database, kind and end of the Stripe key, length of the API key. */
  shown: string;
  problem: string | null;
}

/** Whether every value is there and looks right. Shows none of them. */
export async function checkSecrets(ops: Ops): Promise<Report<{ values: SecretLine[] }>> {
  const secret = await ops.secret();
  const values = secretNames.map((name) => lineOf(name, secret[name], ops.environment));
  return { data: { values }, found: values.flatMap(({ name, problem }) => (problem ? [`${name}: ${problem}`] : [])) };
}

/**
 * Writes the given values to the secret and keeps the others.
 * @throws {Refusal} when a value cannot be right: nothing is written then.
 */
export async function planSecrets(
  ops: Ops,
  given: Partial<SecretValues>,
): Promise<Change<{ values: SecretLine[] }, { values: SecretLine[] }>> {
  const names = secretNames.filter((name) => given[name]);
  if (names.length === 0) {
    throw new Refusal(
      'no_values',
      'There is nothing to set.',
      `Set one or more of ${secretNames.join(', ')} in the environment, or answer the questions on a terminal.`,
    );
  }
  const values = names.map((name) => lineOf(name, given[name]!, ops.environment));
  const wrong = values.find(({ problem }) => problem !== null);
  if (wrong) throw new Refusal('bad_value', `${wrong.name}: ${wrong.problem}`, 'Correct it; nothing was written.');
  const { outputs } = await ops.stack();
  const held = await ops.secret();
  const changed = names.filter((name) => held[name] !== given[name]);
  const connection = changed.includes('API_KEY') ? outputs.ApiConnectionName : undefined;
  return {
    plan: { values },
    steps: [
      ...changed.map(
        (name) =>
          `${held[name] ? 'Replace' : 'Set'} ${name} in the secret (${lineOf(name, given[name]!, ops.environment).shown}).`,
      ),
      ...(connection ? [`Give API_KEY to the connection ${connection}, which posts plan events to your API.`] : []),
    ],
    warnings: [
      'Functions that are warm go on with the old values for a few minutes; a value that fails to connect is read again.',
    ],
    async act() {
      const picked = Object.fromEntries(changed.map((name) => [name, given[name]!])) as Partial<SecretValues>;
      await writeSecret(ops.aws.secrets, outputs.SecretArn, picked, ops.lines);
      if (connection) await giveApiKey(ops.aws.eventbridge, connection, given.API_KEY!);
      const written = await readSecret(ops.aws.secrets, outputs.SecretArn, ops.lines);
      return { data: { values: secretNames.map((name) => lineOf(name, written[name], ops.environment)) }, found: [] };
    },
  };
}

/** A connection has a copy of its own; neither the secret's new value nor another deployment changes that. */
async function giveApiKey(eventbridge: EventBridgeClient, connection: string, apiKey: string): Promise<void> {
  await eventbridge.send(
    new UpdateConnectionCommand({
      Name: connection,
      AuthorizationType: 'API_KEY',
      AuthParameters: { ApiKeyAuthParameters: { ApiKeyName: 'x-api-key', ApiKeyValue: apiKey } },
    }),
  );
}

function lineOf(name: SecretName, value: string, environment: Environment): SecretLine {
  if (!value) return { name, set: false, shown: 'empty', problem: name === 'API_KEY' ? null : 'is not set' };
  switch (name) {
    case 'DATABASE_URL':
      return { name, set: true, shown: shownDatabase(value), problem: databaseProblem(value) };
    case 'STRIPE_SECRET_KEY':
      return { name, set: true, shown: shownKey(value), problem: wrongMode(value, environment)?.message ?? null };
    case 'API_KEY':
      return { name, set: true, shown: `${value.length} characters`, problem: null };
  }
}

function databaseProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'is not a URL; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres';
  const { protocol, username } = new URL(value);
  if (!['postgres:', 'postgresql:'].includes(protocol)) return `begins with ${protocol}//, wanted: postgres://`;
  // Supabase's pooler wants the project behind the user's name: stripe_writer.abcdefgh
  if (!/^stripe_writer(\.|$)/.test(username))
    return `connects as "${username}"; the handlers must be stripe_writer, which may do nothing but apply events`;
  return null;
}

function shownDatabase(value: string): string {
  if (!URL.canParse(value)) return 'no URL';
  const { protocol, username, host, pathname } = new URL(value);
  return `${protocol}//${username}:…@${host}${pathname}`;
}
