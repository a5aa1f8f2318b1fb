import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { loadedAtFirstUse, writeBundle } from '../../lib/handler-code.ts';
import { startAwsEndpoint } from '../../local/backends/aws-endpoint.ts';
import { LOCAL_CREDENTIALS } from '../../local/backends/loopback-guard.ts';
import { type AwsParts, startAwsParts } from '../../local/backends/sqs-s3-dynamodb.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { sendsTo } from '../../stripe-simulator/event-destinations.ts';
import { catalogue } from '../support/catalogue.ts';
import { source } from '../support/event-processor.ts';
import { day, now, StripeAndUs } from '../support/stripe-and-us.ts';

/** The reconcile function's bundle, as Lambda would run it, on real queues, bucket and database. */

const folder = mkdtempSync(join(tmpdir(), 'reconcile-function-'));
const shutdown = new Shutdown();
let pair: StripeAndUs;
let parts: AwsParts;
let s3: S3Client;
let awsEndpoint: string;

beforeAll(async () => {
  pair = await StripeAndUs.start();
  parts = await startAwsParts(shutdown);
  const secret = { DATABASE_URL: pair.db.writerUrl, STRIPE_SECRET_KEY: pair.server.key };
  awsEndpoint = await startAwsEndpoint({
    secrets: new Map([['secret', JSON.stringify(secret)]]),
    busNames: [],
    onPutEvent: () => {},
    shutdown,
  });
  for (const QueueName of ['payments', 'billing']) await parts.sqs.send(new CreateQueueCommand({ QueueName }));
  s3 = new S3Client({
    region: 'us-east-1',
    credentials: LOCAL_CREDENTIALS,
    endpoint: parts.queuesEndpoint,
    forcePathStyle: true,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'audit' }));
  writeBundle(
    'lambdas/reconcile/handler.ts',
    folder,
    { BUNDLED_CATALOGUE: JSON.stringify(catalogue), BUNDLED_DATABASE_CA: 'null' },
    loadedAtFirstUse.reconcile,
  );
}, 60_000);
afterAll(async () => {
  s3.destroy();
  await shutdown.run();
  await pair.stop();
  rmSync(folder, { recursive: true });
});

const queueUrl = (name: string) => `${parts.queuesEndpoint}/000000000000/${name}`;
const waiting = async () => {
  const { Attributes } = await parts.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl('billing'), AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes!.ApproximateNumberOfMessages);
};
const kept = async () => {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'audit', Prefix: 'reconcile/' }));
  return Contents.map(({ Key }) => Key!);
};

/** @returns the lines that it logged */
async function run(
  heals: boolean,
  event: object | null = null,
  ends = 0,
  more: Record<string, string> = {},
): Promise<Record<string, unknown>[]> {
  const child = spawn(
    join(import.meta.dirname, '../../node_modules/.bin/node'),
    [join(import.meta.dirname, 'invoke.ts'), folder],
    {
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
      env: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL: awsEndpoint,
        AWS_ENDPOINT_URL_SQS: parts.queuesEndpoint,
        AWS_ENDPOINT_URL_S3: parts.queuesEndpoint,
        AWS_LAMBDA_FUNCTION_NAME: 'reconcile',
        POWERTOOLS_SERVICE_NAME: 'stripe-reconcile',
        POWERTOOLS_METRICS_NAMESPACE: 'huntaze/stripe',
        ENVIRONMENT: 'dev',
        SENDING_EVENT_SOURCE_NAMES: source,
        SECRET_ID: 'secret',
        WORK_QUEUE_URLS: JSON.stringify({ payments: queueUrl('payments'), billing: queueUrl('billing') }),
        AUDIT_BUCKET: 'audit',
        RECONCILE_HEALS: String(heals),
        STRIPE_API_BASE: pair.server.url,
        REMAINING_MS: '600000',
        ...more,
      },
    },
  );
  child.stdin!.end(JSON.stringify(event));
  const [out, [code]] = await Promise.all([text(child.stdout!), once(child, 'close')]);
  expect(code).toBe(ends);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

it('only reports while it is not to heal; heals and keeps each field in the audit bucket when it is', async () => {
  pair.account.customer('ben').signUp({ at: now - 10 * day, periodEnd: now + 20 * day });
  await pair.deliver();
  await pair.db.admin.query('update billing.subscriptions set quantity = 7');

  const reported = await run(false);
  expect(reported).toContainEqual(expect.objectContaining({ message: 'reconciled', drifted_rows: 1, finished: true }));
  expect(reported).toContainEqual(expect.objectContaining({ Drift: 1, ReconcileUnfinished: 0 }));
  expect([await waiting(), await kept()]).toEqual([0, []]);

  await run(true);
  expect(await waiting()).toBe(1);
  const [key] = await kept();
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'audit', Key: key! }));
  const lines = gunzipSync(await Body!.transformToByteArray())
    .toString()
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ kind: 'subscription', id: 'sub_ben1', field: 'quantity', before: 7, after: 1 }),
  ]);
}, 180_000);

it('says every five minutes whether Stripe takes the key and sends, and turns the clock all the same', async () => {
  const clock = () => run(true, { task: 'clock' });
  const destination = sendsTo(pair.server, source);
  expect(await clock()).toContainEqual(expect.objectContaining({ StripeKeyRefused: 0, StripeSendsNothing: 0 }));

  destination.status = 'disabled';
  expect(await clock()).toContainEqual(expect.objectContaining({ StripeKeyRefused: 0, StripeSendsNothing: 1 }));

  pair.server.faults.forbidden.add('core/event_destinations');
  const refused = await clock();
  expect(refused).toContainEqual(expect.objectContaining({ StripeKeyRefused: 1 }));
  expect(refused.filter((line) => 'StripeSendsNothing' in line)).toEqual([]);

  pair.server.faults.forbidden.add('events');
  expect(await run(true, null, 1)).toContainEqual(expect.objectContaining({ StripeKeyRefused: 1 }));
  pair.server.faults.forbidden.clear();
}, 180_000);

it('asks of both sources while Stripe should send to two, in one question', async () => {
  const next = 'aws.partner/stripe.com/ed_next';
  const both = { SENDING_EVENT_SOURCE_NAMES: `${source},${next}` };
  const clock = () => run(true, { task: 'clock' }, 0, both);
  pair.server.destinations.clear();
  const [one, other] = [sendsTo(pair.server, source), sendsTo(pair.server, next)];
  pair.server.asked.length = 0;
  expect(await clock()).toContainEqual(expect.objectContaining({ StripeSendsNothing: 0, OneSourceGetsNothing: 0 }));
  expect(pair.server.asked).toEqual(['GET /v2/core/event_destinations']);

  for (const [off, on] of [
    [other, one],
    [one, other],
  ] as const) {
    Object.assign(off, { status: 'disabled' });
    Object.assign(on, { status: 'enabled' });
    expect(await clock()).toContainEqual(expect.objectContaining({ StripeSendsNothing: 0, OneSourceGetsNothing: 1 }));
  }
  other.status = 'disabled';
  expect(await clock()).toContainEqual(expect.objectContaining({ StripeSendsNothing: 1 }));
}, 180_000);
