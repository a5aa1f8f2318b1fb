import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import type { Blueprint } from '../cloudformation/blueprint.ts';
import { LOCAL_REGION } from '../cloudformation/template-values.ts';
import type { Shutdown } from '../shutdown.ts';
import { storesIn } from './fauxqs-internals.ts';
import { LOCAL_CREDENTIALS, strangerReason } from './loopback-guard.ts';

// Comes without types; an `import` of it would not compile.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: {
  createTableMs: number;
  path?: string;
}) => Server;

/** SQS, S3 and DynamoDB of this run, each on a port of its own on 127.0.0.1. */
export interface AwsParts {
  /** Speaks SQS and S3. */
  queuesEndpoint: string;
  tablesEndpoint: string;
  sqs: SQSClient;
  depths(): Promise<Record<string, LocalQueueDepth>>;
  /** The messages of a queue, without taking them. */
  peek(queueName: string): Promise<PeekedMessage[]>;
}

export interface LocalQueueDepth {
  visible: number;
  in_flight: number;
}

export interface PeekedMessage {
  messageId: string;
  body: string;
  messageAttributes: Record<string, { StringValue?: string }>;
}

/** @param folder keeps tables and objects on disk; without it, as suits a test, they fill the memory */
export async function startAwsParts(shutdown: Shutdown, folder?: string): Promise<AwsParts> {
  // `startFauxqs` would listen on every interface; its Fastify app lets us choose.
  const queues = buildApp({
    logger: false,
    defaultRegion: LOCAL_REGION,
    stores: storesIn(folder === undefined ? undefined : join(folder, 'buckets')),
  });
  queues.addHook('onRequest', async (request, reply) => {
    const reason = strangerReason(request);
    if (reason !== undefined) return reply.code(403).send({ error: reason });
  });
  shutdown.add('SQS and S3', () => queues.close());
  const queuesEndpoint = await queues.listen({ port: 0, host: '127.0.0.1' });
  const tables = guarded(
    dynalite({ createTableMs: 0, ...(folder === undefined ? {} : { path: join(folder, 'tables') }) }),
  );
  tables.listen(0, '127.0.0.1');
  await once(tables, 'listening');
  shutdown.add('DynamoDB', () => {
    tables.closeAllConnections();
    return new Promise((resolve) => tables.close(resolve));
  });
  const sqs = new SQSClient({ endpoint: queuesEndpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  shutdown.add('the SQS client', () => sqs.destroy());

  return {
    queuesEndpoint,
    tablesEndpoint: `http://127.0.0.1:${(tables.address() as AddressInfo).port}`,
    sqs,
    async depths() {
      const list = (await queues.inject(inspection('/_fauxqs/queues'))).json<
        {
          name: string;
          approximateMessageCount: number;
          approximateInflightCount: number;
          approximateDelayedCount: number;
        }[]
      >();
      return Object.fromEntries(
        list.map((queue) => [
          queue.name,
          {
            visible: queue.approximateMessageCount + queue.approximateDelayedCount,
            in_flight: queue.approximateInflightCount,
          },
        ]),
      );
    },
    async peek(queueName) {
      const { messages } = (await queues.inject(inspection(`/_fauxqs/queues/${queueName}`))).json<{
        messages: { ready: PeekedMessage[]; delayed: PeekedMessage[]; inflight: { message: PeekedMessage }[] };
      }>();
      return [...messages.ready, ...messages.delayed, ...messages.inflight.map(({ message }) => message)];
    },
  };
}

/** A look inside as fauxqs offers it, past our own guard. */
const inspection = (url: string) => ({
  url,
  headers: { host: '127.0.0.1', authorization: `Credential=${LOCAL_CREDENTIALS.accessKeyId}/` },
});

/** dynalite has no hook: its listener stands behind ours. */
function guarded(server: Server): Server {
  const [handle] = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  return server.on('request', (request, response) => {
    const reason = strangerReason(request);
    if (reason === undefined) return handle!(request, response);
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: reason }));
  });
}

/** Creates the queues, buckets and tables that the template asks for. */
export async function createResources({ queues, buckets, tables }: Blueprint, parts: AwsParts): Promise<void> {
  const options = { region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
  const s3 = new S3Client({ ...options, endpoint: parts.queuesEndpoint, forcePathStyle: true });
  const dynamodb = new DynamoDBClient({ ...options, endpoint: parts.tablesEndpoint });
  for (const { name, attributes } of queues) {
    await parts.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  }
  for (const bucket of buckets) await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const { name, keySchema, attributeDefinitions } of tables) {
    await dynamodb.send(
      new CreateTableCommand({
        TableName: name,
        KeySchema: keySchema,
        AttributeDefinitions: attributeDefinitions,
        // dynalite knows no other way to say that a table's capacity does not matter; it enforces none.
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
      }),
    );
  }
  s3.destroy();
  dynamodb.destroy();
}
