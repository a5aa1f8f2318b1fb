import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { LONGEST_START_MS, type LocalRun, startLocalRun } from '../pipeline/local-run.ts';
import { day, stripeAccount } from '../pipeline/stripe-lives.ts';

const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;

let table: Server;
/** A developer's own app, and what it was posted. */
let app: Server;
const posted: string[] = [];
let dynamodb: DynamoDBClient;
let run: LocalRun;
let handler: typeof import('../../examples/consumer-lambda/handler.ts').handler;

beforeAll(async () => {
  table = dynalite({ createTableMs: 0 });
  table.listen(0, '127.0.0.1');
  await once(table, 'listening');
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${(table.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    PLANS_TABLE: 'plans',
  });
  dynamodb = new DynamoDBClient();
  for (const TableName of ['plans', 'forwarded'])
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'user_id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'user_id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  ({ handler } = await import('../../examples/consumer-lambda/handler.ts'));
  app = createServer(async (request, response) => {
    posted.push(Buffer.concat(await request.toArray()).toString());
    response.end();
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const address = `http://127.0.0.1:${(app.address() as AddressInfo).port}/api/plans`;
  run = await startLocalRun(['--no-demo', '--port', '0', '--forward', address]);
}, LONGEST_START_MS);
afterAll(async () => {
  await run?.stop();
  dynamodb?.destroy();
  table?.close();
  app?.closeAllConnections();
  app?.close();
}, 60_000);

async function keptIn(table: string): Promise<Record<string, string>> {
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: table }));
  return Object.fromEntries(Items.map(({ user_id, plan }) => [user_id!.S, JSON.parse(plan!.S!).status]));
}

it('ends where the plans are, with a local run’s own messages in any order and doubled', async () => {
  const account = stripeAccount();
  const [stays, leaves] = ['stays', 'leaves'].map((name) => {
    const customer = account.customer(name);
    return { customer, subscription: customer.signUp({ at: day(-40), periodEnd: day(10) }) };
  });
  await run.post(account.events);
  await run.idle();
  // One by one: what is known together is told once.
  const known = account.events.length;
  stays!.customer.cancelAtPeriodEnd(stays!.subscription, day(-3));
  leaves!.customer.end(leaves!.subscription, day(-5));
  await run.post(account.events.slice(known));
  const { plan_events: published, plans } = await run.idle();
  expect(published.length).toBeGreaterThanOrEqual(4);
  const messages = published.map(({ detail }) => ({
    'detail-type': (detail as { event_type: string }).event_type,
    detail,
  }));
  const ends = [];
  // The newest first, hence most of them late; then all of them again.
  for (const message of [...messages, ...messages.toReversed()]) ends.push(await handler(message));
  expect(ends).toContain('older than what is kept');

  const kept = await keptIn('plans');
  expect(kept).toEqual(Object.fromEntries(plans.map(({ user_id, status }) => [user_id, status])));
  expect(Object.values(kept).sort()).toEqual(['active', 'cancelled']);
});

it('reads what `npm start -- --forward` posts as it reads the bus', async () => {
  const { plan_events: published } = await run.idle();
  for (let look = 0; look < 100 && posted.length < published.length; look += 1) await sleep(100);
  expect(posted.length).toBe(published.length);
  process.env.PLANS_TABLE = 'forwarded';
  for (const body of posted.toReversed()) await handler(JSON.parse(body));
  expect(await keptIn('forwarded')).toEqual(await keptIn('plans'));
});

it('throws what is no plan event, so that it is tried again and then seen', async () => {
  await expect(handler({ 'detail-type': 'SUBSCRIPTION_ACTIVATED', detail: { user_id: 'u' } })).rejects.toThrow(
    /version: wanted a whole number above 0, got nothing/,
  );
});
