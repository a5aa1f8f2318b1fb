import { settle } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { checkout, customer, event, invoice, subscriptionEvent } from '../support/stripe-samples.ts';

/** From facts to what the apps see: users, plan states, plan events (design §4). */

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
  settle(testProcessor(db.writer), envelope(stripeEvent, more));
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
      'select event_type, user_id, payload from billing.plan_events where subscription_id = $1 order by sequence',
      [ids.id],
    )
  ).rows;
const toldTypes = async () => (await told()).map(({ event_type, payload }) => `${event_type} ${payload.status}`);

it('waits with plan events until a checkout says whose subscription it is, then tells the state of that moment once', async () => {
  await arrive(subscription('a', 'created', 100, { status: 'incomplete' }));
  await arrive(subscription('b', 'updated', 101));
  expect(await told()).toEqual([]);
  expect(await plan(null)).toMatchObject({ user_id: null, status: 'active', plan_id: 'premium' });
  await arrive(session(102));
  expect(await toldTypes()).toEqual(['SUBSCRIPTION_ACTIVATED active']);
  expect((await told())[0]).toMatchObject({
    user_id: user(),
    payload: {
      session_id: `cs_${n}`,
      subscription_id: ids.id,
      plan_id: 'premium',
      customer_id: ids.customer,
      currency: 'eur',
      amount: 1900,
      source: 'stripe',
    },
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

it('lets the session that made the subscription say whose it is, over metadata', async () => {
  await arrive(session(100));
  await arrive(subscription('b', 'updated', 101, { metadata: { user_id: 'somebody_else' } }));
  expect(await plan()).toMatchObject({ user_id: user() });
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

it('keeps the state of an unknown price, without a plan, and never as FREE', async () => {
  await arrive(subscription('a', 'updated', 100, { price: 'price_new', metadata: { user_id: user() } }));
  expect(await plan()).toMatchObject({ status: 'active', entitled: true, plan_id: null, tier: null });
});

it('tells of a failed payment once an attempt, and not of one that is already mended', async () => {
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
  const outcomes = (await Promise.all(Array.from({ length: 20 }, () => settle(processor, message)))).map(
    ({ outcome }) => outcome,
  );
  expect(outcomes.filter((outcome) => outcome === 'applied')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(19);
  expect(await told()).toHaveLength(1);
});
