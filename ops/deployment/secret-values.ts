import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { CommandLines } from '../cli/command-lines.ts';
import { Refusal } from '../cli/refusal.ts';

/** What the functions read from Secrets Manager; an empty string until set. */
export const secretNames = ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'API_KEY'] as const;
export type SecretName = (typeof secretNames)[number];
export type SecretValues = Record<SecretName, string>;

/** The secret's values, kept in this process only: no verb prints one. */
export async function readSecret(
  secrets: SecretsManagerClient,
  arn: string,
  lines: CommandLines,
): Promise<SecretValues> {
  const held = await readWhole(secrets, arn, lines);
  return Object.fromEntries(
    secretNames.map((name) => [name, typeof held[name] === 'string' ? held[name] : '']),
  ) as SecretValues;
}

/** Changes the named values and keeps every other field of the secret as it is. */
export async function writeSecret(
  secrets: SecretsManagerClient,
  arn: string,
  values: Partial<SecretValues>,
  lines: CommandLines,
): Promise<void> {
  const held = await readWhole(secrets, arn, lines);
  await secrets.send(
    new PutSecretValueCommand({ SecretId: arn, SecretString: JSON.stringify({ ...held, ...values }) }),
  );
}

async function readWhole(
  secrets: SecretsManagerClient,
  arn: string,
  lines: CommandLines,
): Promise<Record<string, unknown>> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: arn }));
  try {
    return JSON.parse(SecretString ?? '{}') as Record<string, unknown>;
  } catch {
    // Without the cause: a parser's message can quote the secret.
    throw new Refusal(
      'secret_not_json',
      `The secret ${arn} is not JSON, so no function can read it.`,
      `Put {} there in the Secrets Manager console; \`${lines.verb('secrets --apply')}\` then asks for each value.`,
    );
  }
}
