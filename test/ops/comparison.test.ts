import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import type { AccountEvent } from '../../stripe-simulator/account.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeEach(async () => {
  pipeline = await startPipeline();
  database = await freshDatabase();
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
  await processEvent(
    { ...testProcessor(database.writer), sources: [source] },
    envelope(subscriptionEvent('evt_1', 'updated', started), { source }),
  );
  theirs({});
});
afterEach(async () => {
  await pipeline.close();
  await database.close();
});

const started = Math.floor(Date.now() / 1000) - 7200;
const user = '11111111-1111-4111-8111-111111111111';

/** What Stripe says of a subscription now. */
function theirs(object: Parameters<typeof subscriptionEvent>[3]): void {
  const { data } = subscriptionEvent('', 'updated', started, object) as {
    data: { object: { id: string; customer: string } };
  };
  pipeline.stripe.subscriptions.set(data.object.id, data.object);
}

/** Plays the billing worker: settles what lies in its queue, asking the server of Stripe's shape. */
async function work(): Promise<number> {
  const processor = {
    ...testProcessor(database.writer),
    sources: [source],
    store: planStore(database.writer),
    stripe: { subscription: async (id: string) => pipeline.stripe.subscriptions.get(id) },
  };
  const messages = await pipeline.take('BillingQueueUrl');
  for (const { body } of messages) await processEvent(processor, body);
  return messages.length;
}

const planId = async () =>
  (await database.admin.query(`select plan_id from billing.subscriptions where subscription_id = 'sub_1'`)).rows[0]
    .plan_id;

describe('sync', () => {
  it.each([
    ['--subscription', 'sub_1'],
    ['--customer', 'cus_1'],
    ['--user', user],
  ])('finds %s %s the same here and at Stripe', async (...args) => {
    const { code, json } = await pipeline.run('sync', ...args, '--json');
    expect(code).toBe(0);
    expect(json.plan).toEqual({
      subscriptions: [
        { subscription_id: 'sub_1', customer_id: 'cus_1', user_id: user, as_of: expect.any(String), differences: [] },
      ],
      purchases: [],
      links: [],
      unknown_to_stripe: [],
    });
  });

  it('shows every field that differs, and changes nothing', async () => {
    theirs({ price: 'price_premium_plus_monthly_eur', cancel_at_period_end: true });
    const { code, out } = await pipeline.run('sync', '--customer', 'cus_1');
    expect(code).toBe(1);
    expect(out).toMatch(/price_id +price_premium_monthly_eur +price_premium_plus_monthly_eur/);
    expect(out).toMatch(/plan_id +premium +premium_plus/);
    expect(out).toMatch(/cancel_at_period_end +false +true/);
    expect(out).toMatch(/features +\{"export":true,"seats":5\} +\{"export":true,"seats":25\}/);
    expect(await pipeline.depth('BillingQueueUrl')).toBe(0);
    expect(await planId()).toBe('premium');
  });

  it('heals through the worker, by a ticket, and waits until it is so', async () => {
    theirs({ price: 'price_premium_plus_monthly_eur' });
    const [{ code, json }] = await Promise.all([pipeline.run('sync', '--user', user, '--apply', '--json'), soon(work)]);
    expect(code).toBe(0);
    expect(json.result).toEqual({ healed: ['sub_1'], still_different: [] });
    expect(await planId()).toBe('premium_plus');
    expect(
      (await database.admin.query('select ticket_applied from billing.subscriptions')).rows[0].ticket_applied,
    ).toBe(1);
  });

  it('says so when the worker does not come', async () => {
    theirs({ price: 'price_premium_plus_monthly_eur' });
    let passed = 0;
    const begin = Date.now();
    pipeline.at(new Date(begin));
    // A minute passes with every second look.
    const clock = setInterval(() => {
      passed += 30_000;
      pipeline.at(new Date(begin + passed));
    }, 30);
    const { code, json } = await pipeline.run('sync', '--customer', 'cus_1', '--apply', '--json');
    clearInterval(clock);
    expect(code).toBe(1);
    expect(json.result.still_different).toEqual(['sub_1']);
    expect(json.found[0]).toContain('is its worker paused');
  });

  it('finds a subscription of the customer that we never heard of', async () => {
    theirs({ id: 'sub_2' });
    const { json } = await pipeline.run('sync', '--customer', 'cus_1', '--json');
    expect(
      json.plan.subscriptions.map(
        ({ subscription_id, differences }: { subscription_id: string; differences: unknown[] }) => [
          subscription_id,
          differences.length > 0,
        ],
      ),
    ).toEqual([
      ['sub_2', true],
      ['sub_1', false],
    ]);
  });

  it('names what Stripe does not know, and leaves it as it is', async () => {
    pipeline.stripe.subscriptions.clear();
    const { code, json } = await pipeline.run('sync', '--customer', 'cus_1', '--json');
    expect(code).toBe(0);
    expect(json.plan).toEqual({ subscriptions: [], purchases: [], links: [], unknown_to_stripe: ['sub_1'] });
    expect(json.steps).toEqual([]);
  });

  it.each([
    [[], /takes one of --user, --customer, --subscription; got none/],
    [['--user', 'u', '--customer', 'cus_1'], /got several/],
    [['--customer', 'sub_1'], /"sub_1", which is no Stripe customer id/],
    [['--subscription', 'cus_1'], /which is no Stripe subscription id/],
    [['--user', 'nobody'], /We hold neither a subscription nor a purchase of user nobody/],
    [['--subscription', 'sub_9'], /Neither Stripe nor our rows know a subscription of sub_9/],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await pipeline.run('sync', ...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('reconcile', () => {
  const missed = subscriptionEvent('evt_missed', 'created', started, {
    id: 'sub_2',
    customer: 'cus_2',
  }) as AccountEvent;

  it('finds nothing where all is the same, and says what it compared', async () => {
    const { code, json } = await pipeline.run('reconcile', '--json');
    expect(code).toBe(0);
    expect(json.plan).toMatchObject({
      events_compared: 0,
      missed_events: 0,
      compared: { subscription: 1 },
      drifted: [],
      unreadable: [],
      finished: true,
    });
    expect(json.steps).toEqual([]);
  });

  it('shows missed events and rows that differ, and queues nothing', async () => {
    pipeline.stripe.events = [missed];
    theirs({ price: 'price_premium_plus_monthly_eur' });
    theirs({ id: 'sub_2', customer: 'cus_2' });
    const { code, json, out } = await pipeline.run('reconcile', '--json');
    expect(code).toBe(1);
    expect(json.plan).toMatchObject({
      events_compared: 1,
      missed: [{ id: 'evt_missed', type: 'customer.subscription.created' }],
      drifted: [{ kind: 'subscription', id: 'sub_1', fields: expect.arrayContaining(['price_id', 'plan_id', 'tier']) }],
    });
    expect(json.found).toEqual(['We lack 1 of the events that Stripe lists.', '1 of our rows differ from Stripe.']);
    expect(await pipeline.depth('BillingQueueUrl')).toBe(0);
    expect(out).toBeDefined();
  });

  it('queues what is missing for the worker, who heals it, and keeps each field', async () => {
    pipeline.stripe.events = [missed];
    theirs({ price: 'price_premium_plus_monthly_eur' });
    theirs({ id: 'sub_2', customer: 'cus_2' });
    const { code, json } = await pipeline.run('reconcile', '--apply', '--json');
    expect(code).toBe(0);
    expect(json.result).toMatchObject({ queued: { payments: 0, billing: 2 } });
    expect(await work()).toBe(2);
    expect(await planId()).toBe('premium_plus');
    // The test's worker leaves its messages in the queue; what may be waiting is left out otherwise.
    expect((await pipeline.run('reconcile', '--all')).code).toBe(0);
    expect(await healedFields(json.result.run_id)).toContainEqual({
      id: 'sub_1',
      field: 'plan_id',
      before: 'premium',
      after: 'premium_plus',
    });
  });

  it('says that everything was left out where that is so, and ends with 1', async () => {
    pipeline.stripe.events = [{ ...missed, created: Math.floor(Date.now() / 1000) - 60 }];
    theirs({ id: 'sub_2', customer: 'cus_2' });
    const { code, out, json } = await pipeline.run('reconcile', '--json');
    expect(code).toBe(1);
    expect(json.found).toEqual([
      'All events were left out, since they may still be on their way: nothing can be said yet.',
    ]);
    expect(out).toBeDefined();
    const text = await pipeline.run('reconcile');
    expect(text.out).toMatch(/Left out: 1 events that may still be on their way, 1 of which are not in our ledger yet/);
    expect(text.out).toContain('Run again in 15 minutes, or add --all');
    expect((await pipeline.run('reconcile', '--all', '--json')).json.plan.missed_events).toBe(1);
  });

  it('names twenty of what cannot be read, however many there are, and counts all', async () => {
    for (let n = 0; n < 60; n += 1) theirs({ id: `sub_odd${n}`, status: 'resting' as never });
    const { code, json } = await pipeline.run('reconcile', '--json');
    expect(code).toBe(1);
    expect(json.plan.unreadable).toHaveLength(50);
    expect(json.found).toContain('60 objects cannot be compared.');
    const { out } = await pipeline.run('reconcile');
    expect(out.match(/^subscription sub_odd/gm)).toHaveLength(20);
    expect(out).toContain('… of 60 that cannot be read; more with --json, up to fifty');
  });

  it('leaves out what may wait in a queue that nobody works off', async () => {
    pipeline.stripe.events = [missed];
    await pipeline.send('BillingQueueUrl', { any: 'message' });
    const { code, out } = await pipeline.run('reconcile');
    expect(code).toBe(1);
    expect(out).toMatch(/billing: all since .*because 1 messages wait in its queue/);
    expect(out).not.toContain('events are missing');
  });

  it('looks at the events since a time', async () => {
    pipeline.stripe.events = [missed];
    expect((await pipeline.run('reconcile', '--hours', '1', '--json')).json.plan.events_compared).toBe(0);
    expect((await pipeline.run('reconcile', '--from', '3h', '--json')).json.plan.events_compared).toBe(1);
    expect((await pipeline.run('reconcile', '--from', '3h', '--hours', '3')).code).toBe(2);
  });

  it('refuses without a database, with the fix', async () => {
    pipeline.aws.secret = JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: pipeline.stripe.key });
    const { code, err } = await pipeline.run('reconcile');
    expect(code).toBe(2);
    expect(err).toContain('DATABASE_URL is empty');
    expect((await pipeline.run('reconcile', '--dry')).code).toBe(2);
  });
});

async function healedFields(run: string) {
  const { Contents = [] } = await pipeline.s3.send(
    new ListObjectsV2Command({ Bucket: pipeline.bucket, Prefix: 'reconcile/' }),
  );
  const key = Contents.map(({ Key }) => Key!).find((name) => name.includes(run))!;
  const { Body } = await pipeline.s3.send(new GetObjectCommand({ Bucket: pipeline.bucket, Key: key }));
  return gunzipSync(await Body!.transformToByteArray())
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const { id, field, before, after } = JSON.parse(line);
      return { id, field, before, after };
    });
}

async function soon(work: () => Promise<number>): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while ((await work()) === 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
}
