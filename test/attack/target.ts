import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { type Worker, workers } from '../../core/workers.ts';
import type { LocalEnv, WorkerEnv } from '../../lambdas/env.ts';
import { loadedAtFirstUse, writeBundle } from '../../lib/handler-code.ts';
import { startAwsEndpoint } from '../../local/backends/aws-endpoint.ts';
import { LOCAL_CREDENTIALS } from '../../local/backends/loopback-guard.ts';
import { type AwsParts, startAwsParts } from '../../local/backends/sqs-s3-dynamodb.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { catalogue } from '../support/catalogue.ts';
import { source } from '../support/event-processor.ts';
import { SECRET } from './hostile-values.ts';
import { ignorantStripe } from './ignorant-stripe.ts';
import { type Line, RunningFunction } from './running-function.ts';

/** What is attacked: the bundles that are deployed, in processes of their own, on a real database, queues and table. */
export interface Target {
  /**
   * Sends the bodies through a work queue and hands them to the function; those that it gives back, up to `attempts` times.
   *
   * Answers for each body the lines that its attempts left, none where the process ended.
   */
  deliver(worker: Worker, bodies: readonly string[], attempts: number): Promise<Line[][]>;
  /** How often a process ended, or the prototype of all objects was reached. */
  crashes(): string[];
  close(): Promise<void>;
}

/**
 * @param see is given every line that the functions print, and every attribute in the failed queue
 * @param publish every plan event that is published
 */
export async function startTarget(
  databaseUrl: string,
  see: (shown: string) => void,
  publish: (planEvent: string) => void,
): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'attack-'));
  const shutdown = new Shutdown();
  const parts = await startAwsParts(shutdown);
  const secret = { DATABASE_URL: databaseUrl, STRIPE_SECRET_KEY: `sk_${SECRET}`, API_KEY: SECRET };
  const awsEndpoint = await startAwsEndpoint({
    secrets: new Map([['secret', JSON.stringify(secret)]]),
    busNames: ['apps'],
    onPutEvent: ({ detail }) => publish(JSON.stringify(detail)),
    shutdown,
  });
  const stripe = await ignorantStripe(shutdown);
  await createTable(parts);
  const crashes: string[] = [];
  const functions = {} as Record<Worker, RunningFunction>;
  for (const worker of workers) {
    await parts.sqs.send(new CreateQueueCommand({ QueueName: worker }));
    await parts.sqs.send(new CreateQueueCommand({ QueueName: `${worker}-failed` }));
    writeBundle(
      `lambdas/${worker}/handler.ts`,
      join(folder, worker),
      { BUNDLED_CATALOGUE: JSON.stringify(catalogue), BUNDLED_DATABASE_CA: 'null' },
      loadedAtFirstUse[worker],
    );
    functions[worker] = new RunningFunction(
      join(folder, worker),
      environment(worker, parts, awsEndpoint, stripe),
      see,
      crashes,
    );
  }
  return {
    crashes: () => crashes,
    async deliver(worker, bodies, attempts) {
      const queueUrl = `${parts.queuesEndpoint}/000000000000/${worker}`;
      const records = await throughQueue(parts, queueUrl, bodies);
      let waiting = [...records.keys()];
      for (let attempt = 1; attempt <= attempts && waiting.length > 0; attempt += 1) {
        const back = await functions[worker].invoke(waiting.map((index) => asRecord(records[index]!, attempt)));
        waiting = waiting.filter((index) => back.has(records[index]!.MessageId!));
      }
      const Entries = records.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await parts.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      await emptyFailedQueue(parts, `${queueUrl}-failed`, see);
      return records.map(({ MessageId }) => functions[worker].linesOf(MessageId!));
    },
    async close() {
      for (const worker of workers) functions[worker].stop();
      await shutdown.run();
      rmSync(folder, { recursive: true });
    },
  };
}

async function throughQueue(parts: AwsParts, queueUrl: string, bodies: readonly string[]): Promise<Message[]> {
  const sent = await Promise.all(
    bodies.map((body) => parts.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }))),
  );
  const received: Message[] = [];
  while (received.length < bodies.length) {
    const { Messages = [] } = await parts.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 3600,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    received.push(...Messages);
  }
  return sent.map(({ MessageId }) => received.find((message) => message.MessageId === MessageId)!);
}

const asRecord = ({ MessageId, ReceiptHandle, Body, Attributes }: Message, attempt: number) => ({
  messageId: MessageId!,
  receiptHandle: ReceiptHandle,
  body: Body,
  attributes: { ...Attributes, ApproximateReceiveCount: String(attempt) },
  messageAttributes: {},
});

async function emptyFailedQueue(parts: AwsParts, queueUrl: string, see: (shown: string) => void): Promise<void> {
  for (;;) {
    const { Messages = [] } = await parts.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
    );
    if (Messages.length === 0) return;
    for (const { MessageAttributes } of Messages) see(JSON.stringify(MessageAttributes ?? {}));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await parts.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
}

async function createTable({ tablesEndpoint }: AwsParts): Promise<void> {
  const client = new DynamoDBClient({
    endpoint: tablesEndpoint,
    region: 'us-east-1',
    credentials: LOCAL_CREDENTIALS,
  });
  await client.send(
    new CreateTableCommand({
      TableName: 'idempotency',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
    }),
  );
  client.destroy();
}

/** All that the deployed function is given; the type says what it misses. */
type Environment = Record<string, string> & WorkerEnv & LocalEnv;

const environment = (worker: Worker, parts: AwsParts, awsEndpoint: string, stripe: string): Environment => ({
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  AWS_LAMBDA_FUNCTION_NAME: `attacked-${worker}`,
  POWERTOOLS_TRACE_ENABLED: 'false',
  AWS_ENDPOINT_URL_SQS: parts.queuesEndpoint,
  AWS_ENDPOINT_URL_DYNAMODB: parts.tablesEndpoint,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: awsEndpoint,
  AWS_ENDPOINT_URL_EVENTBRIDGE: awsEndpoint,
  STRIPE_API_BASE: stripe,
  POWERTOOLS_SERVICE_NAME: `stripe-${worker}`,
  POWERTOOLS_METRICS_NAMESPACE: 'attack/stripe',
  // The one environment that takes live events, whose rules are the strictest.
  ENVIRONMENT: 'prod',
  STRIPE_EVENT_SOURCE_NAMES: source,
  SECRET_ID: 'secret',
  IDEMPOTENCY_TABLE: 'idempotency',
  APP_BUS_NAME: 'apps',
  PLAN_EVENT_SOURCE: 'attack.stripe',
  VERIFY_EVENTS: 'false',
  WORK_QUEUE_URL: `${parts.queuesEndpoint}/000000000000/${worker}`,
  FAILED_QUEUE_URL: `${parts.queuesEndpoint}/000000000000/${worker}-failed`,
});
