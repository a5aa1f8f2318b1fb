/**
 * One attempt at one message in a process of its own, which kills itself at the step that the parent names: SIGKILL, as when Lambda takes
 * an instance away. Real Postgres, real DynamoDB-compatible table, the plan events go to the parent's HTTP server.
 *
 * argv: { step, message, databaseUrl, dynamoUrl, appBusUrl, now }
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context } from 'aws-lambda';
import pg from 'pg';
import { dynamoDbIdempotency } from '../../adapters/aws/idempotency.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { testProcessor } from '../support/event-processor.ts';

const { step, message, databaseUrl, dynamoUrl, appBusUrl } = JSON.parse(process.argv[2]!);
const die = () => process.kill(process.pid, 'SIGKILL');

const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
const dynamo = new DynamoDBClient({
  endpoint: dynamoUrl,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
if (step === 'after the idempotency record') {
  dynamo.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context.commandName === 'UpdateItemCommand') die();
      return result;
    },
    { step: 'deserialize' },
  );
}
if (step === 'before the idempotency record is completed') {
  dynamo.middlewareStack.add(
    (next, context) => async (args) => {
      if (context.commandName === 'UpdateItemCommand') die();
      return next(args);
    },
    { step: 'build' },
  );
}
const { idempotently, registerContext } = dynamoDbIdempotency(dynamo, 'idempotency', 'billing');
// The record is free again after what was left of the invocation: 150 ms here, 30 s in Lambda.
registerContext({ getRemainingTimeInMillis: () => 150 } as Context);

const query = async (text: string, values: unknown[]) => {
  if (step === 'before the transaction') die();
  if (step !== 'inside the transaction') {
    const result = await pool.query(text, values);
    if (step === 'after the transaction') die();
    return result;
  }
  const client = await pool.connect();
  await client.query('begin');
  await client.query(text, values);
  die();
  return client.query('commit');
};
const processor = testProcessor(pool, {
  idempotently,
  store: planStore({ query } as never),
  publish: async (planEvents) => {
    if (step === 'before publishing') die();
    await fetch(appBusUrl, { method: 'POST', body: JSON.stringify(planEvents) });
    if (step === 'after publishing') die();
  },
});
const { outcome } = await processEvent(processor, message);
await pool.end();
console.log(outcome);
