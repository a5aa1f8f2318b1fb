import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { event, schedule, subscriptionEvent } from '../support/stripe-samples.ts';

/** A change that Stripe makes later (the portal's downgrade at the end of the period), as the apps see it. */

let db: TestDatabase;
let n = 0;
let ids: { id: string; customer: string };
let sent = 0;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => {
  n += 1;
  ids = { id: `sub_${n}`, customer: `cus_${n}` };
});

const monthly = 'price_premium_monthly_eur';
const plus = 'price_premium_plus_monthly_eur';
/** 2027-01-15 08:00 UTC, when the sample's first phase ends. */
const later = 1_800_000_000;

const subscription = (created: number, object: object = {}, type = 'updated') =>
  subscriptionEvent(`evt_${++sent}`, type, created, { ...ids, ...object });
const scheduled = (created: number, object: object = {}, type = 'updated') =>
  event(
    `evt_${++sent}`,
    `subscription_schedule.${type}`,
    created,
    schedule({ id: `sub_sched_${n}`, customer: ids.customer, subscription: ids.id, ...object }),
  );
const released = (created: number) =>
  scheduled(
    created,
    { status: 'released', current_phase: null, subscription: null, released_subscription: ids.id },
    'released',
  );
const phase = (start_date: number, price: string, quantity = 1) => ({
  start_date,
  end_date: start_date + 1000,
  items: [{ price, quantity }],
});
const arrive = (stripeEvent: object, more: object = {}) =>
  processEvent(testProcessor(db.writer), envelope(stripeEvent, more));
const change = async () =>
  (await db.admin.query('select scheduled_change from billing.plan_states where customer_id = $1', [ids.customer]))
    .rows[0]?.scheduled_change;
const notified = async () =>
  (
    await db.admin.query(
      `select event_type || ' ' || coalesce(plan -> 'scheduled_change' ->> 'tier', 'nothing scheduled') as it
       from billing.plan_events where subscription_id = $1 order by sequence`,
      [ids.id],
    )
  ).rows.map(({ it }) => it);

const toPlus = {
  at: '2027-01-15T08:00:00.000Z',
  plan_id: 'premium_plus',
  tier: 'PREMIUM_PLUS',
  price_id: plus,
  quantity: 1,
  plan_unknown: false,
};

it('shows what changes at the end of the period, and notifies of it once', async () => {
  await arrive(subscription(100));
  expect(await change()).toBeNull();
  await arrive(scheduled(200));
  await arrive(scheduled(201, { metadata: { touched: 'again' } }));
  expect(await change()).toEqual(toPlus);
  expect(await notified()).toEqual(['SUBSCRIPTION_ACTIVATED nothing scheduled', 'SUBSCRIPTION_UPDATED PREMIUM_PLUS']);
});

it('shows it to the signed-in user, and to a server', async () => {
  const user = `1111111${n}-1111-4111-8111-111111111111`;
  await arrive(subscription(100, { metadata: { user_id: user } }));
  await arrive(scheduled(200));
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify({ sub: user })]);
    await client.query('set local role authenticated');
    expect((await client.query('select tier, scheduled_change from my_plan')).rows).toEqual([
      { tier: 'PREMIUM', scheduled_change: toPlus },
    ]);
    await client.query('set local role service_role');
    const { rows } = await client.query('select plan_of($1) as plan', [user]);
    expect(rows[0].plan.scheduled_change).toEqual(toPlus);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

it('waits for its subscription, when it comes first', async () => {
  await arrive(scheduled(200));
  await arrive(subscription(100));
  expect(await change()).toEqual(toPlus);
  expect(await notified()).toEqual(['SUBSCRIPTION_ACTIVATED PREMIUM_PLUS']);
});

it('is gone once it is called off, and says so once', async () => {
  await arrive(subscription(100));
  await arrive(scheduled(200));
  await arrive(released(300));
  expect(await change()).toBeNull();
  await arrive(scheduled(250));
  expect(await change()).toBeNull();
  expect(await notified()).toEqual([
    'SUBSCRIPTION_ACTIVATED nothing scheduled',
    'SUBSCRIPTION_UPDATED PREMIUM_PLUS',
    'SUBSCRIPTION_UPDATED nothing scheduled',
  ]);
});

it('is gone with the change itself, whichever of the two events comes first', async () => {
  const inSecondPhase = { current_phase: { start_date: later, end_date: later + 30 * 86_400 } };
  await arrive(subscription(100));
  await arrive(scheduled(200));
  await arrive(subscription(later, { price: plus }));
  expect(await change()).toBeNull();
  await arrive(scheduled(later, inSecondPhase));
  expect(await change()).toBeNull();
  expect(await notified()).toEqual([
    'SUBSCRIPTION_ACTIVATED nothing scheduled',
    'SUBSCRIPTION_UPDATED PREMIUM_PLUS',
    'SUBSCRIPTION_UPDATED nothing scheduled',
  ]);
});

it('is not shown beyond its day, though no event of the schedule came', async () => {
  await arrive(subscription(100));
  await arrive(scheduled(200));
  await arrive(subscription(later - 1, { quantity: 2 }));
  expect(await change()).toEqual(toPlus);
  await arrive(subscription(later, { quantity: 3 }));
  expect(await change()).toBeNull();
});

it('is gone with the subscription', async () => {
  await arrive(subscription(100));
  await arrive(scheduled(200));
  await arrive(subscription(300, { status: 'canceled' }, 'deleted'));
  expect(await change()).toBeNull();
});

it('takes in one second what comes next for the later than what made it, in both orders', async () => {
  const made = { phases: [phase(100, monthly)], current_phase: { start_date: 100, end_date: 1100 } };
  await arrive(subscription(100));
  await arrive(scheduled(200));
  await arrive(scheduled(200, made, 'created'));
  expect(await change()).toEqual(toPlus);
  await arrive(released(200));
  await arrive(scheduled(200));
  expect(await change()).toBeNull();
});

it('looks past a phase that changes neither price nor quantity', async () => {
  await arrive(subscription(100));
  const phases = [phase(100, monthly), phase(1100, monthly), phase(2100, monthly, 5)];
  await arrive(scheduled(200, { phases, current_phase: { start_date: 100, end_date: 1100 } }));
  expect(await change()).toMatchObject({ at: '1970-01-01T00:35:00.000Z', tier: 'PREMIUM', quantity: 5 });
});

it('says of a price that the catalogue lacks that it does not know it', async () => {
  await arrive(subscription(100));
  await arrive(
    scheduled(200, {
      phases: [phase(100, monthly), phase(1100, 'price_of_marketing')],
      current_phase: { start_date: 100, end_date: 1100 },
    }),
  );
  expect(await change()).toMatchObject({
    plan_id: null,
    tier: null,
    price_id: 'price_of_marketing',
    plan_unknown: true,
  });
});

it('keeps to its own customer', async () => {
  await arrive(subscription(100));
  await arrive(scheduled(200, { customer: 'cus_other' }));
  await arrive(subscription(300));
  expect(await change()).toBeNull();
});

it('is read anew by a replay', async () => {
  await arrive(subscription(100));
  const told = scheduled(200);
  await arrive(told);
  await db.admin.query('update billing.schedules set next_change = null where customer_id = $1', [ids.customer]);
  await arrive(subscription(300));
  expect(await change()).toBeNull();
  expect(await arrive(told, { 'replay-name': 'after-the-fix' })).toMatchObject({ outcome: 'applied' });
  expect(await change()).toEqual(toPlus);
});
