import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context } from 'aws-lambda';
import { PipelineError } from '../../core/errors.ts';
import type { Idempotently, WorkKey } from '../../pipeline/ports.ts';

/** Longer than Stripe retries a live event (3 days); resends after that are the database's to recognise. */
const REMEMBER_SECONDS = 7 * 24 * 3600;

/**
 * Idempotency by Powertools on DynamoDB: the first guard, which stops live duplicates before they reach the database.
 *
 * `registerContext` must be called with each invocation's context, or a timeout would lock its events for an hour.
 * @throws {PipelineError} later: `in_progress` (the same event is being worked on), `idempotency_unavailable`. What `work` throws passes as it is.
 */
export function dynamoDbIdempotency(
  client: DynamoDBClient,
  tableName: string,
  keyPrefix: string,
): { idempotently: Idempotently; registerContext(context: Context): void } {
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName, awsSdkV3Client: client });
  const config = new IdempotencyConfig({
    // A list is never null, so a missing replay name cannot switch idempotency off.
    eventKeyJmesPath: '[event_id, replay_name]',
    throwOnNoIdempotencyKey: true,
    expiresAfterSeconds: REMEMBER_SECONDS,
  });
  const idempotently: Idempotently = async (key, work) => {
    let ran = false;
    let failure: unknown;
    const run = makeIdempotent(
      async (_key: WorkKey) => {
        ran = true;
        try {
          // Powertools stores the answer as JSON: a Date or undefined in it would fail after the work was done.
          return JSON.parse(JSON.stringify(await work()));
        } catch (error) {
          failure = error;
          throw error;
        }
      },
      { persistenceStore, config, keyPrefix },
    );
    try {
      const answer = await run(key);
      return { answer: answer as never, again: !ran };
    } catch (error) {
      if (failure !== undefined) throw failure;
      throw idempotencyError(error);
    }
  };
  return { idempotently, registerContext: (context) => config.registerLambdaContext(context) };
}

function idempotencyError(cause: unknown): PipelineError {
  if (cause instanceof IdempotencyAlreadyInProgressError) {
    return new PipelineError('in_progress', 'later', 'The same event is being worked on; this delivery waits for it', {
      cause,
    });
  }
  return new PipelineError(
    'idempotency_unavailable',
    'later',
    `The idempotency table did not answer: ${(cause as Error).name}`,
    { cause },
  );
}
