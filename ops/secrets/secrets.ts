import { type EventBridgeClient, UpdateConnectionCommand } from '@aws-sdk/client-eventbridge';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change, Report } from '../cli/verb-report.ts';
import { readSecret, type SecretValues, secretNames, writeSecret } from '../deployment/secret-values.ts';
import { lineOf, type SecretLine } from './secret-line.ts';
import { tryValue } from './try-value.ts';

export interface SecretLines {
  values: SecretLine[];
}

/** Whether every value is there and looks right. Shows none of them. */
export async function lookAtSecrets(ops: Ops): Promise<Report<SecretLines>> {
  const secret = await ops.secret();
  const values = secretNames.map((name) => lineOf(name, secret[name], ops.environment));
  return { data: { values }, found: problemsOf(values) };
}

/** The same, and each is used as the functions use it. */
export async function checkSecrets(ops: Ops): Promise<Report<SecretLines>> {
  const { data } = await lookAtSecrets(ops);
  const values = await tried(ops, data.values, await ops.secret());
  return { data: { values }, found: problemsOf(values) };
}

/**
 * Writes the given values to the secret and keeps the others.
 *
 * Each is tried first; `force` stores one that does not work from here (a database that only the functions reach).
 * @throws {Refusal} when a value cannot be right, or does not work: nothing is written then.
 */
export async function planSecrets(
  ops: Ops,
  given: Partial<SecretValues>,
  { force }: { force: boolean },
): Promise<Change<SecretLines, SecretLines>> {
  const names = secretNames.filter((name) => given[name]);
  const { outputs } = await ops.stack();
  const held = await ops.secret();
  const looked = names.map((name) => lineOf(name, given[name]!, ops.environment));
  const malformed = looked.find(({ problem }) => problem !== null);
  if (malformed)
    throw new Refusal('bad_value', `${malformed.name}: ${malformed.problem}`, 'Correct it; nothing was written.');
  const values = await tried(ops, looked, given);
  const refused = values.find(({ problem }) => problem !== null);
  if (refused && !force)
    throw new Refusal(
      'refused_value',
      `${refused.name} ${refused.problem}`,
      'Correct it; nothing was written. If only the functions can use it, add --force.',
    );
  const changed = names.filter((name) => held[name] !== given[name]);
  const connection = changed.includes('API_KEY') ? outputs.ApiConnectionName : undefined;
  const shown = (name: string) => values.find((line) => line.name === name)!.shown;
  return {
    plan: { values },
    steps: [
      ...changed.map((name) => `${held[name] ? 'Replace' : 'Set'} ${name} in the secret (${shown(name)}).`),
      ...(connection ? [`Give API_KEY to the connection ${connection}, which posts plan events to your API.`] : []),
    ],
    warnings: [
      'Functions that are warm go on with the old values for up to five minutes; a value that Postgres or Stripe refuses is read again at once.',
      ...values.flatMap(({ name, advice }) => (advice ? [`${name} ${advice}`] : [])),
      ...values.flatMap(({ name, problem }) => (problem ? [`--force: ${name} is stored though it ${problem}`] : [])),
    ],
    async act() {
      const picked = Object.fromEntries(changed.map((name) => [name, given[name]!])) as Partial<SecretValues>;
      await writeSecret(ops.aws.secrets, outputs, picked, ops.lines);
      if (connection) await giveApiKey(ops.aws.eventbridge, connection, given.API_KEY!);
      const written = await readSecret(ops.aws.secrets, outputs, ops.lines);
      return { data: { values: secretNames.map((name) => lineOf(name, written[name], ops.environment)) }, found: [] };
    },
  };
}

const problemsOf = (values: SecretLine[]): string[] =>
  values.flatMap(({ name, problem }) => (problem ? [`${name}: ${problem}`] : []));

const tried = (ops: Ops, lines: SecretLine[], values: Partial<SecretValues>): Promise<SecretLine[]> =>
  Promise.all(
    lines.map(async (line) =>
      line.set && line.problem === null
        ? { ...line, problem: await tryValue(ops, line.name, values[line.name]!) }
        : line,
    ),
  );

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
