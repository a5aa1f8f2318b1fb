import { stripeClient, stripeReader } from '../../adapters/stripe.ts';
import { type EventProcessor, processEvent, recordParked } from '../../pipeline/process-event.ts';
import { StripeAccount } from '../../stripe-simulator/account.ts';
import { inOldShape } from '../../stripe-simulator/old-shape.ts';
import { type StripeServer, startStripeServer } from '../../stripe-simulator/server.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { charge, event, invoice, refund, subscriptionEvent } from '../support/stripe-samples.ts';

/** Somebody can put events on the bus, which carries no signature; the deployment verifies them (`verifyEvents`). */

const now = 1_795_000_000;
let db: TestDatabase;
let server: StripeServer;
let account: StripeAccount;
let processor: EventProcessor;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  account = new StripeAccount();
  account.customer('real').signUp({ at: now - 60, periodEnd: now + 86_400 });
  server = await startStripeServer({ account, now: () => now * 1000 });
  const stripe = stripeReader(() => stripeClient(server.key, server.url));
  processor = testProcessor(db.writer, { eventAtStripe: stripe.event });
});
afterEach(() => server.close());

const unverified = (what: RegExp) =>
  expect.objectContaining({ code: 'unverified_event', retry: 'never', message: expect.stringMatching(what) });
const genuine = (type: string) =>
  structuredClone(account.events.find((sent) => sent.type === type)!) as never as {
    id: string;
    type: string;
    created: number;
    data: { object: { id: string; metadata: Record<string, string>; items: { data: { price: { id: string } }[] } } };
  };

it('applies what Stripe sent', async () => {
  for (const type of ['customer.created', 'customer.subscription.created'])
    expect((await processEvent(processor, envelope(genuine(type)))).outcome).toBe('applied');
});

it('parks a made-up event for its own reason, and notes that in the ledger', async () => {
  const forged = envelope(
    subscriptionEvent('evt_forged', 'created', now, { id: 'sub_forged', customer: 'cus_forged' }),
  );
  const error = await processEvent(processor, forged).catch((thrown) => thrown);
  expect(error).toEqual(unverified(/Stripe has no event of this id/));
  await recordParked(processor, forged, error);
  const { rows } = await db.admin.query(`select outcome, reason from billing.events where event_id = 'evt_forged'`);
  expect(rows).toEqual([{ outcome: 'parked', reason: 'unverified_event' }]);
  expect((await db.admin.query(`select from billing.subscriptions where subscription_id = 'sub_forged'`)).rows).toEqual(
    [],
  );
});

it('parks a made-up invoice, which would move the end of a grace period', async () => {
  const unpaid = event('evt_forged_invoice', 'invoice.payment_failed', now, invoice({ customer: 'cus_real' }));
  await expect(processEvent(processor, envelope(unpaid))).rejects.toEqual(unverified(/Stripe has no event of this id/));
});

it('parks a made-up refund, which would end what was paid for once', async () => {
  const forged = event('evt_forged_refund', 'refund.created', now, refund());
  await expect(processEvent({ ...processor, worker: 'payments' }, envelope(forged))).rejects.toEqual(
    unverified(/Stripe has no event of this id/),
  );
});

it('parks a true event in which somebody changed what matters, and names that', async () => {
  const richer = genuine('customer.subscription.created');
  richer.data.object.items.data[0]!.price.id = 'price_premium_plus_yearly_eur';
  await expect(processEvent(processor, envelope(richer))).rejects.toEqual(unverified(/another .*price_id.*plan_id/));
  const later = { ...genuine('customer.subscription.created'), created: now + 5 };
  await expect(processEvent(processor, envelope(later))).rejects.toEqual(unverified(/another created\./));
});

it('takes neither another API shape nor what we do not read for a forgery', async () => {
  const sent = genuine('customer.subscription.created');
  const object = { ...inOldShape(sent.data.object, account), description: 'of no account' };
  const { outcome } = await processEvent(
    processor,
    envelope({ ...sent, data: { object } }, { 'replay-name': 'again' }),
  );
  expect(outcome).toMatch(/^(applied|duplicate|stale)$/);
});

it('asks nothing about what moves no plan, and waits while Stripe does not answer', async () => {
  const paid = event('evt_nobody_knows', 'charge.succeeded', now, charge({ customer: 'cus_real' }));
  expect((await processEvent({ ...processor, worker: 'payments' }, envelope(paid))).outcome).toBe('applied');
  await server.close();
  await expect(
    processEvent(processor, envelope(genuine('customer.subscription.created'), { 'replay-name': 'x' })),
  ).rejects.toMatchObject({ retry: 'later', code: 'stripe_unreachable' });
});
