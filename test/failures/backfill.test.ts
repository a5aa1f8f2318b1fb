import { previewBackfill } from '../../pipeline/backfill/preview.ts';
import { THE_BEGINNING } from '../../pipeline/reconcile/sweep.ts';
import { plusMonthly } from '../../stripe-simulator/prices.ts';
import { catalogueWithPurchases } from '../support/catalogue.ts';
import { day, now, StripeAndUs } from '../support/stripe-and-us.ts';

/** Moving in: an account that lived for years before us, and events that flow meanwhile. */

let pair: StripeAndUs;
beforeEach(async () => {
  pair = await StripeAndUs.start();
});
afterEach(() => pair.stop());

const signUp = (name: string, at = now - 300 * day) => {
  const customer = pair.account.customer(name);
  return { customer, subscription: customer.signUp({ at, periodEnd: now + 30 * day }) };
};
const plans = () => pair.rows('select user_id, plan_id, status from billing.plan_states order by user_id');
const nothingLeft = async () =>
  expect(await pair.compare()).toMatchObject({ missed_events: 0, drifted_rows: 0, unreadable: [], before_us: 0 });

/** One who pays and will change, one who left, one who was refunded and disputed, one linked by the customer's metadata. */
const aLife = () => {
  const ann = signUp('ann');
  ann.customer.scheduleChange(ann.subscription, { at: now - 3 * day, price: plusMonthly });
  const left = signUp('ben');
  left.customer.end(left.subscription, now - 100 * day);
  const { customer: cleo } = signUp('cleo');
  cleo.refundLastCharge(now - 200 * day);
  cleo.disputeLastCharge(now - 190 * day, now - 180 * day);
  const dan = signUp('dan');
  pair.account.objects['checkout/sessions'].delete('cs_test_dan1');
  dan.customer.customer.metadata = { user_id: 'user_dan' };
};

it('fills an empty database, and tells the apps nothing', async () => {
  aLife();
  const state = await pair.backfill();
  expect(state).toMatchObject({
    done: true,
    notified: 0,
    failed: [],
    written: {
      customer: 4,
      checkout: 3,
      subscription: 4,
      schedule: 1,
      invoice: 4,
      charge: 4,
      invoice_payment: 4,
      refund: 1,
      dispute: 1,
    },
  });
  expect(await plans()).toEqual([
    { user_id: 'user_ann', plan_id: 'premium', status: 'active' },
    { user_id: 'user_ben', plan_id: 'premium', status: 'cancelled' },
    { user_id: 'user_cleo', plan_id: 'premium', status: 'active' },
    { user_id: 'user_dan', plan_id: 'premium', status: 'active' },
  ]);
  expect(
    await pair.rows('select scheduled_change from billing.plan_states where scheduled_change is not null'),
  ).toMatchObject([{ scheduled_change: { tier: 'PREMIUM_PLUS', price_id: 'price_premium_plus_monthly_eur' } }]);
  expect(await pair.rows('select * from billing.plan_events')).toEqual([]);
  await nothingLeft();
});

it('tells the apps of each plan when it is asked to, and nothing of what ended long ago', async () => {
  aLife();
  await pair.backfill({ notify: true });
  expect(pair.published.map(({ event_type, user_id }) => `${event_type} ${user_id}`).sort()).toEqual([
    'SUBSCRIPTION_ACTIVATED user_ann',
    'SUBSCRIPTION_ACTIVATED user_cleo',
    'SUBSCRIPTION_ACTIVATED user_dan',
  ]);
});

it('says before what it would do, and writes nothing', async () => {
  aLife();
  const eve = signUp('eve');
  pair.account.objects['checkout/sessions'].delete('cs_test_eve1');
  const fay = signUp('fay');
  fay.subscription.items.data[0]!.price = {
    ...fay.subscription.items.data[0]!.price,
    id: 'price_old',
    lookup_key: null,
  };
  const preview = await previewBackfill(pair.backfillParts(), THE_BEGINNING);
  expect(preview).toEqual({
    read: { customer: 6, checkout: 4, subscription: 5 },
    same: 0,
    users_with_new_plan: 3,
    new_plans: ['ann', 'cleo', 'dan'].map((name) => ({ user_id: `user_${name}`, plan_id: 'premium' })),
    by_purchase: null,
    without_user: [{ kind: 'subscription', id: eve.subscription.id, customer_id: 'cus_eve' }],
    unknown_prices: { price_old: 1 },
    unreadable: [],
  });
  expect(await pair.rows('select * from billing.customers')).toEqual([]);
  await pair.backfill();
  expect(await previewBackfill(pair.backfillParts(), THE_BEGINNING)).toMatchObject({ users_with_new_plan: 0 });
});

it('counts plans that were paid once beside those of subscriptions, where some are sold', async () => {
  pair.catalogue = catalogueWithPurchases;
  aLife();
  for (const name of ['ann', 'gus']) pair.buysForLife(name, now - 40 * day);
  const { session } = pair.buysForLife('nobody', now - 40 * day);
  pair.account.objects['checkout/sessions'].delete(session);
  const preview = await previewBackfill(pair.backfillParts(), THE_BEGINNING);
  expect(preview).toMatchObject({
    users_with_new_plan: 4,
    by_purchase: 2,
    without_user: [{ kind: 'invoice', id: 'in_nobody', customer_id: 'cus_nobody' }],
  });
  await pair.backfill();
  const entitled = await pair.rows('select user_id from billing.user_plans where (state ->> $1)::boolean', 'entitled');
  expect(entitled.map(({ user_id }) => user_id).sort()).toEqual(preview.new_plans.map(({ user_id }) => user_id));
  expect(await previewBackfill(pair.backfillParts(), THE_BEGINNING)).toMatchObject({
    users_with_new_plan: 0,
    by_purchase: 0,
  });
});

it('goes on where it was killed, and writes nothing twice', async () => {
  for (let n = 0; n < 30; n += 1) signUp(`c${n}`);
  let pages = 0;
  const killed = pair.backfill(
    {},
    {
      progress: () => {
        pages += 1;
        if (pages === 10) throw new Error('killed');
      },
    },
  );
  await expect(killed).rejects.toThrow('killed');
  const [{ count: before }] = (await pair.rows('select count(*) from billing.events')) as [{ count: string }];
  expect(Number(before)).toBeGreaterThan(0);
  const state = await pair.backfill();
  expect(state.done).toBe(true);
  expect(state.written).toMatchObject({ customer: 30, subscription: 30, charge: 30, invoice: 30 });
  const ledger = await pair.rows('select event_id, outcome from billing.events where origin = $1', 'backfill');
  expect(ledger.filter(({ outcome }) => outcome === 'applied')).toHaveLength(180);
  await nothingLeft();
});

it('changes nothing the second time', async () => {
  aLife();
  await pair.backfill();
  const again = await pair.backfill();
  expect(again.written).toEqual({});
  expect(again.compared).toMatchObject({ customer: 4, subscription: 4 });
});

it('loses to a live event that came while Stripe was read, and to none that it contains', async () => {
  const { customer, subscription } = signUp('ann');
  const before = pair.account.events.length;
  let delivered = false;
  await pair.backfill(
    {},
    {
      store: {
        ...pair.backfillParts().store,
        rows: async (kind, ids, range) => {
          // After the page of subscriptions was read, before it is applied: cancelled at Stripe, and the event is here first.
          if (kind === 'subscription' && ids.length > 0 && !delivered) {
            delivered = true;
            customer.cancelAtPeriodEnd(subscription, now + 1);
            await pair.deliver(pair.account.events.slice(before));
          }
          return pair.backfillParts().store.rows(kind, ids, range);
        },
      },
    },
  );
  expect(await pair.rows('select cancel_at_period_end, user_id from billing.subscriptions')).toEqual([
    { cancel_at_period_end: true, user_id: 'user_ann' },
  ]);
  // What happened before Stripe was read, and arrives late, moves nothing back.
  await pair.deliver(pair.account.events.slice(0, before));
  expect(await pair.rows('select cancel_at_period_end from billing.subscriptions')).toEqual([
    { cancel_at_period_end: true },
  ]);
  await nothingLeft();
});

it('brings only what was made since', async () => {
  signUp('old');
  signUp('new', now - 5 * day);
  await pair.backfill({ since: now - 10 * day });
  expect((await plans()).map(({ user_id }) => user_id)).toEqual(['user_new']);
});

it('leaves out an object that cannot be read, names it and brings the others', async () => {
  signUp('ann');
  pair.account.put({
    id: 'sub_odd',
    object: 'subscription',
    customer: 'cus_odd',
    status: 'resting',
    created: now - day,
  });
  const state = await pair.backfill();
  expect(state.failed).toEqual([
    { kind: 'subscription', id: 'sub_odd', problem: expect.stringMatching(/status: got a string/) },
  ]);
  expect(state.written.subscription).toBe(1);
});

it('goes on through 429 and 500', async () => {
  aLife();
  Object.assign(pair.server.faults, { throttleEvery: 3, failEvery: 4 });
  expect((await pair.backfill()).done).toBe(true);
  Object.assign(pair.server.faults, { throttleEvery: 0, failEvery: 0 });
  await nothingLeft();
});

it('makes the comparison count what is older than our first event', async () => {
  signUp('old');
  const count = pair.account.events.length;
  signUp('new', now - 2 * day);
  await pair.deliver(pair.account.events.slice(count));
  expect((await pair.scheduled()).before_us).toBeGreaterThan(0);
  await pair.backfill();
  await pair.db.admin.query(`delete from billing.subscriptions where user_id = 'user_old'`);
  expect(await pair.scheduled({ now: now + day })).toMatchObject({ before_us: 0, drifted_rows: 1 });
});
