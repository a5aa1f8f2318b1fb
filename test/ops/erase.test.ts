import { gunzipSync, gzipSync } from 'node:zlib';
import { readAuditObject } from '../../ops/deployment/audited-events.ts';
import { connectAws } from '../../ops/deployment/aws.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { charge, checkout, customer, event, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { startVersionedBucket, type VersionedBucket } from './versioned-bucket.ts';

/** `ops erase`: real Postgres, a bucket with versions and Object Lock at the wire. */

let db: TestDatabase;
let pipeline: Pipeline;
let bucket: VersionedBucket;
beforeEach(async () => {
  [db, pipeline, bucket] = await Promise.all([freshDatabase(), startPipeline(), startVersionedBucket()]);
  pipeline.bucketsAt(bucket.url);
  pipeline.aws.archive.RetentionDays = 400;
});
afterEach(() => Promise.all([db.close(), pipeline.close(), bucket.close()]));

const person = { name: 'Ada Lovelace', email: 'ada@example.com', address: { line1: '12 St James Square' } };
const withPerson = (object: object) => ({ ...object, ...person });
const ada = (id: string, status = 'canceled') =>
  subscriptionEvent(id, status === 'canceled' ? 'deleted' : 'created', 200, {
    id: 'sub_ada',
    customer: 'cus_ada',
    status,
    metadata: { user_id: 'user_ada' },
  });

const lives = {
  customer: event(
    'evt_1',
    'customer.created',
    100,
    withPerson(customer({ id: 'cus_ada', metadata: { user_id: 'user_ada' } })),
  ),
  session: event(
    'evt_2',
    'checkout.session.completed',
    101,
    checkout({ id: 'cs_ada', customer: 'cus_ada', subscription: 'sub_ada', client_reference_id: 'user_ada' }),
  ),
  charge: event(
    'evt_3',
    'charge.succeeded',
    102,
    charge({ id: 'ch_ada', customer: 'cus_ada', payment_intent: 'pi_ada', billing_details: person, amount: 1900 }),
  ),
  ended: ada('evt_4'),
  // Names no customer: found by the charge that it is about.
  dispute: event('evt_5', 'charge.dispute.created', 103, {
    id: 'dp_ada',
    object: 'dispute',
    amount: 1900,
    currency: 'eur',
    charge: 'ch_ada',
    status: 'needs_response',
    created: 103,
    evidence: { customer_name: 'Ada Lovelace', customer_email_address: 'ada@example.com' },
  }),
  // Names only what another event of hers named.
  attempt: event('evt_6', 'setup_intent.succeeded', 104, {
    id: 'seti_ada',
    object: 'setup_intent',
    customer: null,
    payment_method: 'pm_ada',
  }),
  method: event(
    'evt_7',
    'payment_method.attached',
    105,
    withPerson({ id: 'pm_ada', object: 'payment_method', customer: 'cus_ada' }),
  ),
  other: event(
    'evt_8',
    'charge.succeeded',
    106,
    charge({ id: 'ch_bob', customer: 'cus_bob', billing_details: { name: 'Bob' } }),
  ),
};

/** What happened: in our rows, and in the audit bucket, an object for each two events. */
async function happens(): Promise<void> {
  const { customer, session, charge, ended, other } = lives;
  for (const one of [customer, session, charge, ended, other])
    await processEvent(testProcessor(db.writer), envelope(one));
  const lines = [lives.attempt, lives.other, customer, session, charge, ended, lives.dispute, lives.method].map((one) =>
    envelope(one),
  );
  for (let first = 0; first < lines.length; first += 2)
    bucket.put(`2026/11/20/10/${first}.ndjson.gz`, gzipSync(`${lines.slice(first, first + 2).join('\n')}\n`));
  bucket.put(
    'reconcile/2026/11/20/run.ndjson.gz',
    gzipSync(
      `${JSON.stringify({ at: '2026-11-20T10:00:00Z', run_id: 'run', kind: 'customer', id: 'cus_ada', known: true, field: 'metadata_user_id', before: null, after: 'user_ada' })}\n`,
    ),
  );
}
const kept = () => bucket.versions.map(({ body }) => gunzipSync(body).toString()).join('');
const rows = async () => (await db.admin.query(`select billing.rows_naming('cus_ada', '{user_ada}') as it`)).rows[0].it;
const erase = (...more: string[]) =>
  pipeline.run('erase', '--customer', 'cus_ada', '--database-url', db.adminUrl, '--json', ...more);

it('shows what would change and what stays, and changes nothing', async () => {
  await happens();
  const before = kept();
  const { code, json } = await erase();
  expect(code).toBe(0);
  expect(json).toMatchObject({
    applied: false,
    plan: {
      customer_id: 'cus_ada',
      users: ['user_ada'],
      at_stripe: 'deleted',
      rows: {
        checkouts: 1,
        customers: 1,
        events: 4,
        payments: 1,
        plan_events: 2,
        subscription_history: 1,
        subscriptions: 1,
        user_plans: 1,
      },
      audit: { versions_read: 5 },
      archives: [{ name: 'huntaze-stripe-dev', retention_days: 400, until: '1971-02-05T00:03:20.000Z' }],
      queued: 0,
    },
  });
  expect(json.plan.audit.versions.map(({ key, lines }: { key: string; lines: number }) => [key, lines])).toEqual([
    ['2026/11/20/10/2.ndjson.gz', 2],
    ['2026/11/20/10/4.ndjson.gz', 2],
    ['2026/11/20/10/6.ndjson.gz', 2],
    ['reconcile/2026/11/20/run.ndjson.gz', 1],
  ]);
  expect(kept()).toBe(before);
  expect(await rows()).not.toEqual({});
});

it('erases rows and audit objects, follows ids from line to line, and proves it by reading again', async () => {
  await happens();
  const { code, json } = await erase('--apply', '--yes');
  expect({ code, found: json.found }).toEqual({ code: 0, found: [] });
  expect(json.result).toMatchObject({
    objects_rewritten: 5,
    versions_deleted: 5,
    versions_kept: [],
    left: { rows: {}, versions: [] },
  });
  for (const word of ['Ada', 'ada@example.com', 'St James', 'cus_ada', 'user_ada', 'pm_ada"}'])
    expect(kept()).not.toContain(word);
  expect(await rows()).toEqual({});
  // What the books need, and the neighbours, are there.
  expect(kept()).toContain('"id":"ch_ada","object":"charge","amount":1900');
  expect(kept()).toContain('"name":"Bob"');
  expect((kept().match(/"detail-type"/g) ?? []).length).toBe(8);
  // A dry run of a replay leaves out what is no event any more.
  const s3 = connectAws('eu-central-1', { s3: bucket.url }).s3;
  const readable = await readAuditObject(s3, 'audit-bucket', '2026/11/20/10/0.ndjson.gz');
  expect(readable.map((one) => JSON.parse(one.line).detail.id)).toEqual(['evt_8']);
  const again = await erase('--apply', '--yes');
  expect(again.json).toMatchObject({ steps: [], applied: false });
});

it('deletes what governance locks, with the right to', async () => {
  bucket.lock = { mode: 'GOVERNANCE', until: '2027-11-20T00:00:00.000Z' };
  await happens();
  expect((await erase('--apply', '--yes')).code).toBe(0);
  expect(kept()).not.toContain('Ada');
});

it('says which old versions are left where the right is lacking, and goes on once it is there', async () => {
  bucket.lock = { mode: 'GOVERNANCE', until: '2027-11-20T00:00:00.000Z' };
  bucket.mayBypass = false;
  await happens();
  const { code, json } = await erase('--apply', '--yes');
  expect(code).toBe(1);
  expect(json.found).toEqual([expect.stringMatching(/5 old versions were not deleted.*s3:BypassGovernanceRetention/)]);
  expect(json.result.left.rows).toEqual({});
  // Whoever reads the trail sees none of it already.
  const latest = bucket.versions.filter((one) => bucket.versions.findLast(({ key }) => key === one.key) === one);
  expect(latest.map(({ body }) => gunzipSync(body).toString()).join('')).not.toContain('Ada');
  bucket.mayBypass = true;
  const again = await erase('--apply', '--yes');
  expect({ code: again.code, result: again.json.result }).toMatchObject({
    code: 0,
    result: { objects_rewritten: 0, versions_deleted: 5 },
  });
  expect(kept()).not.toContain('Ada');
});

it('says until when a compliance lock keeps what nobody can delete', async () => {
  bucket.lock = { mode: 'COMPLIANCE', until: '2027-11-20T00:00:00.000Z' };
  await happens();
  const { code, json } = await erase('--apply', '--yes');
  expect(code).toBe(1);
  expect(json.found).toEqual([
    expect.stringMatching(/5 old versions stay until their compliance lock ends, the last on 2027-11-20/),
  ]);
  expect(json.warnings).toContainEqual(expect.stringContaining('compliance lock'));
});

it.each([0, 1, 2, 5])('goes on where it was stopped, after %i writes', async (writes) => {
  await happens();
  bucket.breakAfterWrites = writes;
  expect((await erase('--apply', '--yes')).code).toBe(2);
  bucket.breakAfterWrites = Number.POSITIVE_INFINITY;
  const { code, json } = await erase('--apply', '--yes');
  expect({ code, left: json.result.left }).toEqual({ code: 0, left: { rows: {}, versions: [] } });
  expect(kept()).not.toContain('Ada');
});

it('asks for the customer’s id, in dev too', async () => {
  await happens();
  pipeline.answering('yes');
  const refused = await pipeline.run('erase', '--customer', 'cus_ada', '--database-url', db.adminUrl, '--apply');
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('nothing was changed') });
  expect(await rows()).not.toEqual({});
  pipeline.answering('cus_ada');
  const { code, out } = await pipeline.run('erase', '--customer', 'cus_ada', '--database-url', db.adminUrl, '--apply');
  expect(code).toBe(0);
  expect(out).toContain('No row of any table names the person.');
  expect(out).toContain('Stays: the archive huntaze-stripe-dev, until');
});

it('warns while Stripe still has the customer, and while messages wait', async () => {
  await happens();
  pipeline.stripe.account.put(customer({ id: 'cus_ada' }) as never);
  await pipeline.send('BillingFailedQueueUrl', { any: 'message' });
  const { json } = await erase();
  expect(json.plan).toMatchObject({ at_stripe: 'there', queued: 1 });
  expect(json.warnings).toContainEqual(expect.stringContaining('Stripe still has the customer'));
  expect(json.warnings).toContainEqual(expect.stringContaining('1 messages lie in queues'));
});

it.each([
  [['--customer', 'ada', '--database-url', 'postgres://postgres@127.0.0.1:1/x'], 'bad_id'],
  [['--customer', 'cus_ada'], 'no_database_url'],
  [['--customer', 'cus_ada', '--database-url', 'postgres://postgres@db.example.com:6543/x'], 'transaction_pooler'],
])('refuses %j: %s', async (args, wanted) => {
  const { code, json } = await pipeline.run('erase', ...args, '--json');
  expect({ code, error: json.error.code }).toEqual({ code: 2, error: wanted });
});

it('refuses while a subscription runs', async () => {
  await processEvent(testProcessor(db.writer), envelope(ada('evt_running', 'active')));
  const { code, json } = await erase('--apply', '--yes');
  expect({ code, error: json.error.code }).toEqual({ code: 2, error: 'still_running' });
});

it.each([
  ['still', () => pipeline.stripe.account.put(customer({ id: 'cus_ada', metadata: { user_id: 'user_ada' } }) as never)],
  ['no longer', () => {}],
])('is what `why` says of the customer, whom Stripe %s has', async (_, put) => {
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: db.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
  await happens();
  await erase('--apply', '--yes');
  put();
  const { code, json } = await pipeline.run('why', '--customer', 'cus_ada', '--json');
  expect(json.data.verdict).toMatchObject({
    cause: 'erased',
    says: 'cus_ada was erased here: what they bought stands without the person, and whatever comes later is kept without them too.',
    wrong: false,
  });
  expect(code).toBe(0);
});

it('while there are two event sources, both archives stay, each as long as it keeps; one that was deleted does not', async () => {
  await happens();
  const outputs = pipeline.outputs as { OtherIntake?: string };
  outputs.OtherIntake = JSON.stringify({ archive: 'huntaze-stripe2-dev', retired: true });
  const stays = async () => (await pipeline.run('erase', '--customer', 'cus_ada', '--database-url', db.adminUrl)).out;
  expect(await stays()).toContain(
    'Stays: the archive huntaze-stripe-dev, until 1971-02-05.\nStays: the archive huntaze-stripe2-dev, until 1971-02-05.',
  );
  expect(await stays()).toContain('The archive huntaze-stripe2-dev keeps each event for 400 days');
  pipeline.aws.goneArchives.add('huntaze-stripe-dev');
  expect(await stays()).not.toContain('huntaze-stripe-dev,');
});
