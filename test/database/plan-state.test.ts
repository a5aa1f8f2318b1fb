import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { checkout, customer, event, invoice, subscriptionEvent } from '../support/stripe-samples.ts';

/** From facts to what the apps see: users, plan states, plan events (docs/architecture.md). */

let db: TestDatabase;
let n = 0;
let ids: { id: string; customer: string };
const user = () => `user_${n}`;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => {
  n += 1;
  ids = { id: `sub_${n}`, customer: `cus_${n}` };
});

const subscription = (id: string, type: string, created: number, object: object = {}) =>
  subscriptionEvent(`evt_${n}_${id}`, type, created, { ...ids, metadata: {}, ...object });
const session = (created: number, more: object = {}, type = 'checkout.session.completed') =>
  event(
    `evt_${n}_${type}_${created}`,
    type,
    created,
    checkout({ id: `cs_${n}`, customer: ids.customer, subscription: ids.id, client_reference_id: user(), ...more }),
  );
const bill = (id: string, type: string, created: number, more: object = {}) =>
  event(
    `evt_${n}_${id}`,
    type,
    created,
    invoice({
      id: `in_${n}`,
      customer: ids.customer,
      parent: { subscription_details: { subscription: ids.id } },
      ...more,
    }),
  );
const arrive = (stripeEvent: object, more: object = {}) =>
  processEvent(testProcessor(db.writer), envelope(stripeEvent, more));
const plan = async (userId: string | null = user()) =>
  (
    await db.admin.query(
      'select * from billing.plan_states where user_id is not distinct from $1 and customer_id = $2',
      [userId, ids.customer],
    )
  ).rows[0];
const told = async () =>
  (
    await db.admin.query(
      'select event_type, user_id, plan, payload from billing.plan_events where subscription_id = $1 order by sequence',
      [ids.id],
    )
  ).rows;
const toldTypes = async () => (await told()).map(({ event_type, plan }) => `${event_type} ${plan.status}`);

it('waits with plan events until a checkout says whose subscription it is, then tells the state of that moment once', async () => {
  await arrive(subscription('a', 'created', 100, { status: 'incomplete' }));
  await arrive(subscription('b', 'updated', 101));
  expect(await told()).toEqual([]);
  expect(await plan(null)).toMatchObject({ user_id: null, status: 'active', plan_id: 'premium' });
  await arrive(session(102));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_ACTIVATED active']);
  expect((await told())[0]).toMatchObject({
    user_id: user(),
    plan: { plan_id: 'premium', tier: 'PREMIUM', entitled: true, currency: 'eur', amount_minor: 1900, quantity: 1 },
    payload: { session_id: `cs_${n}`, subscription_id: ids.id, customer_id: ids.customer, source: 'stripe' },
  });
});

it('tells pending after a checkout until a subscription event makes it active', async () => {
  await arrive(session(100));
  expect(await plan()).toMatchObject({ status: 'pending', entitled: false, plan_id: null, as_of: null });
  await arrive(subscription('b', 'updated', 101));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_UPDATED pending', 'SUBSCRIPTION_ACTIVATED active']);
});

it('tells no pending after active', async () => {
  await arrive(subscription('b', 'updated', 101, { metadata: { user_id: user() } }));
  await arrive(session(100));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_ACTIVATED active']);
});

it('waits for the bank when a checkout completed unpaid', async () => {
  await arrive(session(100, { payment_status: 'unpaid' }));
  expect(await told()).toEqual([]);
  await arrive(session(200, { payment_status: 'paid' }, 'checkout.session.async_payment_succeeded'));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_UPDATED pending']);
});

it.each([
  [
    'customer metadata',
    async () =>
      arrive(
        event(`evt_${n}_c`, 'customer.created', 90, customer({ id: ids.customer, metadata: { user_id: user() } })),
      ),
  ],
  ['session metadata', async () => arrive(session(90, { client_reference_id: null, metadata: { user_id: user() } }))],
])('finds the user in %s', async (_where, link) => {
  await arrive(subscription('b', 'updated', 101));
  await link();
  expect(await plan()).toMatchObject({ user_id: user(), status: 'active' });
});

it('lets what was set on purpose say whose it is, over the session that made it; both hear of it', async () => {
  await arrive(session(100));
  await arrive(subscription('b', 'updated', 101));
  expect(await plan()).toMatchObject({ user_id: user(), entitled: true });
  await arrive(subscription('c', 'updated', 102, { metadata: { user_id: `other_${n}` } }));
  expect(await plan(`other_${n}`)).toMatchObject({ entitled: true });
  const messages = (await told()).map(
    ({ event_type, user_id, plan }) => `${user_id} ${event_type} ${plan.tier} ${plan.status}`,
  );
  expect(messages.slice(-2).sort()).toEqual([
    `other_${n} SUBSCRIPTION_ACTIVATED PREMIUM active`,
    `${user()} SUBSCRIPTION_CANCELLED FREE none`,
  ]);
});

it.each([
  ['an abandoned session', { subscription: null }, 'checkout.session.expired'],
  ['a one-off purchase', { subscription: null, mode: 'payment' }, 'checkout.session.completed'],
  ['a later session for another subscription', { subscription: 'sub_other' }, 'checkout.session.completed'],
])('does not let %s of somebody else on the same customer take a subscription over', async (_what, more, type) => {
  await arrive(session(100, { id: `cs_${n}_first`, subscription: null }));
  await arrive(subscription('b', 'updated', 101));
  await arrive(session(200, { ...more, id: `cs_${n}_b`, client_reference_id: `stranger_${n}` }, type));
  expect(await plan()).toMatchObject({ user_id: user(), entitled: true });
});

it('takes the earliest session of a customer by Stripe’s second, not by arrival', async () => {
  await arrive(subscription('b', 'updated', 101));
  await arrive(session(200, { id: `cs_${n}_late`, subscription: null, client_reference_id: `late_${n}` }));
  expect(await plan(`late_${n}`)).toMatchObject({ entitled: true });
  await arrive(session(150, { id: `cs_${n}_early`, subscription: null }));
  expect(await plan()).toMatchObject({ user_id: user(), entitled: true });
});

it.each([
  ['as Stripe made them', ['a', 'b']],
  ['the other way round', ['b', 'a']],
])('takes of two sessions that two users completed in one second the lesser id, arriving %s', async (_how, order) => {
  for (const buyer of order)
    await arrive(
      event(
        `evt_${n}_${buyer}`,
        'checkout.session.completed',
        100,
        checkout({
          id: `cs_${n}_${buyer}`,
          customer: ids.customer,
          subscription: `sub_${n}_of_${buyer}`,
          client_reference_id: `${buyer}_${n}`,
        }),
      ),
    );
  // What each bought is theirs; what the customer has besides goes to one of the two, the same whatever came first.
  for (const buyer of order) await arrive(subscription(buyer, 'updated', 101, { id: `sub_${n}_of_${buyer}` }));
  await arrive(subscription('c', 'updated', 102));
  const { rows } = await db.admin.query(
    'select subscription_id, user_id from billing.subscriptions where customer_id = $1 order by 1',
    [ids.customer],
  );
  expect(rows).toEqual([
    { subscription_id: `sub_${n}`, user_id: `a_${n}` },
    { subscription_id: `sub_${n}_of_a`, user_id: `a_${n}` },
    { subscription_id: `sub_${n}_of_b`, user_id: `b_${n}` },
  ]);
});

it('says nothing of a subscription that was over when it was first seen', async () => {
  await arrive(subscription('d', 'deleted', 100, { status: 'canceled', metadata: { user_id: user() } }));
  expect(await plan()).toMatchObject({ status: 'cancelled', entitled: false });
  expect(await told()).toEqual([]);
});

it('keeps the plan that was held before an unknown price, whichever event came first', async () => {
  const metadata = { user_id: user() };
  await arrive(subscription('c', 'updated', 102, { price: 'price_new', metadata }));
  expect(await plan()).toMatchObject({ plan_id: null, plan_unknown: true, entitled: false, tier: 'FREE' });
  expect((await arrive(subscription('a', 'created', 100, { metadata }))).outcome).toBe('stale');
  expect(await plan()).toMatchObject({ plan_id: 'premium', plan_unknown: true, entitled: true, tier: 'PREMIUM' });
  await arrive(subscription('b', 'updated', 101, { price: 'price_premium_plus_monthly_eur', metadata }));
  expect(await plan()).toMatchObject({ plan_id: 'premium_plus', plan_unknown: true, tier: 'PREMIUM_PLUS' });
});

it('notifies once that a trial ends, also when that news comes late', async () => {
  const trial = { status: 'trialing', trial_end: 2_000_000_000, metadata: { user_id: user() } };
  await arrive(subscription('b', 'updated', 200, trial));
  await arrive(subscription('w', 'trial_will_end', 150, trial));
  await arrive(subscription('c', 'updated', 300, { ...trial, quantity: 3 }));
  expect(await toldTypes()).toEqual([
    'SUBSCRIPTION_ACTIVATED trialing',
    'TRIAL_ENDING trialing',
    'SUBSCRIPTION_UPDATED trialing',
  ]);
});

it('notifies once of what ends by time, when the clock says so', async () => {
  const soon = Math.floor(Date.now() / 1000) + 2;
  await arrive(subscription('b', 'updated', 100, { cancel_at: soon, metadata: { user_id: user() } }));
  expect(await plan()).toMatchObject({ entitled: true });
  const { rows } = await db.admin.query('select changes_at from billing.user_plans where user_id = $1', [user()]);
  expect(rows).toEqual([{ changes_at: new Date(soon * 1000) }]);
  await new Promise((resolve) => setTimeout(resolve, soon * 1000 + 100 - Date.now()));
  expect(await plan()).toMatchObject({ entitled: false, tier: 'FREE' });
  const { rows: due } = await db.writer.query('select billing.due_users(1000) as users');
  expect(due[0].users).toContain(user());
  const clock = (at: number) => event(`clock_${n}_${at}`, 'clock.due', at, { id: user(), object: 'due_user' });
  expect((await arrive(clock(soon), { origin: 'clock' })).outcome).toBe('applied');
  expect((await arrive(clock(soon + 60), { origin: 'clock' })).outcome).toBe('duplicate');
  expect((await told()).map(({ event_type, plan }) => `${event_type} ${plan.entitled} ${plan.tier}`)).toEqual([
    'SUBSCRIPTION_ACTIVATED true PREMIUM',
  ]);
  const { rows: messages } = await db.admin.query(
    `select event_type, plan ->> 'entitled' as entitled, metadata ->> 'origin' as origin from billing.plan_events where user_id = $1 order by version`,
    [user()],
  );
  expect(messages.at(-1)).toEqual({ event_type: 'SUBSCRIPTION_UPDATED', entitled: 'false', origin: 'clock' });
  expect((await db.writer.query('select billing.due_users(1000) as users')).rows[0].users).not.toContain(user());
});

it('counts the grace from when payment failed first, not anew from each renewal', async () => {
  const day = 86_400;
  const now = Math.floor(Date.now() / 1000);
  const pastDue = (id: string, at: number, latest: string) =>
    subscription(id, 'updated', at, {
      status: 'past_due',
      latest_invoice: latest,
      period_start: at,
      metadata: { user_id: user() },
    });
  await arrive(bill('i1', 'invoice.payment_failed', now - 40 * day, { created: now - 40 * day }));
  await arrive(pastDue('p1', now - 40 * day + 1, `in_${n}`));
  await arrive(bill('i2', 'invoice.payment_failed', now - 3 * day, { id: `in_${n}_b`, created: now - 3 * day }));
  await arrive(pastDue('p2', now - 3 * day + 1, `in_${n}_b`));
  expect(await plan()).toMatchObject({ status: 'past_due', entitled: false });
  // The old one is paid: the grace of the new one begins where that one failed.
  await arrive(bill('i3', 'invoice.paid', now - day, { status: 'paid', created: now - 40 * day }));
  expect(await plan()).toMatchObject({ status: 'past_due', entitled: true });
});

it('gives a user with several subscriptions the highest entitled tier, and touches no other row', async () => {
  await arrive(subscription('b', 'updated', 101, { metadata: { user_id: user() } }));
  const before = (await db.admin.query('select * from billing.subscriptions where subscription_id = $1', [ids.id]))
    .rows[0];
  await arrive(
    subscription('p', 'updated', 102, {
      id: `${ids.id}_plus`,
      price: 'price_premium_plus_monthly_eur',
      metadata: { user_id: user() },
    }),
  );
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', plan_id: 'premium_plus' });
  await arrive(
    subscription('d', 'deleted', 103, {
      id: `${ids.id}_plus`,
      status: 'canceled',
      price: 'price_premium_plus_monthly_eur',
      metadata: { user_id: user() },
    }),
  );
  expect(await plan()).toMatchObject({ tier: 'PREMIUM', plan_id: 'premium', status: 'active' });
  expect(
    (await db.admin.query('select * from billing.subscriptions where subscription_id = $1', [ids.id])).rows[0],
  ).toEqual(before);
});

it('keeps a past_due subscription entitled for the grace days after the unpaid invoice, whichever event came first', async () => {
  const day = 24 * 3600;
  const now = Math.floor(Date.now() / 1000);
  const pastDue = (id: string, created: number) => {
    const stripeEvent = subscription(id, 'updated', created, { status: 'past_due', metadata: { user_id: user() } }) as {
      data: { object: { latest_invoice: string } };
    };
    stripeEvent.data.object.latest_invoice = `in_${n}`;
    return stripeEvent;
  };
  await arrive(pastDue('a', now - 6 * day));
  await arrive(bill('i', 'invoice.payment_failed', now - 6 * day, { created: now - 6 * day }));
  expect(await plan()).toMatchObject({
    status: 'past_due',
    entitled: true,
    tier: 'PREMIUM',
    grace_ends_at: new Date((now + day) * 1000),
  });
  n += 1;
  ids = { id: `sub_${n}`, customer: `cus_${n}` };
  await arrive(bill('i', 'invoice.payment_failed', now - 8 * day, { created: now - 8 * day }));
  await arrive(pastDue('a', now - 8 * day));
  expect(await plan()).toMatchObject({ status: 'past_due', entitled: false, tier: 'FREE' });
});

it('gives nothing for an unknown price of somebody who had no plan before, and says that it is unknown', async () => {
  await arrive(subscription('a', 'updated', 100, { price: 'price_new', metadata: { user_id: user() } }));
  expect(await plan()).toMatchObject({
    status: 'active',
    entitled: false,
    plan_id: null,
    tier: 'FREE',
    plan_unknown: true,
  });
});

it('tells of a failed payment once an attempt, and not of one that was paid meanwhile', async () => {
  await arrive(subscription('a', 'updated', 100, { metadata: { user_id: user() } }));
  await arrive(bill('f1', 'invoice.payment_failed', 200));
  await arrive(bill('f1', 'invoice.payment_failed', 200));
  await arrive(bill('f2', 'invoice.payment_failed', 300, { attempt_count: 2 }));
  await arrive(bill('p', 'invoice.paid', 500, { status: 'paid', amount_paid: 1900, attempt_count: 3 }));
  await arrive(bill('f3', 'invoice.payment_failed', 400, { attempt_count: 3 }));
  expect(await toldTypes()).toEqual([
    'SUBSCRIPTION_ACTIVATED active',
    'PAYMENT_FAILED active',
    'PAYMENT_FAILED active',
  ]);
});

it('tells of a payment that failed before the user was known, if it is still open when they are', async () => {
  await arrive(bill('f1', 'invoice.payment_action_required', 90));
  await arrive(subscription('a', 'created', 90, { status: 'incomplete' }));
  expect(await told()).toEqual([]);
  await arrive(session(91));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_UPDATED pending', 'PAYMENT_ACTION_REQUIRED pending']);
});

it('tells of a planned cancellation and of its reversal', async () => {
  await arrive(subscription('a', 'updated', 100, { metadata: { user_id: user() } }));
  await arrive(subscription('b', 'updated', 200, { metadata: { user_id: user() }, cancel_at_period_end: true }));
  expect(await plan()).toMatchObject({ status: 'active', entitled: true, cancel_at_period_end: true });
  await arrive(subscription('c', 'updated', 300, { metadata: { user_id: user() } }));
  expect(await toldTypes()).toEqual([
    'SUBSCRIPTION_ACTIVATED active',
    'SUBSCRIPTION_UPDATED active',
    'SUBSCRIPTION_UPDATED active',
  ]);
});

it('applies an event twenty times at once only once', async () => {
  const processor = testProcessor(db.writer);
  const message = envelope(subscription('a', 'updated', 100, { metadata: { user_id: user() } }));
  const outcomes = (await Promise.all(Array.from({ length: 20 }, () => processEvent(processor, message)))).map(
    ({ outcome }) => outcome,
  );
  expect(outcomes.filter((outcome) => outcome === 'applied')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(19);
  expect(await told()).toHaveLength(1);
});
