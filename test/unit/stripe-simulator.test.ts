import type Stripe from 'stripe';
import { stripeClient } from '../../adapters/stripe.ts';
import { StripeAccount } from '../../stripe-simulator/account.ts';
import { type StripeServer, startStripeServer } from '../../stripe-simulator/server.ts';

/** The simulator through Stripe's own SDK: what a list, a filter, a refusal looks like to the code that asks. */

const now = 1_795_000_000;
let server: StripeServer;
let stripe: Stripe;
let account: StripeAccount;

beforeEach(async () => {
  account = new StripeAccount();
  server = await startStripeServer({ account, now: () => now * 1000 });
  stripe = await stripeClient(server.key, server.url);
});
afterEach(() => server.close());

const signUps = (count: number) => {
  for (let n = 0; n < count; n += 1) account.customer(`c${n}`).signUp({ at: now - 1000 * n, periodEnd: now + 86_400 });
};
const ids = async (list: AsyncIterable<{ id: string }>) => {
  const found: string[] = [];
  for await (const { id } of list) found.push(id);
  return found;
};

it('lists newest first, page by page', async () => {
  signUps(7);
  const first = await stripe.subscriptions.list({ limit: 3 });
  expect(first.data.map(({ id }) => id)).toEqual(['sub_c01', 'sub_c11', 'sub_c21']);
  expect(first.has_more).toBe(true);
  expect(await ids(stripe.subscriptions.list({ limit: 3 }))).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `sub_c${n}1`));
});

it('narrows a list by range, status, customer and subscription', async () => {
  signUps(4);
  account.customer('x').end(account.subscriptions.get('sub_c21')!, now);
  expect(await ids(stripe.subscriptions.list({ created: { gte: now - 2000, lt: now } }))).toEqual(['sub_c11']);
  expect(await ids(stripe.subscriptions.list({ status: 'all' }))).toHaveLength(4);
  expect(await ids(stripe.subscriptions.list({ status: 'ended' }))).toEqual(['sub_c21']);
  expect(await ids(stripe.subscriptions.list({ customer: 'cus_c3' }))).toEqual(['sub_c31']);
  expect(await ids(stripe.checkout.sessions.list({ subscription: 'sub_c31' }))).toEqual(['cs_test_c31']);
  expect(await ids(stripe.invoices.list({ subscription: 'sub_c31' }))).toEqual(['in_c31']);
});

it('lists events of some types, none older than thirty days', async () => {
  account.customer('old').signUp({ at: now - 31 * 86_400, periodEnd: now });
  signUps(1);
  const events = await ids(stripe.events.list({ types: ['customer.created', 'charge.succeeded'] }));
  expect(events.map((id) => account.events.find((event) => event.id === id)!.type)).toEqual([
    'charge.succeeded',
    'customer.created',
  ]);
});

it('refuses a parameter that no list takes, a key that is not the account’s, and what a key may not read', async () => {
  await expect(stripe.subscriptions.list({ state: 'all' } as never)).rejects.toMatchObject({ statusCode: 400 });
  const stranger = await stripeClient('sk_test_another', server.url);
  await expect(stranger.customers.list()).rejects.toMatchObject({ statusCode: 401 });
  server.faults.forbidden.add('customers');
  await expect(stripe.customers.list()).rejects.toMatchObject({ statusCode: 403 });
});

it('throttles and fails on request, and counts it', async () => {
  server.faults.throttleEvery = 2;
  await stripe.customers.list();
  await expect(stripe.customers.list()).rejects.toMatchObject({ statusCode: 429 });
  expect(server.measured).toMatchObject({ requests: 2, throttled: 1, failed: 0 });
});

it('answers in the shape of the version that was asked for', async () => {
  signUps(1);
  const ask = async (version: string, path: string) =>
    (await fetch(`${server.url}/v1/${path}`, {
      headers: { authorization: `Bearer ${server.key}`, 'stripe-version': version },
    }).then((answer) => answer.json())) as Record<string, unknown>;
  expect(await ask('2026-10-28.endive', 'invoices/in_c01')).not.toHaveProperty('subscription');
  expect(await ask('2025-02-24.acacia', 'invoices/in_c01')).toMatchObject({ subscription: 'sub_c01' });
  expect(await ask('2025-02-24.acacia', 'charges/ch_c01')).toMatchObject({ invoice: 'in_c01' });
  const old = await ask('2025-02-24.acacia', 'subscriptions/sub_c01');
  expect(old).toMatchObject({ current_period_end: now + 86_400 });
  expect((old.items as { data: object[] }).data[0]).not.toHaveProperty('current_period_end');
});

it('keeps metadata that is set, and says so in an event', async () => {
  signUps(1);
  await stripe.customers.update('cus_c0', { metadata: { user_id: 'user_7' } });
  expect(await stripe.customers.retrieve('cus_c0')).toMatchObject({ metadata: { user_id: 'user_7' } });
  expect(account.events.at(-1)).toMatchObject({ type: 'customer.updated', created: now });
});
