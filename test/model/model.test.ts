import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { eventJson, objectJson, whatWas } from './api-shapes.ts';
import { recipe } from './arbitraries.ts';
import { deliveryOrder, deliveryPlan, inOrder } from './deliveries.ts';
import { moneyState, subscriptionState, subscriptionStates, userStates } from './expectations.ts';
import { eraStart, type Recipe, type SignUp } from './life.ts';
import { live } from './live.ts';
import { allPrices, knownPrices } from './price-list.ts';
import { reached } from './reach.ts';
import type { StripeAccount } from './stripe-account.ts';

const day = 86_400;
const signUp: SignUp = {
  do: 'sign up',
  person: 0,
  price: 0,
  newCustomer: true,
  sharesCustomer: false,
  hints: { clientReference: true, sessionMetadata: false, subscriptionMetadata: false, customerMetadata: false },
  trial: false,
  outcome: 'paid',
  checkout: 'after',
  pace: [0, 1, 1],
};
const lived = (...next: Recipe['next']): StripeAccount => live({ era: 'to come', opening: signUp, next }, 'h1');
const told = (account: StripeAccount) => account.happenings.map(({ type }) => type);

describe('the model of Stripe', () => {
  it('shares no code with the product', () => {
    for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts'))) {
      const imports = [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/from '([^']+)'/g)].map(
        ([, path]) => path!,
      );
      expect({ file, outside: imports.filter((path) => path.startsWith('../')) }).toEqual({ file, outside: [] });
    }
  });

  it('emits fourteen events in two seconds when somebody signs up through Checkout', () => {
    const account = lived();
    expect(told(account)).toEqual([
      'customer.created',
      'payment_method.attached',
      'customer.updated',
      'customer.subscription.created',
      'invoice.created',
      'invoice.finalized',
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'invoice.updated',
      'invoice.paid',
      'invoice.payment_succeeded',
      'customer.subscription.updated',
      'checkout.session.completed',
    ]);
    expect(account.happenings.at(-1)!.created - account.happenings[0]!.created).toBe(2);
    expect(subscriptionStates(account)).toEqual([
      {
        subscription_id: 'sub_h1x1',
        customer_id: 'cus_h1x1',
        user_id: 'user_h1x0',
        stripe_status: 'active',
        status: 'active',
        price_id: 'price_premium_monthly_eur',
        plan_id: 'premium',
        tier: 'PREMIUM',
        plan_unknown: false,
        quantity: 1,
        currency: 'eur',
        amount_minor: 1900,
        current_period_end: eraStart['to come'] + 30 * day,
        cancel_at_period_end: false,
        canceled_at: null,
        ended_at: null,
        trial_end: null,
        latest_invoice_id: 'in_h1x1',
        grace_ends_at: null,
        scheduled_change: null,
      },
    ]);
  });

  it('writes today’s shape and the one before basil', () => {
    const account = lived();
    const updated = account.happenings.find(({ type }) => type === 'customer.subscription.updated')!;
    const [today, before] = [eventJson(updated, 'endive'), eventJson(updated, 'acacia')] as {
      data: { object: OneSubscription };
    }[];
    expect(today!.data.object).not.toHaveProperty('current_period_end');
    expect(today!.data.object.items.data[0].current_period_end).toBe(eraStart['to come'] + 30 * day);
    expect(before!.data.object.current_period_end).toBe(eraStart['to come'] + 30 * day);
    expect(before!.data.object.items.data[0]).not.toHaveProperty('current_period_end');

    const paid = account.happenings.find(({ type }) => type === 'invoice.paid')!;
    expect(objectJson(paid.object, 'endive')).toMatchObject({
      parent: { subscription_details: { subscription: 'sub_h1x1' } },
    });
    expect(objectJson(paid.object, 'endive')).not.toHaveProperty('subscription');
    expect(objectJson(paid.object, 'acacia')).toMatchObject({ subscription: 'sub_h1x1', paid: true });
    expect(objectJson(paid.object, 'acacia')).not.toHaveProperty('parent');
  });

  it('says what changed, as Stripe does', () => {
    const account = lived({ afterSeconds: 0, act: { do: 'change note', nth: 0, note: 'a' } });
    const [activated, noted] = account.happenings.filter(({ type }) => type === 'customer.subscription.updated');
    expect(eventJson(activated!, 'endive')).toMatchObject({ data: { previous_attributes: { status: 'incomplete' } } });
    expect(eventJson(noted!, 'endive')).toMatchObject({ data: { previous_attributes: { metadata: { note: null } } } });
    expect(whatWas({ a: 1, same: [2] }, { b: 3, same: [2] })).toEqual({ a: 1, b: null });
  });

  it('emits every change of mind within one second, each with its own snapshot', () => {
    const flap = { do: 'flap', nth: 0, through: [{ price: 3 }, { price: 0 }, { quantity: 2 }] } as const;
    const account = lived({ afterSeconds: 60, act: { ...flap, through: [...flap.through] } });
    const changes = account.happenings.slice(-3);
    expect(new Set(changes.map(({ created }) => created)).size).toBe(1);
    expect(
      changes.map(({ object }) => object.kind === 'subscription' && [object.price.amount, object.quantity]),
    ).toEqual([
      [49000, 1],
      [1900, 1],
      [1900, 2],
    ]);
  });

  it('answers as the API would have at any moment of the history', () => {
    const account = lived({ afterSeconds: 60, act: { do: 'cancel now', nth: 0, touchedFirst: false } });
    const statusAt = (moment: number) => {
      const it = account.versionAt('sub_h1x1', moment);
      return it?.kind === 'subscription' ? it.status : undefined;
    };
    const created = told(account).indexOf('customer.subscription.created');
    const updated = told(account).indexOf('customer.subscription.updated');
    const deleted = told(account).indexOf('customer.subscription.deleted');
    expect([created, created + 1, updated, updated + 1, deleted, deleted + 1].map(statusAt)).toEqual([
      undefined,
      'incomplete',
      'incomplete',
      'active',
      'active',
      'canceled',
    ]);
  });

  it('leads a failed renewal to past due, with grace, then to unpaid, and back when it is paid', () => {
    const failed = lived({ afterSeconds: 0, act: { do: 'renew', nth: 0, outcome: 'declined' } });
    const periodStart = eraStart['to come'] + 30 * day;
    expect(subscriptionState(failed, 'sub_h1x1')).toMatchObject({
      status: 'past_due',
      grace_ends_at: periodStart + 7 * day,
    });
    expect(userStates(failed, periodStart + 6 * day).get('user_h1x0')).toMatchObject({
      entitled: true,
      tier: 'PREMIUM',
    });
    expect(userStates(failed, periodStart + 8 * day).get('user_h1x0')).toMatchObject({ entitled: false, tier: 'FREE' });

    const unpaid = lived(
      { afterSeconds: 0, act: { do: 'renew', nth: 0, outcome: 'declined' } },
      { afterSeconds: 5, act: { do: 'give up on payment', nth: 0, to: 'unpaid' } },
    );
    expect(subscriptionState(unpaid, 'sub_h1x1')).toMatchObject({ status: 'suspended', grace_ends_at: null });

    const recovered = lived(
      { afterSeconds: 0, act: { do: 'renew', nth: 0, outcome: 'declined' } },
      { afterSeconds: 5, act: { do: 'retry payment', nth: 0, succeeds: true } },
    );
    expect(subscriptionState(recovered, 'sub_h1x1')).toMatchObject({
      status: 'active',
      current_period_end: periodStart + 30 * day,
    });
  });

  it('keeps currencies apart and takes a bounced refund back', () => {
    const account = lived(
      { afterSeconds: 5, act: { do: 'refund', nth: 0, quarters: 1, settles: 'at once' } },
      { afterSeconds: 0, act: { do: 'refund', nth: 0, quarters: 2, settles: 'at once' } },
      { afterSeconds: 5, act: { do: 'refund bounces', nth: 0 } },
      { afterSeconds: 0, act: { do: 'buy once', person: 0, amount: 700, price: 2, outcome: 'paid' } },
    );
    expect(moneyState(account).days).toEqual({
      '2060-01-01 eur': {
        gross_minor: 1900,
        refunded_minor: 950,
        disputed_minor: 0,
        payments: 1,
        refunds: 1,
        disputes_lost: 0,
      },
      '2060-01-01 usd': {
        gross_minor: 700,
        refunded_minor: 0,
        disputed_minor: 0,
        payments: 1,
        refunds: 0,
        disputes_lost: 0,
      },
    });
    expect(Object.values(moneyState(account).refunds).map(({ status }) => status)).toEqual(['failed', 'succeeded']);
  });

  it('reaches every status, every price and every end of a dispute', () => {
    const { statuses, prices, disputes } = reached();
    expect([...statuses].sort()).toEqual([
      'active',
      'canceled',
      'incomplete',
      'incomplete_expired',
      'past_due',
      'paused',
      'trialing',
      'unpaid',
    ]);
    expect(prices.size).toBe(allPrices.length);
    expect(disputes.size).toBe(7);
  });

  it('never lets time run backwards, and gives every event its own id', () => {
    fc.assert(
      fc.property(recipe({ maxActs: 12 }), (it) => {
        const { happenings } = live(it, 'h1');
        expect(happenings.map(({ created }) => created)).toEqual(
          happenings.map(({ created }) => created).sort((a, b) => a - b),
        );
        expect(new Set(happenings.map(({ id }) => id)).size).toBe(happenings.length);
      }),
    );
  });

  it('ends no subscription twice and lets none come back', () => {
    fc.assert(
      fc.property(recipe({ maxActs: 12 }), (it) => {
        const account = live(it, 'h1');
        for (const { id } of account.all('subscription')) {
          const isOver = account
            .snapshotsOf({ id })
            .map(({ object }) => object.kind === 'subscription' && object.endedAt !== null);
          expect(isOver).toEqual(isOver.toSorted((a, b) => Number(a) - Number(b)));
          expect(account.snapshotsOf({ id }).filter(({ type }) => type.endsWith('deleted')).length).toBeLessThan(2);
        }
      }),
    );
  });

  it('lives the same life from the same recipe, and knows only its own namespace', () => {
    fc.assert(
      fc.property(recipe(), (it) => {
        const [first, again, elsewhere] = [live(it, 'h1'), live(it, 'h1'), live(it, 'h2')].map(({ happenings }) =>
          JSON.stringify(happenings.map((happening) => eventJson(happening, 'acacia'))),
        );
        expect(again).toBe(first);
        expect(elsewhere!.replaceAll('h2x', 'h1x')).toBe(first);
      }),
    );
  });
});

describe('a delivery plan', () => {
  it('delivers everything at least once, in any order', () => {
    fc.assert(
      fc.property(deliveryPlan, fc.nat({ max: 60 }), (plan, events) => {
        const order = deliveryOrder(plan, events);
        expect([...new Set(order)].sort((a, b) => a - b)).toEqual(
          Array.from({ length: events }, (_, position) => position),
        );
        expect(order).toHaveLength(events + (events === 0 ? 0 : plan.again.length));
      }),
    );
    expect(deliveryOrder(inOrder, 4)).toEqual([0, 1, 2, 3]);
    expect(deliveryOrder({ ...inOrder, spread: 1000, jitter: [1000, 500, 0] }, 3)).toEqual([2, 1, 0]);
  });
});

it('has a price list of its own that covers both plans in two currencies', () => {
  expect(knownPrices.map(({ plan, currency }) => `${plan?.tier} ${currency}`)).toEqual([
    'PREMIUM eur',
    'PREMIUM eur',
    'PREMIUM usd',
    'PREMIUM_PLUS eur',
    'PREMIUM_PLUS eur',
    'PREMIUM_PLUS usd',
  ]);
});

interface OneSubscription {
  current_period_end?: number;
  items: { data: [{ current_period_end?: number }] };
}
