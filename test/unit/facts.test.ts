import { eventRoutes, routedEventTypes } from '../../core/event-routes.ts';
import { readFact } from '../../core/stripe/read-fact.ts';
import { catalogue, subscriptionEvent } from '../support/event-processor.ts';
import { charge, event, invoice, sampleOf } from '../support/stripe-samples.ts';

const read = (stripeEvent: object) => readFact(stripeEvent as never, catalogue);
const subscriptionObject = (stripeEvent = subscriptionEvent('evt_1', 'updated', 100)) =>
  structuredClone((stripeEvent as { data: { object: Record<string, unknown> } }).data.object);

it.each(routedEventTypes)('reads a sample of %s', (type) => {
  const fact = read(event('evt_1', type, 100, sampleOf(type)));
  expect(fact === null).toBe(type === 'setup_intent.succeeded');
});

it('routes exactly the types of the design', () => {
  expect(routedEventTypes).toHaveLength(33);
  expect(eventRoutes['checkout.session.completed']).toBe('payments');
  expect(eventRoutes['customer.subscription.updated']).toBe('billing');
});

it("reads a subscription in the shape before 2025-03-31 as it reads today's", () => {
  const today = subscriptionObject();
  const before = structuredClone(today) as { items: { data: Record<string, unknown>[] } } & Record<string, unknown>;
  for (const field of ['current_period_start', 'current_period_end']) {
    before[field] = before.items.data[0]![field];
    delete before.items.data[0]![field];
  }
  expect(read(event('evt_1', 'customer.subscription.updated', 100, before))).toEqual(
    read(event('evt_1', 'customer.subscription.updated', 100, today)),
  );
});

it("reads an invoice in the shape before 2025-03-31 as it reads today's", () => {
  const { parent: _parent, ...before } = invoice({ subscription: 'sub_1' }) as Record<string, unknown>;
  expect(read(event('evt_1', 'invoice.paid', 100, before))).toEqual(
    read(event('evt_1', 'invoice.paid', 100, invoice())),
  );
});

it('reads what a subscription costs and until when it is paid', () => {
  expect(read(subscriptionEvent('evt_1', 'updated', 100, { price: 'price_premium_plus_monthly_eur' }))).toMatchObject({
    kind: 'subscription',
    subscription_id: 'sub_1',
    customer_id: 'cus_1',
    snapshot: {
      status: 'active',
      plan_id: 'premium_plus',
      tier: 'PREMIUM_PLUS',
      grace_days: 14,
      amount_minor: 1900,
      current_period_end: '2027-01-15T08:00:00.000Z',
      latest_invoice_id: 'in_1',
    },
  });
});

it('lets the item of the highest tier stand for a subscription of several', () => {
  const object = subscriptionObject() as { items: { data: object[] } };
  const plus = (
    subscriptionObject(subscriptionEvent('evt_1', 'updated', 100, { price: 'price_premium_plus_monthly_eur' })) as {
      items: { data: object[] };
    }
  ).items.data[0]!;
  const addOn = { ...plus, price: { id: 'price_add_on', currency: 'eur' } };
  object.items.data = [addOn, ...object.items.data, plus];
  expect(read(event('evt_1', 'customer.subscription.updated', 100, object))).toMatchObject({
    snapshot: { price_id: 'price_premium_plus_monthly_eur' },
  });
});

it('names every field that is missing, what it found and what it wants, but no value', () => {
  const object = subscriptionObject();
  delete object.customer;
  object.status = 'resting';
  object.items = { data: [{ price: { id: 5 } }] };
  const secret = 'jenny@example.com';
  object.metadata = { user_id: secret, more: 7 };
  const failure = () => read(event('evt_1', 'customer.subscription.updated', 100, object));
  expect(failure).toThrow(/customer: got nothing, wanted an id/);
  expect(failure).toThrow(/status: got a string, wanted one of incomplete, /);
  expect(failure).toThrow(/items\.data\[0\]\.price\.id: got a number, wanted a string/);
  expect(failure).toThrow(/metadata\.more: got a number, wanted a string/);
  expect(failure).not.toThrow(new RegExp(secret));
});

it('names the period end when neither shape has it', () => {
  const object = subscriptionObject() as { items: { data: Record<string, unknown>[] } };
  delete object.items.data[0]!.current_period_end;
  expect(() => read(event('evt_1', 'customer.subscription.updated', 100, object))).toThrow(
    /current_period_end: got nothing/,
  );
});

it('takes an expanded object for its id', () => {
  const object = {
    ...subscriptionObject(),
    customer: { id: 'cus_9', email: 'a@example.com' },
    latest_invoice: { id: 'in_9' },
  };
  expect(read(event('evt_1', 'customer.subscription.updated', 100, object))).toMatchObject({
    customer_id: 'cus_9',
    snapshot: { latest_invoice_id: 'in_9' },
  });
});

it('counts of a charge what was captured', () => {
  expect(read(event('evt_1', 'charge.succeeded', 100, charge({ amount: 1900, amount_captured: 1000 })))).toMatchObject({
    amount_minor: 1000,
  });
  expect(
    read(event('evt_1', 'charge.failed', 100, charge({ status: 'failed', amount: 1900, amount_captured: 0 }))),
  ).toMatchObject({ amount_minor: 1900 });
});

it('keeps no name and no e-mail address', () => {
  for (const type of routedEventTypes) {
    const personal = {
      ...sampleOf(type),
      email: 'jenny@example.com',
      name: 'Jenny Rosen',
      customer_email: 'jenny@example.com',
      billing_details: { name: 'Jenny Rosen' },
      receipt_email: 'jenny@example.com',
    };
    expect(JSON.stringify(read(event('evt_1', type, 100, personal)))).not.toMatch(/jenny/i);
  }
});

it('refuses a type that no worker handles', () => {
  expect(() => read(event('evt_1', 'product.created', 100, {}))).toThrow(/product\.created.*no worker handles/);
});
