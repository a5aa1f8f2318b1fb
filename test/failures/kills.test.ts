import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** "Process killed before, during or after the commit: the retry completes it; nothing doubled, nothing lost" (docs/architecture.md). */

// The package has no types; this is all of it that we use.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;

const steps = [
  'before the transaction',
  'inside the transaction',
  'after the transaction',
  'before publishing',
  'after publishing',
  'before the idempotency record is completed',
  'after the idempotency record',
];

let db: TestDatabase;
let table: Server;
let appBus: Server;
let received: PlanEvent[] = [];
const url = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));

beforeAll(async () => {
  db = await freshDatabase();
  table = dynalite({ createTableMs: 0 });
  appBus = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push(...(JSON.parse(body) as PlanEvent[]));
      response.end();
    });
  });
  await Promise.all([listen(table), listen(appBus)]);
  const client = new DynamoDBClient({
    endpoint: url(table),
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  await client.send(
    new CreateTableCommand({
      TableName: 'idempotency',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    }),
  );
});
afterAll(async () => {
  table.closeAllConnections();
  appBus.closeAllConnections();
  await Promise.all([
    db.close(),
    new Promise((resolve) => table.close(resolve)),
    new Promise((resolve) => appBus.close(resolve)),
  ]);
});

async function attempt(step: string, message: string): Promise<string> {
  const node = join(import.meta.dirname, '../../node_modules/.bin/node');
  const argument = JSON.stringify({
    step,
    message,
    databaseUrl: db.writerUrl,
    dynamoUrl: url(table),
    appBusUrl: url(appBus),
  });
  const { stdout } = await promisify(execFile)(node, [join(import.meta.dirname, 'worker-process.ts'), argument]);
  return stdout.trim();
}

it.each(steps)(
  'nothing is lost and nothing doubled when the process is killed %s',
  async (step) => {
    received = [];
    const id = `sub_${steps.indexOf(step)}`;
    const message = envelope(
      subscriptionEvent(`evt_${id}`, 'created', 100, { id, customer: `cus_${id}`, status: 'active' }),
    );
    await expect(attempt(step, message)).rejects.toMatchObject({ signal: 'SIGKILL' });

    // What the queue does: the message comes back, until an attempt ends.
    let outcome = '';
    for (let tries = 0; outcome === '' && tries < 20; tries += 1) {
      outcome = await attempt('none', message).catch(() => '');
      if (outcome === '') await sleep(100);
    }

    const committedBefore = !['before the transaction', 'inside the transaction'].includes(step);
    expect(outcome).toBe(committedBefore ? 'duplicate' : 'applied');
    const { rows } = await db.admin.query(
      'select status, plan_id from billing.subscriptions where subscription_id = $1',
      [id],
    );
    expect(rows).toEqual([{ status: 'active', plan_id: 'premium' }]);
    const { rows: planEvents } = await db.admin.query(
      'select id, event_type from billing.plan_events where subscription_id = $1',
      [id],
    );
    expect(planEvents).toEqual([{ id: expect.any(String), event_type: 'SUBSCRIPTION_ACTIVATED' }]);
    const ledger = await db.admin.query('select outcome from billing.events where event_id = $1', [`evt_${id}`]);
    expect(ledger.rows).toEqual([{ outcome: 'applied' }]);
    // The app bus may hear it twice; always under the one id.
    expect(received.length).toBeGreaterThanOrEqual(1);
    expect(new Set(received.map((planEvent) => planEvent.id))).toEqual(new Set([planEvents[0].id]));
  },
  60_000,
);
