import { processEvent } from '../../pipeline/process-event.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** The order rule (docs/correctness.md), line by line, by hand. The generated proof is in test/properties. */

let db: TestDatabase;
let next = 0;
/** Every test has a subscription of its own. */
let sub: string;
let cus: string;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => {
  sub = `sub_${++next}`;
  cus = `cus_${next}`;
});

const row = async () =>
  (await db.admin.query('select * from billing.subscriptions where subscription_id = $1', [sub])).rows[0];
const planEvents = async () =>
  (
    await db.admin.query(
      'select event_type, plan, payload, metadata from billing.plan_events where subscription_id = $1 order by sequence',
      [sub],
    )
  ).rows;
const event = (id: string, type: string, created: number, object: Parameters<typeof subscriptionEvent>[3] = {}) =>
  subscriptionEvent(`evt_${sub}_${id}`, type, created, {
    id: sub,
    customer: cus,
    metadata: { user_id: `user_${next}` },
    ...object,
  });
const arrive = (stripeEvent: object, more: object = {}, parts = {}) =>
  processEvent(testProcessor(db.writer, parts), envelope(stripeEvent, more));
const stripeSays = (object: Parameters<typeof subscriptionEvent>[3]) => ({
  stripe: { subscription: async () => (event('x', 'updated', 0, object) as { data: { object: object } }).data.object },
});

it('applies a later second', async () => {
  expect((await arrive(event('a', 'created', 100, { status: 'incomplete' }))).outcome).toBe('applied');
  expect((await arrive(event('b', 'updated', 105))).outcome).toBe('applied');
  expect(await row()).toMatchObject({ status: 'active', plan_id: 'premium', as_of: new Date(105_000) });
  expect((await planEvents()).map((told) => told.event_type)).toEqual([
    'SUBSCRIPTION_UPDATED',
    'SUBSCRIPTION_ACTIVATED',
  ]);
});

it('keeps the subscription we hold when an older event arrives late', async () => {
  await arrive(event('b', 'updated', 105));
  expect((await arrive(event('a', 'updated', 100, { status: 'past_due' }))).outcome).toBe('stale');
  expect(await row()).toMatchObject({ status: 'active' });
});

it('calls the same live event again a duplicate, and publishes its plan events again', async () => {
  const processor = testProcessor(db.writer);
  const message = envelope(event('a', 'updated', 100));
  expect((await processEvent(processor, message)).outcome).toBe('applied');
  expect((await processEvent(processor, message)).outcome).toBe('duplicate');
  expect(processor.published.map(({ id }) => id)).toEqual([processor.published[0]!.id, processor.published[0]!.id]);
  expect(await planEvents()).toHaveLength(1);
});

it.each([
  ['created first', ['c', 'u']],
  ['update first', ['u', 'c']],
])('lets an update win over the creation of the same second (%s)', async (_name, order) => {
  const events = {
    c: event('c', 'created', 100, { status: 'incomplete' }),
    u: event('u', 'updated', 100, { status: 'active' }),
  };
  for (const key of order) await arrive(events[key as 'c' | 'u']);
  expect(await row()).toMatchObject({ status: 'active' });
});

it('asks Stripe when two updates share a second, and stores the answer in that second', async () => {
  await arrive(event('a', 'updated', 100, { price: 'price_premium_monthly_eur' }));
  const settled = await arrive(
    event('b', 'updated', 100, { price: 'price_premium_plus_monthly_eur' }),
    {},
    stripeSays({ price: 'price_premium_plus_monthly_eur' }),
  );
  expect(settled.outcome).toBe('refetched');
  expect(await row()).toMatchObject({ plan_id: 'premium_plus', as_of: new Date(100_000) });
});

it('does not ask Stripe when two events of one second show the same', async () => {
  await arrive(event('a', 'updated', 100, { status: 'paused' }));
  expect(await arrive(event('b', 'paused', 100, { status: 'paused' }))).toMatchObject({
    outcome: 'duplicate',
    reason: 'same_state',
  });
  expect(await row()).toMatchObject({ status: 'paused', ticket_issued: 0 });
});

it('lets a slow answer lose to a newer event', async () => {
  await arrive(event('a', 'updated', 100));
  const settled = await arrive(
    event('b', 'updated', 100, { status: 'past_due' }),
    {},
    {
      stripe: {
        subscription: async () => {
          await arrive(event('c', 'updated', 101, { price: 'price_premium_plus_monthly_eur' }));
          return (event('x', 'updated', 0, { price: 'price_premium_monthly_eur' }) as { data: { object: object } }).data
            .object;
        },
      },
    },
  );
  expect(settled.outcome).toBe('stale');
  expect(await row()).toMatchObject({ plan_id: 'premium_plus', as_of: new Date(101_000) });
});

it('lets a slow answer lose to an answer with a newer ticket', async () => {
  await arrive(event('a', 'updated', 100));
  const settled = await arrive(
    event('b', 'updated', 100, { status: 'past_due' }),
    {},
    {
      stripe: {
        subscription: async () => {
          await arrive(event('c', 'updated', 100), {}, stripeSays({ price: 'price_premium_plus_monthly_eur' }));
          return (event('x', 'updated', 0, { price: 'price_premium_monthly_eur' }) as { data: { object: object } }).data
            .object;
        },
      },
    },
  );
  expect(settled.outcome).toBe('stale');
  expect(await row()).toMatchObject({ plan_id: 'premium_plus' });
});

it('changes nothing and stays undecided while Stripe does not answer; the retry settles it', async () => {
  await arrive(event('a', 'updated', 100));
  const stripeIsDown = {
    stripe: {
      subscription: async () => {
        throw new Error('down');
      },
    },
  };
  await expect(arrive(event('b', 'updated', 100, { status: 'past_due' }), {}, stripeIsDown)).rejects.toThrow('down');
  expect(await row()).toMatchObject({ status: 'active' });
  expect(
    (await arrive(event('b', 'updated', 100, { status: 'past_due' }), {}, stripeSays({ status: 'past_due' }))).outcome,
  ).toBe('refetched');
  expect(await row()).toMatchObject({ status: 'past_due' });
});

it('closes the row whenever the deletion arrives, and nothing brings it back', async () => {
  await arrive(event('b', 'updated', 105));
  expect((await arrive(event('d', 'deleted', 100, { status: 'canceled' }))).outcome).toBe('applied');
  expect((await arrive(event('e', 'updated', 106))).outcome).toBe('stale');
  expect(await row()).toMatchObject({ status: 'canceled' });
  expect((await planEvents()).map((told) => told.event_type)).toEqual([
    'SUBSCRIPTION_ACTIVATED',
    'SUBSCRIPTION_CANCELLED',
  ]);
});

it('closes the row when a fetch finds the end, even if a newer event came meanwhile', async () => {
  await arrive(event('a', 'updated', 100));
  const settled = await arrive(
    event('b', 'updated', 100, { status: 'past_due' }),
    {},
    {
      stripe: {
        subscription: async () => {
          await arrive(event('c', 'updated', 101));
          return (event('x', 'deleted', 0, { status: 'canceled' }) as { data: { object: object } }).data.object;
        },
      },
    },
  );
  expect(settled.outcome).toBe('refetched');
  expect(await row()).toMatchObject({ status: 'canceled' });
});

it('does not let a lagging read of Stripe open what the deletion closed, not even for the comparison with Stripe', async () => {
  await arrive(event('d', 'deleted', 100, { status: 'canceled' }));
  const question = {
    id: `reconcile_${sub}`,
    type: 'reconcile.subscription',
    created: 200,
    livemode: false,
    data: { object: { id: sub, customer: cus } },
  };
  expect((await arrive(question, { origin: 'reconcile' }, stripeSays({ status: 'active' }))).outcome).toBe('stale');
  expect(await row()).toMatchObject({ status: 'canceled' });
});

it('takes a replay of what it holds for a duplicate, and derives anew what a missing price had left', async () => {
  const unknown = event('a', 'updated', 100, { price: 'price_new' });
  await arrive(unknown);
  expect(await row()).toMatchObject({ plan_id: null, status: 'active' });
  expect((await arrive(unknown, { 'replay-name': 'r1' })).outcome).toBe('duplicate');
  const repaired = {
    catalogue: {
      ...catalogue,
      plans: [
        {
          id: 'premium',
          tier: 'PREMIUM',
          grace_days: 7,
          features: {},
          prices: [{ id: 'price_new', currency: 'eur', amount_minor: 1900, interval: 'month' as const }],
        },
      ],
    },
  };
  expect((await arrive(unknown, { 'replay-name': 'r2' }, repaired)).outcome).toBe('applied');
  expect((await arrive(unknown, { 'replay-name': 'r3' }, repaired)).outcome).toBe('duplicate');
  expect(await row()).toMatchObject({ plan_id: 'premium' });
  expect((await planEvents()).map((told) => [told.event_type, told.plan.plan_id, told.metadata.origin])).toEqual([
    ['SUBSCRIPTION_UPDATED', null, 'webhook'],
    ['SUBSCRIPTION_ACTIVATED', 'premium', 'replay'],
  ]);
});

it('repairs by one replay an end that was misread in the very second of the deletion, whichever comes first', async () => {
  const update = event('u', 'updated', 100);
  const deletion = event('d', 'deleted', 100, { status: 'canceled' });
  // What a release that took `active` for the end left behind: the update closed the row, the deletion was stale.
  await arrive({ ...event('u', 'updated', 100, { status: 'canceled' }) });
  await arrive(deletion);
  const truth = stripeSays({ status: 'canceled' });
  await arrive(deletion, { 'replay-name': 'r1' }, truth);
  await arrive(update, { 'replay-name': 'r1' }, truth);
  expect(await row()).toMatchObject({ status: 'canceled' });
});

it('notes an event of the wrong mode or of a connected account as ignored', async () => {
  expect(await arrive({ ...event('a', 'updated', 100), livemode: true })).toMatchObject({
    outcome: 'ignored',
    reason: 'live_mode',
  });
  expect(await arrive({ ...event('b', 'updated', 100), account: 'acct_1' })).toMatchObject({
    outcome: 'ignored',
    reason: 'connected_account',
  });
  expect(await row()).toBeUndefined();
});

it('works once on an event without a customer that is delivered twice at once', async () => {
  const event = {
    ...{ id: `evt_${sub}`, type: 'setup_intent.succeeded', created: 100, livemode: false, api_version: null },
    ...{ arrived_at: '2026-11-20T10:00:00Z', replay_name: null, origin: 'webhook', worker: 'payments' },
  };
  const apply = async (client: { query(sql: string, values: string[]): Promise<{ rows: { answers: object[] }[] }> }) =>
    (await client.query('select billing.apply_events($1) as answers', [JSON.stringify([{ event, fact: null }])]))
      .rows[0]!.answers;
  const first = await db.writer.connect();
  try {
    await first.query('begin');
    expect(await apply(first)).toMatchObject([{ outcome: 'ignored' }]);
    const second = apply(db.writer);
    // It waits for the first, whose row nobody else can see yet.
    await until(async () => {
      const { rows } = await db.admin.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await first.query('commit');
    expect(await second).toMatchObject([{ outcome: 'duplicate', reason: 'known_event' }]);
  } finally {
    first.release();
  }
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
