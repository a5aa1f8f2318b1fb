import { processEvent } from '../../pipeline/process-event.ts';
import { catalogueWithPurchases } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { customer, event, invoicePayment, paidOnce, refund, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

/** `ops why` of plans that are paid for once: an invoice stands where a subscription would. */

let pipeline: Pipeline;
let database: TestDatabase;
beforeEach(async () => {
  [pipeline, database] = await Promise.all([startPipeline(), freshDatabase()]);
  pipeline.sells(catalogueWithPurchases);
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
});
afterEach(() => Promise.all([pipeline.close(), database.close()]));

const jenny = '11111111-1111-4111-8111-111111111111';
// 2026-09-21 14:13:20 UTC
const start = 1_790_000_000;
const day = 86_400;

type Sample = { type: string; data: { object: { object: string } } };

/** It happens at Stripe, reaches us, and is settled. */
async function arrives(...events: object[]): Promise<void> {
  for (const one of events as Sample[]) {
    if (/^(customer|invoice)\b/.test(one.type)) pipeline.stripe.account.put(one.data.object);
    const processor = testProcessor(database.writer, { catalogue: catalogueWithPurchases });
    await processEvent({ ...processor, sources: [source] }, envelope(one, { source }));
  }
}

const customerOf = (metadata: object) => event('evt_customer', 'customer.created', start, customer({ metadata }));
const bill = (price: string, at = start) => event('evt_bill', 'invoice.paid', at, paidOnce(price, at));
const lifetime = bill('price_plus_lifetime_eur');
const moneyBack = [
  event('evt_payment', 'invoice_payment.paid', start + 1, invoicePayment()),
  event(
    'evt_refund',
    'refund.updated',
    start + day,
    refund({ charge: 'ch_1', payment_intent: 'pi_1', amount: 49_900, status: 'succeeded', created: start + day }),
  ),
];
const paid = (more: object = {}) => subscriptionEvent('evt_paid', 'created', start + 10, { metadata: {}, ...more });
const end = subscriptionEvent('evt_end', 'deleted', start + day, { status: 'canceled', metadata: {} });

const why = (...who: string[]) => pipeline.run('why', ...who, '--json');

it('entitled: the invoice that gives the plan, and a table of its own on the page', async () => {
  await arrives(customerOf({ user_id: jenny }), lifetime);
  const { code, json } = await why('--user', jenny);
  expect(code).toBe(0);
  expect(json.data.verdict).toMatchObject({
    cause: 'entitled',
    says: 'in_1, paid once, gives PREMIUM_PLUS (plan premium_plus), active, entitled: here all is as it should be. The app shows something else, or asks for another user.',
    page: 'support',
    wrong: false,
  });
  expect(json.data).toMatchObject({
    subscriptions: [],
    purchases: [
      {
        invoice_id: 'in_1',
        customer_id: 'cus_1',
        user_id: jenny,
        here: 'active',
        price_here: 'price_plus_lifetime_eur',
        at_stripe: 'paid',
      },
    ],
    plans: [{ user_id: jenny, plan: { tier: 'PREMIUM_PLUS', subscription_id: null } }],
    differences: [],
  });
  const { out } = await pipeline.run('why', '--user', jenny);
  expect(out).toMatch(/^paid once +customer +user +here +at Stripe$/m);
  expect(out).toMatch(new RegExp(`^in_1 +cus_1 +${jenny} +active`, 'm'));
});

it('missed: paid at Stripe, and its event never reached us; sync brings it', async () => {
  await arrives(customerOf({ user_id: jenny }));
  pipeline.stripe.account.put((lifetime as unknown as Sample).data.object);
  for (const who of [
    ['--customer', 'cus_1'],
    ['--email', 'jenny@example.com'],
  ]) {
    const { code, json } = await why(...who);
    expect(code).toBe(1);
    expect(json.data.verdict).toMatchObject({
      cause: 'missed',
      says: 'invoice in_1 is at Stripe and not here: the event never reached us, and is in no queue.',
      do: ['npm run ops -- sync --customer cus_1 --apply --env dev'],
    });
    expect(json.data.purchases).toMatchObject([{ invoice_id: 'in_1', here: null, at_stripe: 'paid' }]);
  }
  const healing = pipeline.run('sync', '--customer', 'cus_1', '--apply', '--json');
  const { code, json } = await worked(healing);
  expect(code).toBe(0);
  expect(json.plan).toMatchObject({ subscriptions: [], purchases: [{ invoice_id: 'in_1', customer_id: 'cus_1' }] });
  expect(json.result).toEqual({ healed: ['in_1'], still_different: [] });
  expect((await why('--user', jenny)).json.data.verdict.cause).toBe('entitled');
  const same = await pipeline.run('sync', '--user', jenny);
  expect(same.code).toBe(0);
  expect(same.out).toContain('in_1 of cus_1, paid once\n  The same here and at Stripe.');
});

/** Plays the billing worker until somebody is done with waiting for it. */
async function worked<Answer>(waited: Promise<Answer>): Promise<Answer> {
  let done = false;
  const over = waited.finally(() => {
    done = true;
  });
  while (!done) {
    for (const { body } of await pipeline.take('BillingQueueUrl'))
      await processEvent(
        { ...testProcessor(database.writer, { catalogue: catalogueWithPurchases }), sources: [source] },
        body,
      );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return over;
}

it('unlinked: paid for once, and nothing says whose it is', async () => {
  await arrives(customerOf({ userid: jenny }), lifetime);
  const { code, json } = await why('--customer', 'cus_1');
  expect(code).toBe(1);
  expect(json.data.verdict).toEqual({
    cause: 'unlinked',
    says: "in_1 (PREMIUM_PLUS (plan premium_plus), active, entitled) is paid for, and nothing says whose it is. Its customer's metadata has userid: user_id_keys in config/plans.yaml names the keys that count.",
    do: ['npm run ops -- link --user <their id> --customer cus_1 --apply --env dev'],
    page: 'entitled-without-user',
    wrong: true,
  });
});

it('paid back: all of it was refunded', async () => {
  await arrives(customerOf({ user_id: jenny }), lifetime, ...moneyBack);
  const { code, json } = await why('--user', jenny);
  expect(code).toBe(0);
  expect(json.data.verdict).toMatchObject({
    cause: 'paid_back',
    says: 'What was paid for in_1 went back: all of it was refunded, or a dispute was lost.',
    do: ['They buy again, if they want it back.'],
  });
  expect(json.data.purchases).toMatchObject([{ here: 'cancelled' }]);
  expect(json.data.plans).toMatchObject([{ plan: { tier: 'FREE' } }]);
});

it('ended: paid for a year that is over', async () => {
  const longAgo = start - 800 * day;
  await arrives(customerOf({ user_id: jenny }), bill('price_premium_pass_eur', longAgo));
  const { json } = await why('--user', jenny);
  expect(json.data.verdict).toMatchObject({
    cause: 'ended',
    // 2024-07-13 14:13:20 UTC and 365 days.
    says: 'in_1 was paid for a time, which ended 2025-07-13 14:13:20 UTC.',
    wrong: false,
  });
});

describe('beside a subscription', () => {
  it('that has ended, the purchase speaks', async () => {
    await arrives(customerOf({ user_id: jenny }), paid(), end, lifetime);
    const { json } = await why('--user', jenny);
    expect(json.data.verdict.says).toMatch(/^in_1, paid once, gives PREMIUM_PLUS/);
  });

  it('that runs, the subscription speaks', async () => {
    await arrives(customerOf({ user_id: jenny }), paid(), lifetime, ...moneyBack);
    const { json } = await why('--user', jenny);
    expect(json.data.verdict.says).toMatch(/^sub_1 gives PREMIUM \(plan premium\)/);
  });

  it('that runs, with the lower tier: the purchase speaks, for it gives the plan', async () => {
    await arrives(customerOf({ user_id: jenny }), paid(), lifetime);
    const { json } = await why('--user', jenny);
    expect(json.data.plans).toMatchObject([{ plan: { tier: 'PREMIUM_PLUS', subscription_id: null } }]);
    expect(json.data.verdict.says).toMatch(/^in_1, paid once, gives PREMIUM_PLUS/);
  });

  it('whose price is unknown, that is said first: it may be worth more', async () => {
    await arrives(customerOf({ user_id: jenny }), paid({ price: 'price_of_marketing' }), lifetime);
    expect((await why('--user', jenny)).json.data.verdict.cause).toBe('unknown_price');
  });

  it('of which both have ended, the subscription says when and why', async () => {
    await arrives(customerOf({ user_id: jenny }), paid(), end, lifetime, ...moneyBack);
    const { json } = await why('--user', jenny);
    expect(json.data.verdict.cause).toBe('cancelled');
  });
});
