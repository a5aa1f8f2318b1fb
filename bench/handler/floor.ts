import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { dynamoDbIdempotency } from '../../adapters/aws/idempotency.ts';

/** The least that a worker does for a message: idempotency around one request to somewhere, and a line in the log. */
const logger = new Logger();
const { idempotently } = dynamoDbIdempotency(new DynamoDBClient(), 'table', 'floor');

export const handler = ({ Records }: SQSEvent) =>
  Promise.all(
    Records.map(async ({ body }) => {
      const { detail } = JSON.parse(body) as { detail: { id: string } };
      await idempotently({ event_id: detail.id, replay_name: null }, async () => {
        await fetch(process.env.AWS_ENDPOINT_URL!, { method: 'POST', body });
        return {};
      });
      logger.info('done', { event_id: detail.id });
    }),
  );
