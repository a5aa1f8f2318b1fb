import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { StackOutputs } from '../../lib/outputs.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import { Refusal } from '../cli/refusal.ts';

/** What `ops secrets` fills; an empty string until set. The functions read the first two, the API connection the third. */
export const secretNames = ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'API_KEY'] as const;
export type SecretName = (typeof secretNames)[number];
export type SecretValues = Record<SecretName, string>;

type Arns = Pick<StackOutputs, 'SecretArn' | 'ApiKeySecretArn'>;

/** Which values lie in which secret: what no function needs, none may read. */
const held = ({ SecretArn, ApiKeySecretArn }: Arns): { arn: string; names: readonly SecretName[] }[] => [
  { arn: SecretArn, names: ['DATABASE_URL', 'STRIPE_SECRET_KEY'] },
  { arn: ApiKeySecretArn, names: ['API_KEY'] },
];

/** The values of both secrets, kept in this process only: no verb prints one. */
export async function readSecret(
  secrets: SecretsManagerClient,
  arns: Arns,
  lines: CommandLines,
): Promise<SecretValues> {
  const read = await Promise.all(
    held(arns).map(async ({ arn, names }) => {
      const whole = await readWhole(secrets, arn, lines);
      return names.map((name) => [name, typeof whole[name] === 'string' ? whole[name] : '']);
    }),
  );
  return Object.fromEntries(read.flat()) as SecretValues;
}

/** Changes the named values, each in its secret, and keeps every other field as it is. */
export async function writeSecret(
  secrets: SecretsManagerClient,
  arns: Arns,
  values: Partial<SecretValues>,
  lines: CommandLines,
): Promise<void> {
  for (const { arn, names } of held(arns)) {
    const changed = Object.fromEntries(names.flatMap((name) => (values[name] ? [[name, values[name]]] : [])));
    if (Object.keys(changed).length === 0) continue;
    const whole = await readWhole(secrets, arn, lines);
    await secrets.send(
      new PutSecretValueCommand({ SecretId: arn, SecretString: JSON.stringify({ ...whole, ...changed }) }),
    );
  }
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
