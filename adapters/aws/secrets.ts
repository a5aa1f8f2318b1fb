import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { PipelineError } from '../../core/errors.ts';

/** What the secret holds; empty until somebody sets it. */
export interface PipelineSecrets {
  DATABASE_URL?: string;
  STRIPE_SECRET_KEY?: string;
  API_KEY?: string;
}

/** How long a read secret is used: a rotated one is taken up within this time. */
const REREAD_AFTER_MS = 5 * 60_000;

/**
 * Reads the pipeline's secret, at most once in five minutes.
 * @throws {PipelineError} later: `secret_unreadable`.
 */
export function secretReader(
  client: SecretsManagerClient,
  secretId: string,
  now: () => number = Date.now,
): () => Promise<PipelineSecrets> {
  let reading: Promise<PipelineSecrets> | undefined;
  let readAt = 0;
  return () => {
    if (!reading || now() - readAt > REREAD_AFTER_MS) {
      readAt = now();
      reading = read(client, secretId).catch((error) => {
        reading = undefined;
        throw error;
      });
    }
    return reading;
  };
}

async function read(client: SecretsManagerClient, secretId: string): Promise<PipelineSecrets> {
  let text: string | undefined;
  try {
    text = (await client.send(new GetSecretValueCommand({ SecretId: secretId }))).SecretString;
  } catch (cause) {
    throw new PipelineError(
      'secret_unreadable',
      'later',
      `Secrets Manager: ${(cause as Error).name} for the pipeline's secret`,
      { cause },
    );
  }
  try {
    return JSON.parse(text ?? '{}') as PipelineSecrets;
  } catch {
    // Without the cause: a parser's message can quote the secret.
    throw new PipelineError(
      'secret_unreadable',
      'later',
      'The secret is not JSON. Set it again: npm run ops -- secrets --apply',
    );
  }
}
