import type Stripe from 'stripe';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { routedEventTypes } from '../../core/event-routes.ts';
import type { Worker } from '../../core/workers.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { questionFor, reconcile } from '../../pipeline/reconcile.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, source, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** "Stripe lost or never sent an event: the reconcile run finds and heals it" (docs/architecture.md). */

const now = 1_795_000_000;
const hour = 3600;
let db: TestDatabase;
let n = 0;
let ids: { id: string; customer: string; metadata: object };

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => {
  n += 1;
  ids = { id: `sub_${n}`, customer: `cus_${n}`, metadata: { user_id: `user_${n}` } };
});

type Change = Parameters<typeof subscriptionEvent>[3];
const event = (id: string, type: string, created: number, change: Change = {}) =>
  subscriptionEvent(`evt_${n}_${id}`, type, created, { ...ids, ...change }) as Stripe.Event;
const objectOf = (stripeEvent: Stripe.Event) => stripeEvent.data.object as Stripe.Subscription;
const row = async () =>
  (
    await db.admin.query('select status, plan_id, as_of from billing.subscriptions where subscription_id = $1', [
      ids.id,
    ])
  ).rows[0];
const origins = async () =>
  (
    await db.admin.query(
      `select event_type, metadata ->> 'origin' as origin from billing.plan_events where subscription_id = $1 order by sequence`,
      [ids.id],
    )
  ).rows.map(({ event_type, origin }) => `${event_type} ${origin}`);

async function* list<Item>(items: Item[]) {
  yield* items;
}

/** Stripe as it is at this moment: the events it lists, the subscriptions it has. */
async function run(stripe: { events?: Stripe.Event[]; subscriptions: Stripe.Subscription[] }, runId = 'run-1') {
  const queued: { worker: Worker; envelope: object }[] = [];
  const lists = {
    events: {
      list: ({ types, created }: { types: string[]; created: { gte: number } }) =>
        list((stripe.events ?? []).filter((each) => types.includes(each.type) && each.created >= created.gte)),
    },
    subscriptions: {
      list: () => list(stripe.subscriptions),
      retrieve: async (id: string) => stripe.subscriptions.find((each) => each.id === id),
    },
  };
  const report = await reconcile({
    stripe: lists as never,
    store: planStore(db.writer),
    catalogue,
    source,
    runId,
    now,
    enqueue: async (worker, envelopes) => void queued.push(...envelopes.map((each) => ({ worker, envelope: each }))),
  });
  const processor = testProcessor(db.writer, { stripe: { subscription: (id) => lists.subscriptions.retrieve(id) } });
  const outcomes = [];
  for (const { worker, envelope: each } of queued)
    outcomes.push(`${worker} ${(await processEvent({ ...processor, worker }, JSON.stringify(each))).outcome}`);
  return { report, outcomes };
}

it('finds nothing where nothing is missing', async () => {
  const created = event('a', 'created', now - 10 * hour);
  await processEvent(testProcessor(db.writer), envelope(created));
  const { report, outcomes } = await run({ events: [created], subscriptions: [objectOf(created)] });
  expect(report).toEqual({
    eventsCompared: 1,
    missedEvents: [],
    subscriptionsCompared: 1,
    drifted: [],
    unreadable: [],
  });
  expect(outcomes).toEqual([]);
});

it('heals a missed event with that event itself, in its own second', async () => {
  const created = event('a', 'created', now - 10 * hour);
  const missed = event('b', 'updated', now - 9 * hour, { price: 'price_premium_plus_monthly_eur' });
  await processEvent(testProcessor(db.writer), envelope(created));
  const { report, outcomes } = await run({ events: [missed, created], subscriptions: [objectOf(missed)] });
  expect(report.missedEvents).toEqual([missed.id]);
  expect(outcomes).toEqual(['billing applied']);
  expect(await row()).toMatchObject({ plan_id: 'premium_plus', as_of: new Date((now - 9 * hour) * 1000) });
  expect(await origins()).toEqual(['SUBSCRIPTION_ACTIVATED webhook', 'SUBSCRIPTION_UPDATED reconcile']);
});

it('heals a missed deletion that Stripe lists no event of any more', async () => {
  await processEvent(testProcessor(db.writer), envelope(event('a', 'created', now - 1000 * hour)));
  const gone = objectOf(event('x', 'deleted', 0, { status: 'canceled' }));
  const { report, outcomes } = await run({ subscriptions: [gone] });
  expect(report.drifted).toEqual([{ subscription_id: ids.id, fields: ['status'] }]);
  expect(outcomes).toEqual(['billing refetched']);
  expect(await row()).toMatchObject({ status: 'canceled' });
  expect((await run({ subscriptions: [gone] }, 'run-2')).report.drifted).toEqual([]);
});

it('finds a subscription that we never heard of', async () => {
  const { outcomes } = await run({ subscriptions: [objectOf(event('x', 'updated', 0))] });
  expect(outcomes).toEqual(['billing refetched']);
  expect(await row()).toMatchObject({ status: 'active', plan_id: 'premium' });
});

it('heals a wrong field, and what an unknown price had left once the catalogue has it', async () => {
  const created = event('a', 'created', now - 10 * hour, { price: 'price_premium_monthly_eur' });
  await processEvent(testProcessor(db.writer, { catalogue: { ...catalogue, plans: [] } }), envelope(created));
  expect(await row()).toMatchObject({ plan_id: null });
  const { report } = await run({ events: [created], subscriptions: [objectOf(created)] });
  expect(report.drifted).toEqual([
    { subscription_id: ids.id, fields: ['plan_id', 'tier', 'tier_rank', 'grace_days', 'features', 'plan_unknown'] },
  ]);
  expect(await row()).toMatchObject({ plan_id: 'premium' });
});

it('leaves alone what is still on its way', async () => {
  const created = event('a', 'created', now - 10 * hour);
  const fresh = event('b', 'updated', now - 60, { status: 'past_due' });
  await processEvent(testProcessor(db.writer), envelope(created));
  const { report } = await run({ events: [fresh, created], subscriptions: [objectOf(fresh)] });
  expect(report).toMatchObject({ missedEvents: [], drifted: [] });
});

it('does nothing twice when the same run is tried again', async () => {
  const { id, customer } = ids;
  const question = JSON.stringify(questionFor({ source, runId: 'run-9', now }, { id, customer, livemode: false }));
  const processor = testProcessor(db.writer, {
    stripe: { subscription: async () => objectOf(event('x', 'updated', 0)) },
  });
  expect((await processEvent(processor, question)).outcome).toBe('refetched');
  expect((await processEvent(processor, question)).outcome).toBe('duplicate');
  expect(await origins()).toEqual(['SUBSCRIPTION_ACTIVATED reconcile']);
});

it('lets a newer event win over the answer it fetched before', async () => {
  await processEvent(testProcessor(db.writer), envelope(event('a', 'created', now - 10 * hour)));
  const old = objectOf(event('x', 'updated', 0, { status: 'past_due' }));
  const question = JSON.stringify(
    questionFor({ source, runId: 'run-8', now }, { id: ids.id, customer: ids.customer, livemode: false }),
  );
  const processor = testProcessor(db.writer, {
    stripe: {
      subscription: async () => {
        await processEvent(testProcessor(db.writer), envelope(event('c', 'updated', now - 9 * hour)));
        return old;
      },
    },
  });
  expect((await processEvent(processor, question)).outcome).toBe('stale');
  expect(await row()).toMatchObject({ status: 'active' });
});

it('reports a subscription that it cannot read, and compares the others', async () => {
  const readable = objectOf(event('x', 'updated', 0));
  const { report } = await run({
    subscriptions: [{ id: 'sub_odd', customer: 'cus_odd', status: 'resting' } as never, readable],
  });
  expect(report.unreadable).toEqual([
    { subscription_id: 'sub_odd', problem: expect.stringMatching(/status: got a string, wanted one of/) },
  ]);
  expect(report.drifted.map(({ subscription_id }) => subscription_id)).toEqual([ids.id]);
});

it('looks at every routed type, twenty at a time as Stripe allows', async () => {
  const asked: string[][] = [];
  await reconcile({
    stripe: {
      events: {
        list: ({ types }: { types: string[] }) => {
          asked.push(types);
          return list([]);
        },
      },
      subscriptions: { list: () => list([]) },
    } as never,
    store: planStore(db.writer),
    catalogue,
    source,
    runId: 'r',
    now,
    enqueue: async () => {},
  });
  expect(Math.max(...asked.map((types) => types.length))).toBeLessThanOrEqual(20);
  expect(new Set(asked.flat())).toEqual(new Set(routedEventTypes));
});
