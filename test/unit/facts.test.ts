import { isDeepStrictEqual } from 'node:util';
import { eventRoutes, type RoutedEventType, routedEventTypes, workerOf } from '../../core/event-routes.ts';
import { readFact } from '../../core/stripe/read-fact.ts';
import { catalogue } from '../support/catalogue.ts';
import { charge, event, invoice, sampleOf, subscriptionEvent } from '../support/stripe-samples.ts';

const read = (stripeEvent: object) => readFact(stripeEvent as never, catalogue);
const subscriptionObject = (stripeEvent = subscriptionEvent('evt_1', 'updated', 100)) =>
  structuredClone((stripeEvent as { data: { object: Record<string, unknown> } }).data.object);

/** Types that are counted and stand in the ledger, of which no plan state is made: one more is named here. */
const withoutFact: readonly RoutedEventType[] = ['setup_intent.succeeded'];

it.each(routedEventTypes)('reads a sample of %s', (type) => {
  const fact = read(event('evt_1', type, 100, sampleOf(type)));
  expect([type, fact === null]).toEqual([type, withoutFact.includes(type)]);
});

/** Fields of a fact that only the event's name says: for each, what keeps it from being lost with the object's next event. */
const saidByTheName: Record<string, string> = {
  'customer.deleted': 'nothing comes after a deletion: billing.progress puts it last',
  'checkout.status': 'each type is a further step of the session: billing.progress orders them',
  'invoice.problem':
    'every other routed event of an invoice says that it is over; billing.progress orders those of one second',
};

it.each(routedEventTypes)('reads from %s what the object says, whatever the event is called', (type) => {
  const sample = sampleOf(type);
  const sameReader = routedEventTypes.filter((other) => eventRoutes[other].read === eventRoutes[type].read);
  const factOf = (name: RoutedEventType) => (read(event('evt_1', name, 100, sample)) ?? {}) as Record<string, unknown>;
  const fact = factOf(type);
  const named = Object.keys(fact).filter((field) =>
    sameReader.some((other) => !isDeepStrictEqual(factOf(other)[field], fact[field])),
  );
  const unsaid = named.filter((field) => saidByTheName[`${fact.kind}.${field}`] === undefined);
  if (unsaid.length === 0) return;
  throw new Error(
    `${unsaid.join(', ')} of a fact of kind ${fact.kind} depends on the name of the event: the object's next event writes the row anew, and it is lost. ` +
      'Read it from the object, or carry it on in SQL and say here how (CONTRIBUTING.md, "An event type").',
  );
});

it('gives each worker the types of its own subject', () => {
  expect(workerOf('checkout.session.completed')).toBe('payments');
  expect(workerOf('customer.subscription.updated')).toBe('billing');
  expect(workerOf('product.created')).toBeUndefined();
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
  object.metadata = { user_id: 7, [secret]: 7 };
  const failure = () => read(event('evt_1', 'customer.subscription.updated', 100, object));
  expect(failure).toThrow(/customer: got nothing, wanted an id/);
  expect(failure).toThrow(/status: got a string, wanted one of incomplete, /);
  expect(failure).toThrow(/items\.data\[0\]\.price\.id: got a number, wanted a string/);
  expect(failure).toThrow(/metadata\.user_id: got a number, wanted a string/);
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

describe('what the database could not hold is refused by its name', () => {
  const of = (more: object) => ({ ...subscriptionObject(), ...more });
  const item = (more: object) => {
    const object = subscriptionObject() as { items: { data: Record<string, object>[] } };
    Object.assign(object.items.data[0]!, more);
    return object;
  };
  const price = { id: 'price_1', currency: 'eur' };
  it.each([
    ['an id', of({ id: 'sub_\u0000' }), 'id: got a string, wanted text without control characters'],
    ['an empty id', of({ customer: '' }), 'customer: got 0 characters, wanted at least 1 character'],
    ['a long id', of({ customer: { id: 'c'.repeat(3000) } }), 'customer.id: got 3000 characters, wanted at most 255'],
    [
      'a user',
      of({ metadata: { user_id: 'u'.repeat(501) } }),
      'metadata.user_id: got 501 characters, wanted at most 500',
    ],
    [
      'a time',
      of({ trial_end: 8.64e12 + 1 }),
      'trial_end: got 8640000000001, wanted Unix seconds of the years 1970 to',
    ],
    ['a time before time', of({ cancel_at: -1 }), 'cancel_at: got -1, wanted Unix seconds of the years 1970 to 9999'],
    ['a quantity', item({ quantity: 2 ** 31 }), 'items.data[0].quantity: got 2147483648, wanted at most 2147483647'],
    [
      'an amount',
      item({ price: { ...price, unit_amount: 1e300 } }),
      'unit_amount: got 1e+300, wanted at most 9007199254740991',
    ],
    [
      'a product',
      item({ quantity: 2 ** 30, price: { ...price, unit_amount: 2 ** 30 } }),
      'got 1152921504606847000 together, wanted',
    ],
    [
      'a currency',
      item({ price: { ...price, currency: 'e'.repeat(5000) } }),
      'currency: got a string, wanted a currency such as',
    ],
  ])('%s', (_name, object, message) => {
    expect(() => read(event('evt_1', 'customer.subscription.updated', 100, object))).toThrow(message);
  });
});

it('names ten problems of a thousand', () => {
  const object = { ...subscriptionObject(), items: { data: Array(1000).fill({}) } };
  expect(() => read(event('evt_1', 'customer.subscription.updated', 100, object))).toThrow(
    /^(?!.*items\.data\[10\]).*; and 990 more$/,
  );
});
