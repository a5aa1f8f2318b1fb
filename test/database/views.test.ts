import fc from 'fast-check';
import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import {
  charge,
  checkout,
  dispute,
  event,
  invoicePayment,
  paymentIntent,
  refund,
  subscriptionEvent,
} from '../support/stripe-samples.ts';

/** What finance and support read: by hand, and on generated data against sums made here. */

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});
afterEach(() => db.close());

const day = (index: number) => Date.UTC(2026, 9, 1 + index) / 1000;
const arrive = (stripeEvent: object, worker: 'payments' | 'billing' = 'payments', livemode = false) =>
  processEvent(testProcessor(db.writer, { worker, livemode }), envelope({ ...stripeEvent, livemode }));
const rows = async (sql: string) => (await db.admin.query(sql)).rows;
const revenue = () =>
  rows(
    `select day::text, livemode, currency, gross_minor::int, refunded_minor::int, net_minor::int, payments::int, refunds::int from billing.revenue_daily order by 1, 2, 3`,
  );

it('counts a charge on its day and a refund on its own, currencies and modes apart', async () => {
  await arrive(event('evt_1', 'charge.succeeded', day(0) + 5, charge({ id: 'ch_1', created: day(0) + 86_399 })));
  await arrive(
    event(
      'evt_2',
      'charge.succeeded',
      day(0) + 5,
      charge({ id: 'ch_2', created: day(0), currency: 'usd', amount: 2100, amount_captured: 2100 }),
    ),
  );
  await arrive(
    event('evt_3', 'charge.succeeded', day(0) + 5, charge({ id: 'ch_3', created: day(0) })),
    'payments',
    true,
  );
  await arrive(event('evt_4', 'charge.failed', day(0) + 5, charge({ id: 'ch_4', created: day(0), status: 'failed' })));
  await arrive(
    event('evt_5', 'refund.created', day(2) + 5, refund({ id: 're_1', charge: 'ch_1', amount: 500, created: day(2) })),
  );
  await arrive(
    event(
      'evt_6',
      'refund.created',
      day(2) + 5,
      refund({ id: 're_2', charge: 'ch_1', amount: 300, created: day(2), status: 'pending' }),
    ),
  );
  await arrive(
    event(
      'evt_7',
      'refund.failed',
      day(3),
      refund({ id: 're_1', charge: 'ch_1', amount: 500, created: day(2), status: 'failed' }),
    ),
  );
  await arrive(
    event(
      'evt_8',
      'refund.updated',
      day(3),
      refund({ id: 're_2', charge: 'ch_1', amount: 300, created: day(2), status: 'succeeded' }),
    ),
  );
  expect(await revenue()).toEqual([
    {
      day: '2026-10-01',
      livemode: false,
      currency: 'eur',
      gross_minor: 1900,
      refunded_minor: 0,
      net_minor: 1900,
      payments: 1,
      refunds: 0,
    },
    {
      day: '2026-10-01',
      livemode: false,
      currency: 'usd',
      gross_minor: 2100,
      refunded_minor: 0,
      net_minor: 2100,
      payments: 1,
      refunds: 0,
    },
    {
      day: '2026-10-01',
      livemode: true,
      currency: 'eur',
      gross_minor: 1900,
      refunded_minor: 0,
      net_minor: 1900,
      payments: 1,
      refunds: 0,
    },
    {
      day: '2026-10-03',
      livemode: false,
      currency: 'eur',
      gross_minor: 0,
      refunded_minor: 300,
      net_minor: -300,
      payments: 0,
      refunds: 1,
    },
  ]);
});

it('adds up whatever was generated, in any order', async () => {
  const money = fc.record({
    amount: fc.integer({ min: 1, max: 99_999 }),
    currency: fc.constantFrom('eur', 'usd', 'jpy'),
    live: fc.boolean(),
    on: fc.nat(6),
    refunds: fc.array(fc.record({ share: fc.integer({ min: 1, max: 100 }), on: fc.nat(6), ok: fc.boolean() }), {
      maxLength: 3,
    }),
  });
  const payments = fc.sample(money, { numRuns: 150, seed: 20261121 });
  const sums = new Map<string, { gross: number; refunded: number }>();
  const add = (on: number, live: boolean, currency: string, gross: number, refunded: number) => {
    const key = `2026-10-0${on + 1} ${live} ${currency}`;
    const sum = sums.get(key) ?? { gross: 0, refunded: 0 };
    sums.set(key, { gross: sum.gross + gross, refunded: sum.refunded + refunded });
  };
  const events: { stripeEvent: object; live: boolean }[] = [];
  for (const [index, { amount, currency, live, on, refunds }] of payments.entries()) {
    add(on, live, currency, amount, 0);
    events.push({
      live,
      stripeEvent: event(
        `evt_c${index}`,
        'charge.succeeded',
        day(on),
        charge({ id: `ch_${index}`, customer: null, amount, amount_captured: amount, currency, created: day(on) }),
      ),
    });
    for (const [which, { share, on: later, ok }] of refunds.entries()) {
      const part = Math.max(1, Math.floor((amount * share) / 400));
      if (ok) add(later, live, currency, 0, part);
      events.push({
        live,
        stripeEvent: event(
          `evt_r${index}_${which}`,
          'refund.created',
          day(later),
          refund({
            id: `re_${index}_${which}`,
            charge: `ch_${index}`,
            amount: part,
            currency,
            created: day(later),
            status: ok ? 'succeeded' : 'failed',
          }),
        ),
      });
    }
  }
  const shuffled = fc.sample(fc.shuffledSubarray(events, { minLength: events.length }), { numRuns: 1, seed: 7 })[0]!;
  await Promise.all(shuffled.map(({ stripeEvent, live }) => arrive(stripeEvent, 'payments', live)));
  const found = new Map(
    (await revenue()).map((row) => [
      `${row.day} ${row.livemode} ${row.currency}`,
      { gross: row.gross_minor, refunded: row.refunded_minor },
    ]),
  );
  expect(found).toEqual(sums);
});

it('counts subscriptions by plan and status, an unknown price apart', async () => {
  const subscribe = (i: number, more: object) =>
    arrive(subscriptionEvent(`evt_${i}`, 'updated', 100, { id: `sub_${i}`, customer: `cus_${i}`, ...more }), 'billing');
  await subscribe(1, {});
  await subscribe(2, {});
  await subscribe(3, { status: 'canceled' });
  await subscribe(4, { price: 'price_premium_plus_monthly_eur' });
  await subscribe(5, { price: 'price_unheard_of' });
  expect(
    await rows(
      'select plan_id, status, currency, subscriptions::int, amount_minor::int from billing.subscriptions_by_plan order by 1, 2',
    ),
  ).toEqual([
    { plan_id: 'premium', status: 'active', currency: 'eur', subscriptions: 2, amount_minor: 3800 },
    { plan_id: 'premium', status: 'cancelled', currency: 'eur', subscriptions: 1, amount_minor: 1900 },
    { plan_id: 'premium_plus', status: 'active', currency: 'eur', subscriptions: 1, amount_minor: 1900 },
    { plan_id: null, status: 'active', currency: 'eur', subscriptions: 1, amount_minor: 1900 },
  ]);
});

it('shows how checkouts ended and what became of trials', async () => {
  await arrive(event('evt_1', 'checkout.session.completed', day(0), checkout({ id: 'cs_1', subscription: null })));
  await arrive(event('evt_2', 'checkout.session.expired', day(0), checkout({ id: 'cs_2', subscription: null })));
  await arrive(event('evt_3', 'checkout.session.expired', day(1), checkout({ id: 'cs_3', subscription: null })));
  const trial = (i: number, status: string, more: object = {}) => {
    const stripeEvent = subscriptionEvent(`evt_t${i}`, 'updated', day(5), {
      id: `sub_${i}`,
      customer: `cus_${i}`,
      status,
    }) as { data: { object: { items: { data: object[] } } } };
    Object.assign(stripeEvent.data.object, { trial_start: day(0), trial_end: day(3) }, more);
    Object.assign(stripeEvent.data.object.items.data[0]!, {
      current_period_start: status === 'trialing' ? day(0) : day(3),
    });
    return arrive(stripeEvent, 'billing');
  };
  await trial(1, 'trialing');
  await trial(2, 'active');
  await trial(3, 'canceled', { ended_at: day(3) });
  await trial(4, 'canceled', { ended_at: day(30) });
  expect(
    await rows(
      'select day::text, checkouts_completed::int, checkouts_expired::int, trials_started::int, trials_running::int, trials_converted::int from billing.conversion order by 1',
    ),
  ).toEqual([
    {
      day: '2026-10-01',
      checkouts_completed: 1,
      checkouts_expired: 1,
      trials_started: 4,
      trials_running: 1,
      trials_converted: 2,
    },
    {
      day: '2026-10-02',
      checkouts_completed: 0,
      checkouts_expired: 1,
      trials_started: 0,
      trials_running: 0,
      trials_converted: 0,
    },
  ]);
});

it("shows support one user's payments, with refunds and disputes, and nobody else's", async () => {
  await arrive(subscriptionEvent('evt_1', 'updated', 100, { metadata: { user_id: 'user_1' } }), 'billing');
  await arrive(
    subscriptionEvent('evt_2', 'updated', 100, { id: 'sub_2', customer: 'cus_2', metadata: { user_id: 'user_2' } }),
    'billing',
  );
  await arrive(event('evt_3', 'charge.succeeded', day(0), charge({ id: 'ch_1', created: day(0) })));
  await arrive(
    event('evt_4', 'charge.refunded', day(1), charge({ id: 'ch_1', amount_refunded: 500, created: day(0) })),
  );
  await arrive(event('evt_5', 'charge.dispute.created', day(2), dispute()));
  await arrive(
    event(
      'evt_6',
      'charge.failed',
      day(3),
      charge({ id: 'ch_2', payment_intent: 'pi_2', status: 'failed', failure_code: 'card_declined', created: day(3) }),
    ),
  );
  await arrive(
    event('evt_7', 'charge.succeeded', day(0), charge({ id: 'ch_3', customer: 'cus_2', payment_intent: 'pi_3' })),
  );
  expect(
    await rows(
      `select payment_id, status, failure_code, amount_minor::int, amount_refunded_minor::int, dispute_status from billing.payment_history where user_id = 'user_1' order by created`,
    ),
  ).toEqual([
    {
      payment_id: 'ch_1',
      status: 'succeeded',
      failure_code: null,
      amount_minor: 1900,
      amount_refunded_minor: 500,
      dispute_status: 'needs_response',
    },
    {
      payment_id: 'ch_2',
      status: 'failed',
      failure_code: 'card_declined',
      amount_minor: 1900,
      amount_refunded_minor: 0,
      dispute_status: null,
    },
  ]);
});

it('counts money that is captured later, once it is captured', async () => {
  const held = { id: 'ch_9', payment_intent: 'pi_9', created: day(0), captured: false, amount_captured: 0 };
  await arrive(event('evt_1', 'charge.succeeded', day(0), charge(held)));
  expect(await rows('select gross_minor::int from billing.revenue_daily')).toEqual([]);
  await arrive(event('evt_2', 'charge.captured', day(0), charge({ ...held, captured: true, amount_captured: 1900 })));
  expect(await rows('select gross_minor::int, net_minor::int from billing.revenue_daily')).toEqual([
    { gross_minor: 1900, net_minor: 1900 },
  ]);
});

it('takes a lost dispute off the revenue of the day on which it was lost', async () => {
  await arrive(event('evt_1', 'charge.succeeded', day(0), charge({ created: day(0) })));
  await arrive(event('evt_2', 'charge.dispute.closed', day(4), dispute({ status: 'lost', amount: 1900 })));
  expect(
    await rows('select gross_minor::int, disputed_minor::int, net_minor::int from billing.revenue_daily order by day'),
  ).toEqual([
    { gross_minor: 1900, disputed_minor: 0, net_minor: 1900 },
    { gross_minor: 0, disputed_minor: 1900, net_minor: -1900 },
  ]);
});

it('shows one purchase as one line, with the invoice that it paid', async () => {
  await arrive(
    event('evt_1', 'payment_intent.payment_failed', day(0), {
      ...paymentIntent({ status: 'requires_payment_method' }),
    }),
  );
  await arrive(event('evt_2', 'charge.failed', day(0), charge({ id: 'ch_a', status: 'failed', created: day(0) })));
  await arrive(event('evt_3', 'charge.succeeded', day(1), charge({ id: 'ch_b', created: day(1) })));
  await arrive(event('evt_4', 'payment_intent.succeeded', day(1), paymentIntent()));
  await arrive(event('evt_5', 'invoice_payment.paid', day(1), invoicePayment()), 'billing');
  expect(await rows('select payment_id, status, invoice_id from billing.payment_history')).toEqual([
    { payment_id: 'ch_b', status: 'succeeded', invoice_id: 'in_1' },
  ]);
});

it('shows support no refund that bounced', async () => {
  await arrive(event('evt_1', 'charge.succeeded', day(0), charge({ created: day(0) })));
  await arrive(event('evt_2', 'charge.refunded', day(1), charge({ amount_refunded: 800, created: day(0) })));
  await arrive(event('evt_3', 'refund.created', day(1), refund({ id: 're_1', amount: 500 })));
  await arrive(event('evt_4', 'refund.created', day(1), refund({ id: 're_2', amount: 300 })));
  await arrive(event('evt_5', 'refund.failed', day(2), refund({ id: 're_1', amount: 500, status: 'failed' })));
  expect(await rows('select amount_refunded_minor::int from billing.payment_history')).toEqual([
    { amount_refunded_minor: 300 },
  ]);
});
