import { byWorker } from '../../core/workers.ts';
import type { AccountEvent } from '../../stripe-simulator/account.ts';
import { plusMonthly } from '../../stripe-simulator/prices.ts';
import { catalogueWithPurchases } from '../support/catalogue.ts';
import { day, hour, now, StripeAndUs } from '../support/stripe-and-us.ts';

/** Stripe lost or never sent an event, or somebody edited our rows: the comparison finds it, and the workers heal it. */

let pair: StripeAndUs;
beforeEach(async () => {
  pair = await StripeAndUs.start();
});
afterEach(() => pair.stop());

const signUp = (name: string, at = now - 10 * day) => {
  const customer = pair.account.customer(name);
  return { customer, subscription: customer.signUp({ at, periodEnd: at + 30 * day }) };
};
const plans = () => pair.rows('select user_id, plan_id, status from billing.plan_states order by user_id');
/** Long before: what is older than our first event is a backfill's. */
const eventsReachUs = async () => {
  signUp('first', now - 20 * day);
  await pair.deliver();
  await pair.db.admin.query(`update billing.events set committed_at = committed_at - interval '1 day'`);
};
const origins = async () =>
  (
    await pair.rows(`select event_type, metadata ->> 'origin' as origin from billing.plan_events order by sequence`)
  ).map(({ event_type, origin }) => `${event_type} ${origin}`);
/** Everything is as Stripe says: a run finds nothing more. */
const nothingLeft = async () => {
  const report = await pair.compare();
  expect(report.drifted).toEqual([]);
  expect(report).toMatchObject({ missed_events: 0, drifted_rows: 0, unreadable: [], finished: true });
};

describe('events', () => {
  it('finds nothing where nothing is missing', async () => {
    signUp('ann');
    await pair.deliver();
    const report = await pair.compare();
    expect(report).toMatchObject({ missed_events: 0, drifted_rows: 0, unreadable: [], finished: true });
    expect(report.compared).toMatchObject({ customer: 1, subscription: 1, checkout: 1, invoice: 1, charge: 1 });
    expect(pair.queued).toEqual([]);
  });

  it('heals a missed event with that event itself, in its own second', async () => {
    const { customer, subscription } = signUp('ann');
    await pair.deliver();
    const before = pair.account.events.length;
    customer.cancelAtPeriodEnd(subscription, now - 9 * hour);
    const [missed] = pair.account.events.slice(before);

    const report = await pair.compare();

    expect(report.missed).toEqual([{ id: missed!.id, type: 'customer.subscription.updated' }]);
    expect(await pair.work()).toEqual(['billing applied']);
    expect(await pair.rows('select cancel_at_period_end, as_of from billing.subscriptions')).toEqual([
      { cancel_at_period_end: true, as_of: new Date((now - 9 * hour) * 1000) },
    ]);
    expect((await origins()).at(-1)).toBe('SUBSCRIPTION_UPDATED reconcile');
    await nothingLeft();
  });

  it('finds a gap of ten days, whose end it has seen before', async () => {
    signUp('ann', now - 20 * day);
    await pair.deliver();
    await pair.scheduled({ now: now - 11 * day });
    for (const name of ['ben', 'cleo', 'dan']) signUp(name, now - 8 * day);

    const report = await pair.scheduled();

    expect(new Set(report.missed.map(({ type }) => type))).toContain('charge.succeeded');
    expect(report.windows.payments.from).toBe(now - 11 * day - 15 * 60);
    await pair.work();
    expect((await plans()).map(({ user_id, status }) => `${user_id} ${status}`)).toEqual([
      'user_ann active',
      'user_ben active',
      'user_cleo active',
      'user_dan active',
    ]);
    await nothingLeft();
  });

  it('leaves alone what is still on its way, and says so', async () => {
    const { customer, subscription } = signUp('ann');
    await pair.deliver();
    customer.cancelAtPeriodEnd(subscription, now - 60);
    const report = await pair.compare();
    expect(report).toMatchObject({ missed_events: 0, drifted_rows: 0, left_out: { events: 1, not_in_ledger: 1 } });
    expect(report.windows.billing.to).toBe(now - 15 * 60);
    expect(await pair.compare({ young: true })).toMatchObject({ missed_events: 1, left_out: { events: 0 } });
  });

  it('takes nothing that waits in a queue for missed, however old, and finds it once the queue is empty and it is not there', async () => {
    await eventsReachUs();
    signUp('ann', now - 3 * day);
    pair.waiting = { ...byWorker(() => 0), payments: 4, billing: 40 };
    const behind = await pair.scheduled();
    expect(behind).toMatchObject({ missed_events: 0, drifted_rows: 0, queued: { payments: 0, billing: 0 } });
    expect(behind.windows.billing).toMatchObject({ to: null, waiting: 40 });
    pair.waiting = byWorker(() => 0);
    const emptied = await pair.scheduled();
    expect(emptied.missed_events).toBe(10);
  });

  it('looks an hour further back while a busy queue is worked off in time', async () => {
    const { customer, subscription } = signUp('ann');
    // Settled moments ago, on a bus that brought them moments ago: the workers keep up.
    await pair.deliver();
    pair.waiting = { ...byWorker(() => 0), payments: 3, billing: 7 };
    customer.cancelAtPeriodEnd(subscription, now - hour);
    expect(await pair.compare()).toMatchObject({ missed_events: 0, left_out: { not_in_ledger: 1 } });
    expect((await pair.compare({}, { now: now + hour })).missed_events).toBe(1);
  });

  it('queues nothing twice, though it still waits when the next run looks', async () => {
    await eventsReachUs();
    signUp('ann', now - 2 * day);
    const first = await pair.scheduled();
    expect(first.missed_events).toBeGreaterThan(5);
    const again = await pair.scheduled({ now: now + 60 });
    expect(pair.queued.slice(first.queued.payments + first.queued.billing)).toEqual([]);
    expect(again).toMatchObject({ missed_events: 0, queued: { payments: 0, billing: 0 } });
  });
});

describe('rows', () => {
  it('heals a missed deletion that Stripe lists no event of any more', async () => {
    const { customer, subscription } = signUp('ann', now - 60 * day);
    await pair.deliver();
    customer.end(subscription, now - 40 * day);
    const report = await pair.compare();
    expect(report.missed_events).toBe(0);
    expect(report.drifted).toEqual([
      { kind: 'subscription', id: subscription.id, fields: ['status', 'canceled_at', 'ended_at'] },
    ]);
    expect(await pair.work()).toEqual(['billing applied']);
    expect((await plans())[0]).toMatchObject({ status: 'cancelled' });
    await nothingLeft();
  });

  it('heals by what it read: Stripe is asked again for none of many rows', async () => {
    for (let n = 0; n < 12; n += 1) signUp(`c${n}`);
    await pair.deliver();
    await pair.db.admin.query('update billing.subscriptions set quantity = 7');
    await pair.compare();
    pair.server.asked.splice(0);
    expect(new Set(await pair.work())).toEqual(new Set(['billing applied']));
    expect(pair.server.asked).toEqual([]);
    await nothingLeft();
  });

  it('opens a row again that was closed by hand, with an answer to a question', async () => {
    signUp('ann');
    await pair.deliver();
    await pair.db.admin.query(`update billing.subscriptions set status = 'canceled'`);
    await pair.compare();
    expect(await pair.work()).toEqual(['billing refetched']);
    expect((await plans())[0]).toMatchObject({ status: 'active' });
    await nothingLeft();
  });

  it('notifies the apps anew where nobody knows what they were notified of, and once', async () => {
    signUp('ann');
    await pair.deliver();
    await pair.db.admin.query(`update billing.user_plans set state = '{"plan_id": "premium_plus"}'`);
    const report = await pair.compare();
    expect(report.drifted).toEqual([{ kind: 'subscription', id: 'sub_ann1', fields: ['user_plan'] }]);
    await pair.work();
    await nothingLeft();
    expect((await origins()).filter((line) => line.endsWith('reconcile'))).toEqual([
      'SUBSCRIPTION_ACTIVATED reconcile',
    ]);
  });

  it.each([
    ['subscriptions', 'status', `'past_due'`],
    ['subscriptions', 'plan_id', `'premium_plus'`],
    ['subscriptions', 'current_period_end', `now() + interval '9 years'`],
    ['subscriptions', 'quantity', '7'],
    ['subscriptions', 'as_of', `now() + interval '1 day', status = 'past_due'`],
    ['subscriptions', 'as_of', `now() + interval '9 years'`],
    ['subscriptions', 'quantity', '7, ticket_applied = 99'],
    ['subscriptions', 'livemode', 'true'],
    ['customers', 'user_id', `'user_mallory'`],
    ['customers', 'as_of', `now() + interval '9 years', metadata_user_id = 'user_mallory'`],
    ['customers', 'livemode', 'true'],
    ['checkouts', 'as_of', `now() + interval '9 years'`],
    ['invoices', 'as_of', `now() + interval '9 years', status = 'open'`],
    ['invoices', 'problem', `'action_required'`],
    ['payments', 'as_of', `now() + interval '9 years', amount_minor = 1`],
    ['refunds', 'as_of', `now() + interval '9 years'`],
    ['disputes', 'as_of', `now() + interval '9 years'`],
    ['subscriptions', 'scheduled_change', 'null'],
    ['schedules', 'next_change', 'null'],
    ['schedules', 'status', `'released', next_change = null`],
    ['schedules', 'as_of', `now() + interval '9 years', next_change = null`],
    ['subscriptions', 'user_id', `'user_mallory'`],
    ['subscriptions', 'customer_id', `'cus_mallory'`],
    ['subscriptions', 'grace_ends_at', `now()`],
    ['subscriptions', 'entitled_until', `'-infinity'`],
    ['customers', 'metadata_user_id', `'user_mallory'`],
    ['customers', 'deleted', 'true'],
    ['checkouts', 'user_id', `'user_mallory'`],
    ['checkouts', 'subscription_id', 'null'],
    ['checkouts', 'status', `'expired'`],
    ['checkouts', 'amount_minor', '1'],
    ['invoices', 'status', `'open'`],
    ['invoices', 'amount_paid_minor', '1'],
    ['invoices', 'subscription_id', 'null'],
    ['invoices', 'attempt_count', '9'],
    ['payments', 'amount_minor', '1'],
    ['payments', 'status', `'failed'`],
    ['payments', 'amount_refunded_minor', '0'],
    ['payments', 'currency', `'usd'`],
    ['payments', 'customer_id', 'null'],
    ['invoice_payments', 'invoice_id', `'in_other'`],
    ['refunds', 'amount_minor', '1'],
    ['refunds', 'status', `'pending'`],
    ['refunds', 'charge_id', 'null'],
    ['disputes', 'status', `'won'`],
    ['disputes', 'amount_minor', '1'],
  ])('heals %s whose %s was edited', async (table, column, value) => {
    const { customer, subscription } = signUp('ann');
    customer.scheduleChange(subscription, { at: now - 6 * day, price: plusMonthly });
    customer.refundLastCharge(now - 5 * day);
    customer.disputeLastCharge(now - 4 * day, now - 3 * day);
    await pair.deliver();
    const before = await everything();
    const only = table === 'payments' ? ` where object = 'charge'` : '';
    await pair.db.admin.query(`update billing.${table} set ${column} = ${value}${only}`);

    const report = await pair.compare();

    expect(report.drifted_rows).toBeGreaterThan(0);
    expect(pair.healed.map(({ field }) => field)).toContain(column);
    await pair.work();
    expect(await everything()).toEqual(before);
    await nothingLeft();
  });

  it.each([
    'customers',
    'subscriptions',
    'schedules',
    'checkouts',
    'invoices',
    'payments',
    'invoice_payments',
    'refunds',
    'disputes',
  ])('brings back %s that were deleted', async (table) => {
    const { customer, subscription } = signUp('ann');
    customer.scheduleChange(subscription, { at: now - 6 * day, price: plusMonthly });
    customer.refundLastCharge(now - 5 * day);
    customer.disputeLastCharge(now - 4 * day, now - 3 * day);
    await pair.deliver();
    const before = await everything();
    await pair.db.admin.query(`delete from billing.${table}${table === 'payments' ? ` where object = 'charge'` : ''}`);
    expect((await pair.compare()).drifted_rows).toBeGreaterThan(0);
    await pair.work();
    expect(await everything()).toEqual(before);
    await nothingLeft();
  });

  it('heals what none of Stripe’s lists shows: a deleted customer’s row, and the plan of a user whose subscription went to another', async () => {
    const gone = signUp('gone').customer.customer;
    const moved = signUp('moved').customer.customer;
    await pair.deliver();
    moved.metadata = { user_id: 'user_of_somebody' };
    pair.account.emit(now - 5 * hour, 'customer.updated', moved);
    pair.account.emit(now - 5 * hour, 'customer.deleted', gone);
    await pair.deliver(pair.account.events.slice(-2));
    pair.account.put({ id: gone.id, object: 'customer', deleted: true, created: gone.created } as never);
    await nothingLeft();
    await pair.db.admin.query(`update billing.customers set user_id = 'edited' where customer_id = '${gone.id}'`);
    await pair.db.admin.query(`update billing.user_plans set state = '{"edited": true}' where user_id = 'user_moved'`);
    await pair.db.admin.query(`delete from billing.user_plans where user_id = 'user_gone'`);

    const report = await pair.compare();

    expect(report.drifted.map(({ kind, id, fields }) => `${kind} ${id}: ${fields}`).sort()).toEqual([
      `customer ${gone.id}: user_id`,
      'subscription sub_gone1: user_plan',
      'user_plan user_moved: state',
    ]);
    await pair.work();
    expect(await pair.rows(`select user_id from billing.customers where customer_id = '${gone.id}'`)).toEqual([
      { user_id: 'user_gone' },
    ]);
    expect(await pair.rows("select user_id, state ->> 'status' as status from billing.user_plans order by 1")).toEqual([
      { user_id: 'user_gone', status: 'active' },
      { user_id: 'user_moved', status: 'none' },
      { user_id: 'user_of_somebody', status: 'active' },
    ]);
    await nothingLeft();
  });

  it('lets an event replace a row whose second is yet to come: somebody edited it', async () => {
    const { customer } = signUp('ann').customer;
    await pair.deliver();
    await pair.db.admin.query(`update billing.customers set as_of = now() + interval '9 years'`);
    pair.account.emit(now - 5 * hour, 'customer.deleted', customer);
    expect(await pair.deliver(pair.account.events.slice(-1))).toEqual(['applied']);
    expect(await pair.rows('select deleted, as_of from billing.customers')).toEqual([
      { deleted: true, as_of: new Date((now - 5 * hour) * 1000) },
    ]);
  });

  it.each([
    ['', 'started_at = started_at'],
    [', also when somebody gave it a beginning that is yet to come', `started_at = now() + interval '9 years'`],
    [', also when somebody wrote that it is over, and it gives its plan all the same', `status = 'canceled'`],
  ])('ends a row whose subscription Stripe does not know%s', async (_, edit) => {
    const { subscription } = signUp('ann');
    await pair.deliver();
    pair.account.subscriptions.delete(subscription.id);
    await pair.db.admin.query(`update billing.subscriptions set ${edit}`);
    const report = await pair.compare();
    expect(report.unknown_to_stripe).toEqual([{ kind: 'subscription', id: subscription.id }]);
    expect(await pair.work()).toEqual(['billing applied']);
    expect((await plans())[0]).toMatchObject({ user_id: 'user_ann', status: 'cancelled' });
    // What it was is not forgotten over it.
    expect(await pair.rows('select amount_minor, monthly_minor, billing_interval from billing.subscriptions')).toEqual([
      { amount_minor: '1900', monthly_minor: '1900', billing_interval: 'month' },
    ]);
  });

  it('names money that Stripe does not know, and leaves it as it is', async () => {
    signUp('ann');
    await pair.deliver();
    await pair.db.admin.query(
      `insert into billing.payments select made.* from (select * from billing.payments where object = 'charge') as it,
         jsonb_populate_record(null::billing.payments, to_jsonb(it) || '{"payment_id": "ch_nobodys", "amount_minor": 500}') as made`,
    );
    const report = await pair.compare();
    expect(report.unknown_to_stripe).toEqual([{ kind: 'charge', id: 'ch_nobodys' }]);
    expect(report).toMatchObject({ unknown_rows: 1, drifted_rows: 1 });
    expect(pair.queued).toEqual([]);
    const day = new Date((now - 10 * 86_400) * 1000).toISOString().slice(0, 10);
    expect(report.money).toEqual([{ kind: 'charge', day, currency: 'eur', stripes_minor: 1900, ours_minor: 2400 }]);
  });

  it('adds money up by day and currency, and says on which days it is another sum', async () => {
    const { customer } = signUp('ann');
    customer.refundLastCharge(now - 5 * day);
    customer.disputeLastCharge(now - 4 * day, now - 3 * day);
    signUp('ben', now - 8 * day);
    await pair.deliver();
    expect((await pair.compare()).money).toEqual([]);
    await pair.db.admin.query(`delete from billing.refunds`);
    await pair.db.admin.query(`update billing.disputes set amount_minor = 1`);
    const { money, days_that_differ } = await pair.compare();
    const dayOf = (second: number) => new Date(second * 1000).toISOString().slice(0, 10);
    expect(money).toEqual([
      { kind: 'refund', day: dayOf(now - 5 * day), currency: 'eur', stripes_minor: 1900, ours_minor: 0 },
      { kind: 'dispute', day: dayOf(now - 4 * day), currency: 'eur', stripes_minor: 1900, ours_minor: 1 },
    ]);
    expect(days_that_differ).toBe(2);
    await pair.work();
    expect((await pair.compare()).money).toEqual([]);
  });

  it('ends none where Stripe knows hardly any: the key is of another account', async () => {
    for (let n = 0; n < 25; n += 1) signUp(`c${n}`);
    await pair.deliver();
    pair.account.subscriptions.clear();
    const report = await pair.compare();
    expect(report.unknown_to_stripe).toHaveLength(25);
    expect(pair.queued).toEqual([]);
  });

  it('calls no row different that an event moves while Stripe is read', async () => {
    const { customer, subscription } = signUp('ann');
    await pair.deliver();
    const before = pair.account.events.length;
    customer.cancelAtPeriodEnd(subscription, now - 5 * day);
    // Older than the list of events goes back to in this run, so that only the row can show it; it arrives before the second look.
    const report = await pair.compare(
      { from: now - hour },
      { sleep: async () => void (await pair.deliver(pair.account.events.slice(before))) },
    );
    expect(report.drifted_rows).toBe(0);
  });

  it('says which rows it healed, field by field', async () => {
    const { subscription } = signUp('ann');
    await pair.deliver();
    await pair.db.admin.query(`update billing.subscriptions set quantity = 7`);
    await pair.compare();
    expect(pair.healed).toEqual([
      {
        at: new Date(now * 1000).toISOString(),
        run_id: 'run-1',
        kind: 'subscription',
        id: subscription.id,
        known: true,
        field: 'quantity',
        before: 7,
        after: 1,
      },
    ]);
  });

  it('only looks when it is not to heal', async () => {
    signUp('ann');
    const report = await pair.compare({ heal: false });
    expect(report.missed_events).toBeGreaterThan(5);
    expect(pair.queued).toEqual([]);
    expect(pair.healed).toEqual([]);
  });

  it('reports an object that it cannot read, and compares the others', async () => {
    signUp('ann');
    await pair.deliver();
    pair.account.put({
      id: 'sub_odd',
      object: 'subscription',
      customer: 'cus_odd',
      status: 'resting',
      created: now - day,
    });
    const report = await pair.compare();
    expect(report.unreadable).toEqual([
      { kind: 'subscription', id: 'sub_odd', problem: expect.stringMatching(/status: got a string, wanted one of/) },
    ]);
    expect(report.compared.subscription).toBe(1);
  });
});

describe('whose they are', () => {
  it.each([
    ['the Checkout session', 'checkout.session.completed'],
    ["the customer's metadata", 'customer.updated'],
  ])('learns a user known only by %s, though Stripe lists its event no more', async (_what, type) => {
    const { customer } = signUp('ann', now - 90 * day);
    if (type === 'customer.updated') {
      pair.account.objects['checkout/sessions'].clear();
      customer.customer.metadata = { user_id: 'user_ann' };
    }
    await pair.deliver(pair.account.events.filter((event) => event.type.startsWith('customer.subscription.')));
    expect(await pair.rows('select user_id from billing.subscriptions')).toEqual([{ user_id: null }]);
    expect(await pair.compare({ heal: false })).toMatchObject({ entitled_without_user: 1, without_user: [] });
    // What this run queued links them: no alarm is due.
    expect((await pair.scheduled()).entitled_without_user).toBe(0);
    await pair.work();
    expect(await plans()).toEqual([{ user_id: 'user_ann', plan_id: 'premium', status: 'active' }]);
    expect((await pair.scheduled()).entitled_without_user).toBe(0);
  });

  const boughtThroughCheckout = (name: string, at: number) => {
    const from = pair.account.events.length;
    const { subscription } = signUp(name, at);
    const [waits, arrives] = [true, false].map((checkout) =>
      pair.account.events.slice(from).filter(({ type }) => type.startsWith('checkout.') === checkout),
    ) as [AccountEvent[], AccountEvent[]];
    return { subscription, waits, arrives };
  };

  it('counts nobody as nobody’s whose Checkout waits in a queue, however many and however long', async () => {
    await eventsReachUs();
    const bought = Array.from({ length: 3 }, (_, n) => boughtThroughCheckout(`late${n}`, now - 5 * hour));
    await pair.deliver(bought.flatMap(({ arrives }) => arrives));
    // A paused worker has committed nothing for an hour.
    await pair.db.admin.query(`update billing.events set committed_at = committed_at - interval '1 hour'`);
    pair.waiting = { ...byWorker(() => 0), payments: 3 };
    const backlog = await pair.compare({ heal: false });
    expect(backlog).toMatchObject({ entitled_without_user: 0, missed_events: 0 });
    await pair.deliver(bought.flatMap(({ waits }) => waits));
    pair.waiting = byWorker(() => 0);
    expect((await pair.compare({ heal: false })).entitled_without_user).toBe(0);
  });

  describe('a plan that is paid once', () => {
    beforeEach(() => {
      pair.catalogue = catalogueWithPurchases;
    });

    it('is learnt to be somebody’s by the session that Stripe has, however old', async () => {
      await eventsReachUs();
      await pair.deliver(pair.buysForLife('ann', now - 20 * day + 60).arrives);
      pair.account.events = pair.account.events.filter(({ type }) => !type.startsWith('checkout.'));
      expect(await pair.compare({ heal: false })).toMatchObject({ entitled_without_user: 1, without_user: [] });
      expect((await pair.scheduled()).entitled_without_user).toBe(0);
      await pair.work();
      expect(await plans()).toContainEqual({ user_id: 'user_ann', plan_id: 'premium_plus', status: 'active' });
    });

    it('is nobody’s neither for a quarter of an hour, nor while its Checkout waits', async () => {
      await eventsReachUs();
      const [young, waiting] = [pair.buysForLife('young', now - 60), pair.buysForLife('waiting', now - 5 * hour)];
      await pair.deliver([...young.arrives, ...waiting.arrives]);
      pair.waiting = { ...byWorker(() => 0), payments: 2 };
      await pair.db.admin.query(`update billing.events set committed_at = committed_at - interval '1 hour'`);
      expect((await pair.compare({ heal: false })).entitled_without_user).toBe(0);
      for (const { session } of [young, waiting]) pair.account.objects['checkout/sessions'].delete(session);
      pair.account.events = pair.account.events.filter(({ type }) => !type.startsWith('checkout.'));
      pair.waiting = byWorker(() => 0);
      const report = await pair.compare({ heal: false });
      expect(report.entitled_without_user).toBe(1);
      expect(report.without_user).toEqual(
        ['waiting', 'young'].map((name) => ({ kind: 'invoice', id: `in_${name}`, customer_id: `cus_${name}` })),
      );
    });

    it('is nobody’s on purpose once the person is erased', async () => {
      await eventsReachUs();
      const { arrives } = pair.buysForLife('gone', now - 5 * hour);
      pair.account.objects['checkout/sessions'].delete('cs_gone');
      pair.account.events = pair.account.events.filter(({ type }) => !type.startsWith('checkout.'));
      await pair.deliver(arrives);
      expect((await pair.compare({ heal: false })).entitled_without_user).toBe(1);
      await pair.db.admin.query(`select billing.erase_person('cus_gone')`);
      expect(await pair.compare({ heal: false })).toMatchObject({ entitled_without_user: 0, without_user: [] });
    });
  });

  it('counts whom Stripe does not name either, once their Checkout has had its quarter of an hour', async () => {
    await eventsReachUs();
    const nobodys = (name: string, at: number) => {
      const { subscription, arrives } = boughtThroughCheckout(name, at);
      pair.account.objects['checkout/sessions'].delete(`cs_test_${name}1`);
      return { subscription, arrives };
    };
    const old = nobodys('old', now - 5 * hour);
    const young = nobodys('young', now - 60);
    pair.account.events = pair.account.events.filter(({ type }) => !type.startsWith('checkout.'));
    await pair.deliver([...old.arrives, ...young.arrives]);
    const report = await pair.scheduled();
    expect(report.entitled_without_user).toBe(1);
    expect(report.without_user.map(({ id }) => id).sort()).toEqual([old.subscription.id, young.subscription.id].sort());
    expect((await pair.compare({ heal: false, young: true })).entitled_without_user).toBe(2);
  });
});

describe('the schedule', () => {
  it('leaves objects from before our first event to a backfill, so that no app is notified of old news', async () => {
    for (const name of ['old', 'older']) signUp(name, now - 300 * day);
    const count = pair.account.events.length;
    signUp('new', now - 2 * day);
    await pair.deliver(pair.account.events.slice(count));
    const report = await pair.scheduled();
    expect(report).toMatchObject({ drifted_rows: 0, missed_events: 0 });
    expect(report.before_us).toBeGreaterThan(6);
    expect(pair.queued).toEqual([]);
  });

  it('takes no event for missed that is older than our first, and after a backfill none that it contains', async () => {
    signUp('old', now - 5 * day);
    const count = pair.account.events.length;
    signUp('new', now - 2 * day);
    await pair.deliver(pair.account.events.slice(count));
    expect(await pair.scheduled()).toMatchObject({ missed_events: 0, drifted_rows: 0 });
    expect((await pair.compare({ heal: false })).missed_events).toBeGreaterThan(0);
    await pair.backfill();
    expect(await pair.compare({ heal: false })).toMatchObject({ missed_events: 0, drifted_rows: 0 });
    // Asked for, they are shown all the same.
    expect((await pair.compare({ heal: false, from: now - 6 * day })).missed_events).toBeGreaterThan(0);
  });

  it('goes on where a run was cut off', async () => {
    for (let n = 0; n < 12; n += 1) signUp(`c${n}`);
    await pair.deliver();
    await pair.db.admin.query(`update billing.subscriptions set quantity = 7`);
    let pages = 0;
    const stop = () => {
      pages += 1;
      return pages > 6;
    };
    const first = await pair.scheduled({ stop });
    expect(first.finished).toBe(false);
    const second = await pair.scheduled({ now: now + hour });
    expect(second.finished).toBe(true);
    const compared = (kind: 'customer' | 'subscription' | 'dispute') =>
      (first.compared[kind] ?? 0) + (second.compared[kind] ?? 0);
    expect(compared('customer')).toBe(12);
    expect(compared('subscription')).toBe(12);
    expect(first.drifted_rows + second.drifted_rows).toBe(12);
  });

  it('looks at what ended, and at money, once a day', async () => {
    signUp('ann');
    await pair.deliver();
    expect((await pair.scheduled()).compared).toHaveProperty('charge');
    expect((await pair.scheduled({ now: now + hour })).compared).toEqual({ subscription: 1 });
    expect((await pair.scheduled({ now: now + 25 * hour })).compared).toHaveProperty('charge');
  });

  it('gets through while Stripe throttles and fails', async () => {
    for (let n = 0; n < 5; n += 1) signUp(`c${n}`, now - 2 * day);
    Object.assign(pair.server.faults, { throttleEvery: 3, failEvery: 5 });
    const report = await pair.compare();
    expect(report.finished).toBe(true);
    expect(pair.server.measured.throttled).toBeGreaterThan(0);
    expect(pair.server.measured.failed).toBeGreaterThan(0);
    pair.server.faults.throttleEvery = 0;
    pair.server.faults.failEvery = 0;
    await pair.work();
    await nothingLeft();
  });
});

/** Every row of what Stripe's objects make, without what differs by how it came. */
async function everything() {
  const tables = {
    customers: 'customer_id',
    subscriptions: 'subscription_id',
    schedules: 'schedule_id',
    checkouts: 'session_id',
    invoices: 'invoice_id',
    payments: 'payment_id',
    invoice_payments: 'invoice_payment_id',
    refunds: 'refund_id',
    disputes: 'dispute_id',
  };
  const rows: Record<string, object[]> = {};
  for (const [table, key] of Object.entries(tables)) {
    rows[table] = (await pair.rows(`select * from billing.${table} order by ${key}`)).map(
      ({
        as_of,
        source_event_id: _2,
        source_type: _3,
        ticket_issued: _4,
        ticket_applied: _5,
        progress: _6,
        ...row
      }) => ({ ...row, yet_to_come: as_of !== null && as_of.getTime() > Date.now() }),
    );
  }
  return rows;
}
