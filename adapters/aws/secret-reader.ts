import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { PipelineError } from '../../core/errors.ts';

/** What the secret holds; empty until somebody sets it. */
export interface PipelineSecrets {
  DATABASE_URL?: string;
  STRIPE_SECRET_KEY?: string;
}

/** How long a read secret is used. One that is refused is read again at once, see {@link SecretReader.freshOn}. */
const REREAD_AFTER_MS = 5 * 60_000;
/** A wrong password is refused at every attempt: Secrets Manager is not asked each time. */
const REREAD_REFUSED_AFTER_MS = 10_000;

export interface SecretReader {
  /**
   * The pipeline's secret, read at most once in five minutes.
   * @throws {PipelineError} later: `secret_unreadable`.
   */
  read(): Promise<PipelineSecrets>;
  /**
   * `call`, and once more with the secret read afresh when `refused` says of its error that the secret is no longer right: a rotated
   * password is taken up by the event that meets it first. At most once in ten seconds; else the error passes.
   */
  freshOn<Answer>(refused: (error: unknown) => boolean, call: () => Promise<Answer>): Promise<Answer>;
}

export function secretReader(
  client: SecretsManagerClient,
  secretId: string,
  now: () => number = Date.now,
): SecretReader {
  let reading: Promise<PipelineSecrets> | undefined;
  let readAt = 0;
  const secrets: SecretReader = {
    read() {
      if (!reading || now() - readAt > REREAD_AFTER_MS) {
        readAt = now();
        reading = read(client, secretId).catch((error) => {
          reading = undefined;
          throw error;
        });
      }
      return reading;
    },
    async freshOn(refused, call) {
      const used = reading;
      try {
        return await call();
      } catch (error) {
        // Of a call that began without a secret, the one it read itself was refused.
        if (!refused(error) || used === undefined) throw error;
        // Whoever failed beside another may find it read afresh already.
        if (reading === used) {
          if (now() - readAt < REREAD_REFUSED_AFTER_MS) throw error;
          reading = undefined;
        }
        return call();
      }
    },
  };
  return secrets;
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
    throw new PipelineError('secret_unreadable', 'later', 'The secret is not JSON. `ops secrets` sets it again.');
  }
}
