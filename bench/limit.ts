import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbIdempotency } from '../adapters/aws/idempotency.ts';

/** The least that a worker loads: a logger and idempotency. What else it loads at its start is measured against this. */
const logger = new Logger();
const { idempotently } = dynamoDbIdempotency(new DynamoDBClient(), 'table', 'limit');

export const handler = (event: { event_id: string }) =>
  idempotently({ event_id: event.event_id, replay_name: null }, async () => {
    logger.info('done');
    return {};
  });
