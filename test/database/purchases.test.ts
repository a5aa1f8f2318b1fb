import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { storyStore } from '../../adapters/postgres/story-store.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { compareObjects } from '../../pipeline/reconcile/compare-objects.ts';
import { fetchedObject } from '../../pipeline/reconcile/envelopes.ts';
import { catalogueWithPurchases } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import {
  charge,
  checkout,
  customer,
  dispute,
  event,
  invoicePayment,
  paidOnce,
  refund,
  subscriptionEvent,
} from '../support/stripe-samples.ts';

/** Plans that are paid for once (docs/decisions/0014): PREMIUM for a year, PREMIUM_PLUS for life. */

let db: TestDatabase;
let n = 0;
let events = 0;
const user = () => `user_${n}`;
const now = Math.floor(Date.now() / 1000);
const day = 86_400;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => {
  n += 1;
});

const tells = (type: string, at: number, object: object) => event(`evt_${n}_${++events}`, type, at, object);
const lifetime = 'price_plus_lifetime_eur';
const pass = 'price_premium_pass_eur';
const bill = (price: string, at: number, more: object = {}) =>
  tells('invoice.paid', at, paidOnce(price, at, { id: `in_${n}`, customer: `cus_${n}`, ...more }));
const session = (at: number, more: object = {}) =>
  tells(
    'checkout.session.completed',
    at,
    checkout({
      id: `cs_${n}`,
      mode: 'payment',
      customer: `cus_${n}`,
      subscription: null,
      invoice: `in_${n}`,
      client_reference_id: user(),
      ...more,
    }),
  );
const paid = (at: number) =>
  tells(
    'invoice_payment.paid',
    at,
    invoicePayment({
      id: `inpay_${n}`,
      invoice: `in_${n}`,
      payment: { type: 'payment_intent', payment_intent: `pi_${n}` },
    }),
  );
const goesBack = (at: number, amount: number, status = 'succeeded', id = `re_${n}`) =>
  tells(
    'refund.updated',
    at,
    refund({ id, charge: `ch_${n}`, payment_intent: `pi_${n}`, amount, status, created: at }),
  );
const disputed = (at: number, status: string) =>
  tells(
    status === 'needs_response' ? 'charge.dispute.created' : 'charge.dispute.closed',
    at,
    dispute({ id: `dp_${n}`, charge: `ch_${n}`, payment_intent: `pi_${n}`, amount: 49_000, status }),
  );
const arrive = (stripeEvent: object, more: object = {}) =>
  processEvent(testProcessor(db.writer, { catalogue: catalogueWithPurchases }), envelope(stripeEvent, more));
const plan = async (owner = user()) =>
  (await db.admin.query('select public.plan_of($1) as plan', [owner])).rows[0].plan as Record<string, unknown>;
const messages = async (owner = user()) =>
  (
    await db.admin.query(
      'select event_type, plan, payload from billing.plan_events where user_id = $1 order by version',
      [owner],
    )
  ).rows as { event_type: string; plan: Record<string, unknown>; payload: object }[];
const told = async (owner = user()) =>
  (await messages(owner)).map(({ event_type, plan }) => `${event_type} ${plan.tier} ${plan.status}`);

it('gives a plan for life to whoever pays an invoice for it once, whose user the Checkout session names', async () => {
  await arrive(session(now - 10));
  await arrive(bill(lifetime, now - 9));
  expect(await plan()).toMatchObject({
    plan_id: 'premium_plus',
    tier: 'PREMIUM_PLUS',
    status: 'active',
    entitled: true,
    features: { export: true, seats: 25 },
    quantity: 1,
    currency: 'eur',
    amount_minor: 49_900,
    billing_interval: 'once',
    current_period_end: null,
    cancel_at_period_end: false,
    cancel_at: null,
    subscription_id: null,
    customer_id: `cus_${n}`,
  });
  expect(await told()).toEqual(['SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active']);
  expect((await messages())[0]!.payload).toEqual({
    session_id: `cs_${n}`,
    invoice_id: `in_${n}`,
    customer_id: `cus_${n}`,
    source: 'stripe',
  });
});

const everyOrder = <Item>(items: Item[]): Item[][] =>
  items.length < 2
    ? [items]
    : items.flatMap((first, at) =>
        everyOrder(items.filter((_, other) => other !== at)).map((rest) => [first, ...rest]),
      );

it('ends the same in each of the 120 orders of invoice, session, its payment, a refund and a customer’s update', async () => {
  for (const order of everyOrder([0, 1, 2, 3, 4])) {
    n += 1;
    const facts = [
      bill(lifetime, now - 100),
      session(now - 101),
      paid(now - 99),
      goesBack(now - 50, 49_900),
      tells('customer.updated', now - 40, customer({ id: `cus_${n}`, metadata: {} })),
    ];
    for (const at of order) await arrive(facts[at]!);
    expect([order, await plan()]).toEqual([
      order,
      expect.objectContaining({ status: 'cancelled', entitled: false, tier: 'FREE', plan_id: 'premium_plus' }),
    ]);
    const { rows } = await db.admin.query('select user_id from billing.customers where customer_id = $1', [`cus_${n}`]);
    expect(rows).toEqual([{ user_id: user() }]);
  }
});

it('stays through a part that is refunded, ends with the rest, and comes back when the bank returns a refund', async () => {
  for (const fact of [session(now - 200), bill(lifetime, now - 199), paid(now - 198)]) await arrive(fact);
  await arrive(goesBack(now - 100, 900, 'succeeded', `re_${n}_a`));
  expect(await plan()).toMatchObject({ entitled: true });
  await arrive(goesBack(now - 90, 49_000, 'pending', `re_${n}_b`));
  expect(await plan()).toMatchObject({ entitled: true });
  await arrive(goesBack(now - 80, 49_000, 'succeeded', `re_${n}_b`));
  expect(await plan()).toMatchObject({ entitled: false, status: 'cancelled' });
  await arrive(goesBack(now - 70, 49_000, 'failed', `re_${n}_b`));
  expect(await plan()).toMatchObject({ entitled: true });
  expect(await told()).toEqual([
    'SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active',
    'SUBSCRIPTION_CANCELLED FREE cancelled',
    'SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active',
  ]);
});

it('stays while a dispute is open, and ends when it is lost', async () => {
  for (const fact of [session(now - 200), bill(lifetime, now - 199), paid(now - 198)]) await arrive(fact);
  await arrive(disputed(now - 100, 'needs_response'));
  expect(await plan()).toMatchObject({ entitled: true });
  await arrive(disputed(now - 50, 'lost'));
  expect(await plan()).toMatchObject({ entitled: false, status: 'cancelled' });
});

it('follows the payment of the API before 2025-03-31, where the invoice itself says who paid it, and a line its price', async () => {
  await arrive(session(now - 200));
  await arrive(goesBack(now - 100, 49_900));
  const old = { parent: undefined, subscription: null, lines: { data: [{ price: { id: lifetime } }] } };
  await arrive(bill(lifetime, now - 199, { ...old, payment_intent: null, charge: null }));
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', quantity: 1 });
  await arrive(bill(lifetime, now - 198, { ...old, payment_intent: `pi_${n}`, charge: `ch_${n}` }));
  expect(await plan()).toMatchObject({ entitled: false });
  await arrive(bill(lifetime, now - 100, { ...old, payment_intent: null, charge: null }));
  expect(await plan()).toMatchObject({ entitled: false });
  await arrive(goesBack(now - 90, 49_900, 'failed'));
  expect(await plan()).toMatchObject({ entitled: true });
});

it('lasts as long as the catalogue says, by when it was paid, and says so; the clock notifies of its end', async () => {
  const inSeconds = Math.floor(Date.now() / 1000) + 4;
  const soon = inSeconds - 365 * day;
  await arrive(bill(pass, soon, { metadata: { user_id: user() } }));
  const end = new Date(inSeconds * 1000);
  expect(await plan()).toMatchObject({ tier: 'PREMIUM', entitled: true, cancel_at_period_end: true });
  expect(Date.parse((await plan()).current_period_end as string)).toBe(end.getTime());
  const { rows } = await db.admin.query('select changes_at from billing.user_plans where user_id = $1', [user()]);
  expect(rows).toEqual([{ changes_at: end }]);
  await new Promise((resolve) => setTimeout(resolve, end.getTime() + 100 - Date.now()));
  expect(await plan()).toMatchObject({ tier: 'FREE', status: 'expired', entitled: false });
  await arrive(tells('clock.due', inSeconds, { id: user(), object: 'due_user' }), { origin: 'clock' });
  expect(await told()).toEqual(['SUBSCRIPTION_ACTIVATED PREMIUM active', 'SUBSCRIPTION_CANCELLED FREE expired']);
});

it('says nothing of a pass that was over when it was first seen', async () => {
  await arrive(bill(pass, now - 400 * day, { metadata: { user_id: user() } }));
  expect(await plan()).toMatchObject({ status: 'expired', entitled: false });
  expect(await told()).toEqual([]);
});

it.each([
  ['open', 'invoice.payment_failed', { status: 'open' }],
  ['voided', 'invoice.voided', { status: 'void' }],
  ['uncollectible', 'invoice.marked_uncollectible', { status: 'uncollectible' }],
])('gives nothing for an invoice that is %s', async (_what, type, more) => {
  const { data } = bill(lifetime, now - 100) as { data: { object: object } };
  await arrive(tells(type, now - 100, { ...data.object, metadata: { user_id: user() }, ...more }));
  expect(await plan()).toMatchObject({ status: 'none', entitled: false });
  expect(await told()).toEqual([]);
});

it.each([
  ['another price', { lines: { data: [{ pricing: { price_details: { price: 'price_a_mug' } } }] } }],
  ['an invoice of a subscription', { parent: { subscription_details: { subscription: 'sub_other' } } }],
])('gives nothing for %s', async (_what, more) => {
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: user() }, ...more }));
  expect(await plan()).toMatchObject({ status: 'none' });
});

it('follows what says whose it is, from the strongest to the weakest; whoever loses it hears of it', async () => {
  await arrive(bill(lifetime, now - 100));
  const { rows } = await db.admin.query('select user_id, entitled from billing.plan_states where customer_id = $1', [
    `cus_${n}`,
  ]);
  expect(rows).toEqual([{ user_id: null, entitled: true }]);
  expect((await db.admin.query('select billing.standing() as it')).rows[0].it.entitled_without_user).toBe(1);
  await arrive(session(now - 101));
  expect(await plan()).toMatchObject({ entitled: true });
  await arrive(tells('customer.updated', now - 50, customer({ id: `cus_${n}`, metadata: { user_id: `named_${n}` } })));
  expect(await plan()).toMatchObject({ status: 'none' });
  expect(await plan(`named_${n}`)).toMatchObject({ entitled: true });
  await arrive(bill(lifetime, now - 40, { metadata: { user_id: `own_${n}` } }));
  expect(await plan(`own_${n}`)).toMatchObject({ entitled: true });
  expect(await told()).toEqual(['SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active', 'SUBSCRIPTION_CANCELLED FREE none']);
  expect(await told(`named_${n}`)).toEqual([
    'SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active',
    'SUBSCRIPTION_CANCELLED FREE none',
  ]);
});

it('takes the highest of subscriptions and purchases, and a subscription before a purchase of the same tier', async () => {
  const subscription = (id: string, at: number, more: object) =>
    subscriptionEvent(`evt_${n}_${id}`, 'updated', at, {
      id: `sub_${n}`,
      customer: `cus_${n}`,
      metadata: { user_id: user() },
      ...more,
    });
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: user() } }));
  await arrive(subscription('a', now - 90, {}));
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', subscription_id: null });
  await arrive(subscription('b', now - 80, { price: 'price_premium_plus_monthly_eur' }));
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', subscription_id: `sub_${n}` });
  await arrive(subscription('c', now - 70, { status: 'canceled', price: 'price_premium_plus_monthly_eur' }));
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', entitled: true, subscription_id: null });
  expect(await told()).toEqual([
    'SUBSCRIPTION_ACTIVATED PREMIUM_PLUS active',
    'SUBSCRIPTION_UPDATED PREMIUM_PLUS active',
    'SUBSCRIPTION_UPDATED PREMIUM_PLUS active',
  ]);
});

it('shows what is held of a subscription before a pass that is long over', async () => {
  await arrive(bill(pass, now - 400 * day, { metadata: { user_id: user() } }));
  await arrive(
    subscriptionEvent(`evt_${n}_u`, 'updated', now - 50, {
      id: `sub_${n}`,
      customer: `cus_${n}`,
      status: 'unpaid',
      metadata: { user_id: user() },
    }),
  );
  expect(await plan()).toMatchObject({ status: 'suspended', subscription_id: `sub_${n}` });
});

it('keeps what was bought when its price is missing from the catalogue later', async () => {
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: user() } }));
  const without = testProcessor(db.writer);
  await processEvent(without, envelope(bill(lifetime, now - 50, { metadata: { user_id: user() } })));
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', entitled: true });
});

it('gives the plan by a replay after its price was added to the catalogue', async () => {
  const stripeEvent = bill(lifetime, now - 100, { metadata: { user_id: user() } });
  await processEvent(testProcessor(db.writer), envelope(stripeEvent));
  expect(await plan()).toMatchObject({ status: 'none' });
  await arrive(stripeEvent, { 'replay-name': 'after-the-fix' });
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', entitled: true });
});

it('counts as revenue once and as nothing that recurs', async () => {
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: user() } }));
  await arrive(
    tells(
      'charge.succeeded',
      now - 100,
      charge({
        id: `ch_${n}`,
        customer: `cus_${n}`,
        amount: 49_900,
        amount_captured: 49_900,
        created: now - 86_400 * 2000,
      }),
    ),
  );
  const { rows: revenue } = await db.admin.query(
    'select gross_minor::integer from billing.revenue_daily where day = (to_timestamp($1) at time zone $2)::date',
    [now - 86_400 * 2000, 'UTC'],
  );
  expect(revenue).toEqual([{ gross_minor: 49_900 }]);
  const { rows } = await db.admin.query(
    `select (select count(*)::integer from billing.subscriptions where customer_id = $1) as subscriptions,
      (select count(*)::integer from billing.subscription_history where customer_id = $1) as history`,
    [`cus_${n}`],
  );
  expect(rows).toEqual([{ subscriptions: 0, history: 0 }]);
});

it('sees the other of two facts that arrive at the same time', async () => {
  for (let round = 0; round < 20; round++) {
    n += 1;
    await arrive(session(now - 101));
    await Promise.all([bill(lifetime, now - 100), paid(now - 99), goesBack(now - 50, 49_900)].map((it) => arrive(it)));
    expect(await plan()).toMatchObject({ status: 'cancelled', entitled: false });
  }
});

const compared = async (object: object) =>
  (
    await compareObjects(
      {
        store: reconcileStore(db.writer),
        stripe: { one: async () => ({ items: [], asOf: now }) as never },
        catalogue: catalogueWithPurchases,
        livemode: false,
        moving: new Set(),
      },
      'invoice',
      { items: [object as never], asOf: now },
    )
  ).findings.flatMap(({ differences }) => differences.map(({ field }) => field));

it('is what the comparison with Stripe finds, and heals what was edited or never came', async () => {
  const stripeEvent = bill(lifetime, now - 100, { metadata: { user_id: user() } }) as { data: { object: object } };
  const { object } = stripeEvent.data as { object: { id: string; created: number } };
  const run = { source: 'aws.partner/stripe.com/ed_test', runId: `run_${n}`, now, livemode: false };
  const heal = (id: string) =>
    processEvent(
      testProcessor(db.writer, { catalogue: catalogueWithPurchases }),
      JSON.stringify(fetchedObject({ ...run, runId: id }, 'invoice', object, now - 5 + ++events)),
    );
  expect(await compared(object)).toContain('purchase');
  await heal(`run_a_${n}`);
  expect(await compared(object)).toEqual([]);
  expect(await plan()).toMatchObject({ tier: 'PREMIUM_PLUS', entitled: true });
  await db.admin.query(
    `update billing.purchases set entitled_until = '-infinity', tier = 'PREMIUM' where invoice_id = $1`,
    [object.id],
  );
  expect((await compared(object)).sort()).toEqual(['entitled_until', 'purchase']);
  await heal(`run_b_${n}`);
  expect(await compared(object)).toEqual([]);
});

it('is part of the story of whoever has it', async () => {
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: user() } }));
  expect((await storyStore(db.writer).storyOf({ user: user(), customers: [] }, 10)).purchases).toMatchObject([
    { invoice_id: `in_${n}`, user_id: user(), status: 'active', price_id: lifetime },
  ]);
});

it('names nobody any more once the person is erased, and a replay brings nobody back', async () => {
  const stripeEvent = bill(lifetime, now - 100, { metadata: { user_id: user() } });
  await arrive(session(now - 101));
  await arrive(stripeEvent);
  expect((await db.admin.query('select billing.erase_person($1) as it', [`cus_${n}`])).rows[0].it).toMatchObject({
    invoices: 1,
    purchases: 1,
    checkouts: 1,
    plan_events: 1,
    user_plans: 1,
  });
  await arrive(stripeEvent, { 'replay-name': 'all-of-it' });
  const { rows } = await db.admin.query('select billing.rows_naming($1, $2) as it', [`cus_${n}`, [user()]]);
  expect(rows[0].it).toEqual({});
});

it('shows a signed-in user their purchase, and nobody else’s', async () => {
  const alice = `11111111-1111-4111-8111-${String(n).padStart(12, '0')}`;
  await arrive(bill(lifetime, now - 100, { metadata: { user_id: alice } }));
  const asSignedIn = async (sub: string) => {
    const client = await db.admin.connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify({ sub })]);
      await client.query('set local role authenticated');
      return (await client.query('select tier, billing_interval, entitled from public.my_plan')).rows;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };
  expect(await asSignedIn(alice)).toEqual([{ tier: 'PREMIUM_PLUS', billing_interval: 'once', entitled: true }]);
  expect(await asSignedIn('33333333-3333-4333-8333-333333333333')).toEqual([
    { tier: 'FREE', billing_interval: null, entitled: false },
  ]);
});
