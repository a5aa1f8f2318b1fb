import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { routedEventTypes, workerOf } from '../../core/event-routes.ts';
import { type QueueFed, queueFed, workers } from '../../core/workers.ts';
import { loadedAtFirstUse, writeBundle } from '../../lib/handler-code.ts';
import { startAwsEndpoint } from '../../local/backends/aws-endpoint.ts';
import { LOCAL_CREDENTIALS } from '../../local/backends/loopback-guard.ts';
import { type AwsParts, startAwsParts } from '../../local/backends/sqs-s3-dynamodb.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, source } from '../support/event-processor.ts';
import { event, sampleOf, subscriptionEvent } from '../support/stripe-samples.ts';

/** The bundles that are deployed, one invocation at a time, on real queues, table, bucket and database. */

const folder = mkdtempSync(join(tmpdir(), 'handlers-'));
const shutdown = new Shutdown();
const secrets = new Map<string, string>();
let db: TestDatabase;
let parts: AwsParts;
let awsEndpoint: string;
let published: object[] = [];
let invocations = 0;
const region = { region: 'us-east-1', credentials: LOCAL_CREDENTIALS };

beforeAll(async () => {
  db = await freshDatabase();
  parts = await startAwsParts(shutdown);
  awsEndpoint = await startAwsEndpoint({
    secrets,
    busNames: ['apps'],
    onPutEvent: (put) => void published.push(put),
    shutdown,
  });
  await parts.sqs.send(new CreateQueueCommand({ QueueName: 'failed' }));
  const s3 = new S3Client({ ...region, endpoint: parts.queuesEndpoint, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'audit' }));
  s3.destroy();
  const table = {
    TableName: 'idempotency',
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' as const }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' as const }],
  };
  await tables().send(
    new CreateTableCommand({ ...table, ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } }),
  );
  for (const name of queueFed) {
    writeBundle(
      `lambdas/${name}/handler.ts`,
      join(folder, name),
      { BUNDLED_CATALOGUE: JSON.stringify(catalogue), BUNDLED_DATABASE_CA: 'null' },
      loadedAtFirstUse[name],
    );
  }
}, 60_000);
afterAll(async () => {
  await shutdown.run();
  await db.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  published = [];
  secrets.set(
    'secret',
    JSON.stringify({ DATABASE_URL: db.writerUrl, STRIPE_SECRET_KEY: 'sk_test_topsecret', API_KEY: 'topsecret' }),
  );
});

const tables = () => new DynamoDBClient({ ...region, endpoint: parts.tablesEndpoint });
const queueUrl = (name: string) => `${parts.queuesEndpoint}/000000000000/${name}`;

/** Sends the bodies through the work queue, as the bus would, and hands them to the function, as Lambda would. */
async function invoke(name: QueueFed, bodies: string[], env: Record<string, string> = {}) {
  // A queue of its own: what another invocation gave back must not come to this one.
  const work = `work${++invocations}`;
  await parts.sqs.send(new CreateQueueCommand({ QueueName: work }));
  const records = [];
  for (const body of bodies) {
    await parts.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl(work), MessageBody: body }));
    const { Messages: [message] = [] } = await parts.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl(work),
        MessageSystemAttributeNames: ['All'],
        VisibilityTimeout: 600,
      }),
    );
    records.push({
      messageId: message!.MessageId,
      receiptHandle: message!.ReceiptHandle,
      body: message!.Body,
      attributes: message!.Attributes,
      messageAttributes: {},
    });
  }
  const child = spawn(
    join(import.meta.dirname, '../../node_modules/.bin/node'),
    [join(import.meta.dirname, 'invoke.ts'), join(folder, name)],
    {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_LAMBDA_FUNCTION_NAME: `test-${name}`,
        POWERTOOLS_TRACE_ENABLED: 'false',
        AWS_ENDPOINT_URL_SQS: parts.queuesEndpoint,
        AWS_ENDPOINT_URL_S3: parts.queuesEndpoint,
        AWS_ENDPOINT_URL_DYNAMODB: parts.tablesEndpoint,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: awsEndpoint,
        AWS_ENDPOINT_URL_EVENTBRIDGE: awsEndpoint,
        POWERTOOLS_SERVICE_NAME: `stripe-${name}`,
        POWERTOOLS_METRICS_NAMESPACE: 'test/stripe',
        PLAN_EVENT_SOURCE: 'test.stripe',
        VERIFY_EVENTS: 'false',
        ENVIRONMENT: 'dev',
        STRIPE_EVENT_SOURCE_NAMES: source,
        SECRET_ID: 'secret',
        IDEMPOTENCY_TABLE: 'idempotency',
        APP_BUS_NAME: 'apps',
        AUDIT_BUCKET: 'audit',
        AUDIT_QUEUE_URL: queueUrl(work),
        AUDIT_DRAIN_SECONDS: '0',
        WORK_QUEUE_URL: queueUrl(work),
        FAILED_QUEUE_URL: queueUrl('failed'),
        ...env,
      },
    },
  );
  let printed = '';
  let answered = '';
  child.stdout!.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    printed += chunk;
  });
  child.stdio[3]!.on('data', (chunk: Buffer) => {
    answered += chunk;
  });
  child.stdin!.end(JSON.stringify({ Records: records }));
  await once(child, 'close');
  const lines = printed
    .split('\n')
    .filter((line) => line.startsWith('{"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    printed,
    lines,
    answer: (answered ? JSON.parse(answered) : undefined) as { batchItemFailures: unknown[] } | undefined,
  };
}

/** Everything that is kept: each row of each table of the schema, the idempotency table, the app bus, what the failed queue shows. */
async function everythingKept(): Promise<string> {
  const { rows } = await db.admin.query(
    `select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind = 'r'`,
  );
  const contents = await Promise.all(
    rows.map(async ({ relname }) => (await db.admin.query(`select t::text from billing.${relname} t`)).rows),
  );
  const client = tables();
  const { Items } = await client.send(new ScanCommand({ TableName: 'idempotency' }));
  client.destroy();
  return JSON.stringify([
    contents,
    Items,
    published,
    (await parts.peek('failed')).map(({ messageAttributes }) => messageAttributes),
  ]);
}

const personal = {
  email: 'jenny.secret@example.com',
  name: 'Jenny Secret',
  phone: '+1555secret',
  address: { line1: '1 Secret Street', city: 'Secretville' },
  description: 'Jenny Secret pays',
  customer_email: 'jenny.secret@example.com',
  customer_name: 'Jenny Secret',
  receipt_email: 'jenny.secret@example.com',
  customer_details: { email: 'jenny.secret@example.com', name: 'Jenny Secret' },
  billing_details: { name: 'Jenny Secret', email: 'jenny.secret@example.com' },
  shipping: { name: 'Jenny Secret' },
  payment_method_details: { card: { last4: '4242secret', fingerprint: 'secret' } },
  source: { last4: '4242secret' },
  last_payment_error: {
    code: 'card_declined',
    message: 'Your secret card was declined',
    payment_method: { card: { last4: '4242secret' } },
  },
  statement_descriptor: 'SECRET',
};

it('keeps and logs nothing personal and no secret, whatever the payload holds, readable or not', async () => {
  for (const worker of workers) {
    const types = routedEventTypes.filter((type) => workerOf(type) === worker);
    const good = types.map((type, index) =>
      envelope(
        event(
          `evt_${worker}${index}`,
          type,
          100 + index,
          {
            ...sampleOf(type, `${worker}${index}`),
            ...personal,
            metadata: { user_id: 'user_1', nickname: 'Jenny Secret' },
          },
          {
            data: {
              object: {
                ...sampleOf(type, `${worker}${index}`),
                ...personal,
                metadata: { user_id: 'user_1', nickname: 'Jenny Secret' },
              },
              previous_attributes: personal,
            },
          },
        ),
      ),
    );
    const unreadable = types.map((type, index) =>
      envelope(
        event(`evt_${worker}x${index}`, type, 100, {
          ...personal,
          id: { secret: 'Jenny Secret' },
          status: 'Jenny Secret',
          customer: ['Jenny Secret'],
        }),
      ),
    );
    const rubbish = [
      'Jenny Secret',
      '{"name":"Jenny Secret"',
      JSON.stringify(personal),
      envelope(event('evt_r', 'customer.updated', 1, personal), { source: 'x', 'replay-name': 'Jenny Secret' }),
    ];
    const { printed, lines, answer } = await invoke(worker, [...good, ...unreadable, ...rubbish]);
    expect(answer).toEqual({ batchItemFailures: [] });
    const outcomes = lines.filter(({ message }) => message === 'event settled').map(({ outcome }) => outcome);
    expect(outcomes).toHaveLength(good.length + unreadable.length + rubbish.length);
    expect(outcomes).toContain('applied');
    // setup_intent.succeeded carries nothing that we read, so it cannot be unreadable.
    expect(outcomes.filter((outcome) => outcome === 'parked')).toHaveLength(
      unreadable.length + rubbish.length - (worker === 'payments' ? 1 : 0),
    );
    expect(printed).not.toMatch(/jenny|secretville|4242secret|topsecret|sk_test|declined/i);
  }
  expect(await everythingKept()).not.toMatch(/jenny|secretville|4242secret|topsecret|your secret/i);
}, 60_000);

it('logs one line for each event, with what on-call searches by', async () => {
  const { lines } = await invoke('billing', [
    envelope(subscriptionEvent('evt_line', 'created', 100, { id: 'sub_line', customer: 'cus_line' })),
  ]);
  expect(lines.filter(({ message }) => message === 'event settled')).toEqual([
    expect.objectContaining({
      level: 'INFO',
      event_id: 'evt_line',
      event_type: 'customer.subscription.created',
      created: 100,
      customer_id: 'cus_line',
      subscription_id: 'sub_line',
      outcome: 'applied',
      origin: 'webhook',
      attempt: 1,
      sqs_message_id: expect.any(String),
      total_ms: expect.any(Number),
      database_ms: expect.any(Number),
      fetch_ms: 0,
      publish_ms: expect.any(Number),
      arrival_to_commit_ms: expect.any(Number),
      plan_events: 1,
    }),
  ]);
  expect(published).toEqual([
    expect.objectContaining({
      busName: 'apps',
      source: 'test.stripe',
      detailType: 'SUBSCRIPTION_ACTIVATED',
      detail: expect.objectContaining({ user_id: 'user_of_sub_line' }),
    }),
  ]);
});

it('keeps its idempotency records under its own name, which is all that its role may reach', async () => {
  await invoke('billing', [envelope(subscriptionEvent('evt_1', 'updated', 100))]);
  const client = tables();
  const { Items = [] } = await client.send(new ScanCommand({ TableName: 'idempotency' }));
  client.destroy();
  expect(Items.length).toBeGreaterThan(0);
  for (const { id } of Items) expect(id?.S).toMatch(/^(billing|payments)#/);
  expect(Items.some(({ id }) => id?.S?.startsWith('billing#'))).toBe(true);
});

it('stops a live duplicate before the database, and lets a replay through', async () => {
  const twice = subscriptionEvent('evt_twice', 'created', 100, { id: 'sub_twice', customer: 'cus_twice' });
  const outcome = async (more = {}) =>
    (await invoke('billing', [envelope(twice, more)])).lines.find(({ message }) => message === 'event settled');
  expect(await outcome()).toMatchObject({ outcome: 'applied' });
  expect(await outcome()).toMatchObject({ outcome: 'duplicate', reason: 'known_event', database_ms: 0 });
  expect(await outcome({ 'replay-name': 'again' })).toMatchObject({ outcome: 'duplicate', reason: 'same_state' });
});

it.each([
  ['the secret is not filled yet', JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: '' }), 'secret_not_set'],
  ['the secret is no JSON', 'topsecret', 'secret_unreadable'],
  [
    'nobody listens at the database',
    JSON.stringify({ DATABASE_URL: 'postgres://u:topsecret@127.0.0.1:1/db' }),
    'database_unreachable',
  ],
  ['the password is wrong', 'no such role', 'database_28000'],
])('gives the message back with a pause while %s', async (_name, secret, code) => {
  secrets.set(
    'secret',
    secret === 'no such role'
      ? JSON.stringify({ DATABASE_URL: db.writerUrl.replace('stripe_writer', 'nobody_topsecret') })
      : secret,
  );
  const { lines, answer, printed } = await invoke('billing', [
    envelope(subscriptionEvent(`evt_${code}`, 'created', 100)),
  ]);
  expect(answer!.batchItemFailures).toHaveLength(1);
  expect(lines).toContainEqual(
    expect.objectContaining({ message: 'event deferred', event_id: `evt_${code}`, code, attempt: 1, retry_in_s: 2 }),
  );
  expect(printed.replaceAll('nobody_topsecret', '')).not.toContain('topsecret');
});

it('asks Stripe with the SDK that is bundled apart', async () => {
  const asked: unknown[] = [];
  const stripe = createServer((request, response) => {
    asked.push([request.url, request.headers.authorization]);
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"type":"invalid_request_error"}}');
  });
  await new Promise<void>((resolve) => stripe.listen(0, '127.0.0.1', resolve));
  try {
    const { lines } = await invoke(
      'billing',
      [envelope(event('reconcile_1', 'reconcile.subscription', 100, { id: 'sub_ask', customer: 'cus_ask' }))],
      { STRIPE_API_BASE: `http://127.0.0.1:${(stripe.address() as AddressInfo).port}` },
    );
    expect(lines).toContainEqual(expect.objectContaining({ outcome: 'parked', reason: 'stripe_not_found' }));
    expect(asked).toEqual([['/v1/subscriptions/sub_ask', 'Bearer sk_test_topsecret']]);
  } finally {
    stripe.close();
  }
});

it('gives the message back while the idempotency table does not answer, and nothing was done twice when it does', async () => {
  const body = envelope(subscriptionEvent('evt_table', 'created', 100, { id: 'sub_table', customer: 'cus_table' }));
  const { lines, answer } = await invoke('billing', [body], { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' });
  expect(answer!.batchItemFailures).toHaveLength(1);
  expect(lines).toContainEqual(expect.objectContaining({ message: 'event deferred', code: 'idempotency_unavailable' }));
  await invoke('billing', [body]);
  const { rows } = await db.admin.query(
    `select event_type from billing.plan_events where subscription_id = 'sub_table'`,
  );
  expect(rows).toEqual([{ event_type: 'SUBSCRIPTION_ACTIVATED' }]);
});

it('gives the message back while the app bus does not answer; the database is right already', async () => {
  const body = envelope(subscriptionEvent('evt_bus', 'created', 100, { id: 'sub_bus', customer: 'cus_bus' }));
  const { lines } = await invoke('billing', [body], { AWS_ENDPOINT_URL_EVENTBRIDGE: 'http://127.0.0.1:1' });
  expect(lines).toContainEqual(expect.objectContaining({ message: 'event deferred', code: 'app_bus_unavailable' }));
  expect(
    (await db.admin.query(`select status from billing.subscriptions where subscription_id = 'sub_bus'`)).rows,
  ).toEqual([{ status: 'active' }]);
  expect(published).toEqual([]);
  await invoke('billing', [body]);
  expect(published).toMatchObject([{ detailType: 'SUBSCRIPTION_ACTIVATED' }]);
});

it('parks with the reason in the attributes, for `ops redrive`', async () => {
  await invoke('billing', [
    envelope({ ...subscriptionEvent('evt_park', 'updated', 100), data: { object: { id: 'sub_1', status: 'active' } } }),
  ]);
  const parked = (await parts.peek('failed')).find(
    ({ messageAttributes }) => messageAttributes.event_id?.StringValue === 'evt_park',
  );
  expect(
    Object.fromEntries(Object.entries(parked!.messageAttributes).map(([name, { StringValue }]) => [name, StringValue])),
  ).toEqual({
    reason: 'unreadable_event',
    event_id: 'evt_park',
    event_type: 'customer.subscription.updated',
    function: 'test-billing',
    detail:
      'Not a subscription that we can read: items: got nothing, wanted an object; customer: got nothing, wanted an id of a customer (or, with Accounts v2, customer_account)',
  });
});

it('audits whatever comes, and the same batch again as the same object', async () => {
  const bodies = [
    envelope(subscriptionEvent('evt_1', 'updated', 100)),
    'not even JSON',
    envelope({ id: 'evt_ping', type: 'v2.core.event_destination.ping' }),
  ];
  const first = await invoke('audit', bodies);
  const second = await invoke('audit', bodies);
  const keys = [first, second].map(({ lines }) => lines.find(({ message }) => message === 'batch audited')!.key);
  expect(keys[0]).toMatch(/^2026\/11\/20\/10\/[0-9a-f]{64}\.ndjson\.gz$/);
  expect(keys[1]).toBe(keys[0]);
});

it('lets what has just come to the audit wait for company, in its queue', async () => {
  const { answer, printed } = await invoke('audit', [envelope(subscriptionEvent('evt_alone', 'updated', 100))], {
    AUDIT_DRAIN_SECONDS: '60',
    AUDIT_BUCKET: 'no-such-bucket',
  });
  expect(answer!.batchItemFailures).toEqual([{ itemIdentifier: expect.any(String) }]);
  expect(printed).toBe('');
});

it.each(queueFed)('%s takes an empty batch, as `ops doctor` sends one, and does nothing', async (name) => {
  // Whatever it touched would answer with an error.
  const { answer, printed } = await invoke(name, [], { SECRET_ID: 'no-such-secret', AUDIT_BUCKET: 'no-such-bucket' });
  expect(answer).toEqual({ batchItemFailures: [] });
  expect(printed).toBe('');
});

it('does not start without its environment, and names what is missing', async () => {
  const { printed, answer } = await invoke('billing', [], { SECRET_ID: '', APP_BUS_NAME: '' });
  expect(answer).toBeUndefined();
  expect(printed).toMatch(/Missing environment variables: SECRET_ID, APP_BUS_NAME/);
});
