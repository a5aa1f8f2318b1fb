import fc from 'fast-check';
import type { Act, Flap, PaymentOutcome, Recipe, SignUp, UserHints } from './life.ts';
import { allPrices } from './price-list.ts';

const nth = fc.nat({ max: 3 });
const priceNumber = fc.nat({ max: allPrices.length - 1 });
const paymentOutcome = fc.constantFrom<PaymentOutcome>('paid', 'declined', 'needs action');

/** Seconds that pass: most of what makes trouble happens within one. */
export const pause: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(3600, 86_400, 5 * 86_400) },
);

export const hints: fc.Arbitrary<UserHints> = fc.record({
  clientReference: fc.boolean(),
  sessionMetadata: fc.boolean(),
  subscriptionMetadata: fc.boolean(),
  customerMetadata: fc.boolean(),
});

export const signUp: fc.Arbitrary<SignUp> = fc.record({
  do: fc.constant('sign up'),
  person: fc.nat({ max: 1 }),
  price: priceNumber,
  newCustomer: fc.boolean(),
  sharesCustomer: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  hints,
  trial: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  outcome: fc.constantFrom('paid', 'paid', 'declined', 'needs action', 'debit under way'),
  checkout: fc.constantFrom('after', 'before', 'a while after', 'never'),
  pace: fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 2 }), fc.nat({ max: 1 })),
});

const flap: fc.Arbitrary<Flap> = fc.oneof(
  fc.record({ price: priceNumber }),
  fc.record({ quantity: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ cancelAtPeriodEnd: fc.boolean() }),
  fc.record({ note: fc.constantFrom('a', 'b') }),
);

const does = <Name extends Act['do']>(name: Name) => fc.constant(name);

/** What happens to a subscription once it is there. */
const subscriptionAct: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: does('pay the first invoice'), nth, late: fc.constantFrom(0, 0, 5) }),
  fc.record({ do: does('let it expire'), nth }),
  fc.record({ do: does('settle the debit'), nth, succeeds: fc.boolean() }),
  fc.record({ do: does('change price'), nth, price: priceNumber }),
  fc.record({ do: does('change quantity'), nth, quantity: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: does('change note'), nth, note: fc.constantFrom('a', 'b') }),
  {
    weight: 3,
    arbitrary: fc.record({ do: does('flap'), nth, through: fc.array(flap, { minLength: 2, maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: does('renew'), nth, outcome: paymentOutcome }) },
  { weight: 2, arbitrary: fc.record({ do: does('retry payment'), nth, succeeds: fc.boolean() }) },
  fc.record({ do: does('give up on payment'), nth, to: fc.constantFrom('unpaid', 'canceled', 'uncollectible') }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: does('schedule a change'),
      nth,
      price: priceNumber,
      quantity: fc.constantFrom(1, 1, 2),
    }),
  },
  fc.record({ do: does('call off the change'), nth }),
  fc.record({ do: does('pause'), nth, told: fc.constantFrom('updated first', 'paused first') }),
  fc.record({ do: does('resume'), nth, told: fc.constantFrom('updated first', 'resumed first') }),
  fc.record({ do: does('toggle collection'), nth }),
  fc.record({ do: does('trial will end'), nth }),
  fc.record({
    do: does('trial ends'),
    nth,
    outcome: fc.oneof(paymentOutcome, fc.constant('no payment method' as const)),
  }),
  fc.record({ do: does('cancel at period end'), nth }),
  fc.record({ do: does('keep it after all'), nth }),
  fc.record({ do: does('period ends'), nth }),
  fc.record({ do: does('cancel now'), nth, touchedFirst: fc.boolean() }),
  fc.record({ do: does('edit what has ended'), nth, note: fc.constantFrom('a', 'b') }),
);

const moneyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: does('refund'),
      nth,
      quarters: fc.integer({ min: 1, max: 4 }),
      settles: fc.constantFrom('at once', 'later'),
    }),
  },
  fc.record({ do: does('refund settles'), nth, succeeds: fc.boolean() }),
  fc.record({ do: does('refund bounces'), nth }),
  fc.record({ do: does('dispute'), nth, warning: fc.boolean() }),
  fc.record({ do: does('answer dispute'), nth }),
  fc.record({ do: does('close dispute'), nth, won: fc.boolean() }),
  fc.record({
    do: does('buy once'),
    person: fc.nat({ max: 1 }),
    amount: fc.integer({ min: 100, max: 9999 }),
    price: priceNumber,
    outcome: fc.constantFrom('paid', 'declined, then paid', 'abandoned'),
  }),
);

const bought = fc.record({
  do: does('buy a plan once'),
  person: fc.nat({ max: 1 }),
  price: fc.nat({ max: 2 }),
  newCustomer: fc.boolean(),
  by: fc.constantFrom('checkout', 'sent invoice'),
  named: fc.record({ session: fc.boolean(), invoice: fc.boolean(), customer: fc.boolean() }),
  outcome: fc.constantFrom('paid', 'paid', 'paid', 'declined', 'void', 'uncollectible'),
  pace: fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 2 })),
});

const customerAct: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: does('touch customer'), nth }),
  { weight: 2, arbitrary: fc.record({ do: does('name the user'), nth }) },
  fc.record({ do: does('delete customer'), nth }),
  fc.record({ do: does('abandon checkout'), person: fc.nat({ max: 1 }), price: priceNumber }),
  fc.record({ do: does('stranger at the checkout'), nth, what: fc.constantFrom('abandons', 'buys once') }),
);

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 10, arbitrary: subscriptionAct },
  { weight: 2, arbitrary: moneyAct },
  { weight: 2, arbitrary: bought },
  { weight: 2, arbitrary: signUp },
  { weight: 2, arbitrary: customerAct },
);

/** Acts that follow from each other, which chance alone would seldom bring together. */
const story: fc.Arbitrary<Act[]> = fc.oneof(
  fc
    .record({ nth, cause: fc.constantFrom<PaymentOutcome>('declined', 'needs action'), recovers: fc.boolean() })
    .map(({ nth, cause, recovers }): Act[] => [
      { do: 'renew', nth, outcome: cause },
      { do: 'retry payment', nth: 0, succeeds: false },
      recovers ? { do: 'retry payment', nth: 0, succeeds: true } : { do: 'give up on payment', nth: 0, to: 'unpaid' },
    ]),
  fc
    .record({ nth, price: priceNumber, end: fc.constantFrom('happens', 'is called off', 'is over', 'nobody pays') })
    .map(({ nth, price, end }): Act[] => [
      { do: 'schedule a change', nth, price, quantity: 1 },
      ...(end === 'is called off' ? [{ do: 'call off the change', nth } as const] : []),
      { do: 'renew', nth, outcome: end === 'nobody pays' ? 'declined' : 'paid' },
      ...(end === 'is over' ? [{ do: 'renew', nth, outcome: 'paid' } as const] : []),
      ...(end === 'nobody pays' ? [{ do: 'give up on payment', nth: 0, to: 'canceled' } as const] : []),
    ]),
  fc.record({ nth, told: fc.boolean() }).map(({ nth, told }): Act[] => [
    { do: 'pause', nth, told: told ? 'updated first' : 'paused first' },
    { do: 'resume', nth: 0, told: told ? 'resumed first' : 'updated first' },
  ]),
  fc
    .record({ nth, stays: fc.boolean() })
    .map(({ nth, stays }): Act[] => [
      { do: 'cancel at period end', nth },
      stays ? { do: 'keep it after all', nth } : { do: 'period ends', nth },
    ]),
  fc
    .record({ nth, quarters: fc.integer({ min: 1, max: 3 }), succeeds: fc.boolean() })
    .map(({ nth, quarters, succeeds }): Act[] => [
      { do: 'refund', nth, quarters, settles: 'later' },
      { do: 'refund', nth, quarters: 1, settles: 'at once' },
      { do: 'refund settles', nth: 0, succeeds },
      { do: 'refund bounces', nth: 0 },
    ]),
  fc.record({ nth, warning: fc.boolean(), won: fc.boolean() }).map(({ nth, warning, won }): Act[] => [
    { do: 'dispute', nth, warning },
    { do: 'answer dispute', nth: 0 },
    { do: 'close dispute', nth: 0, won },
  ]),
  fc
    .record({ bought, nth, quarters: fc.constantFrom(4, 4, 2), bounces: fc.boolean() })
    .map(({ bought, nth, quarters, bounces }): Act[] => [
      { ...bought, outcome: 'paid' },
      { do: 'refund', nth, quarters, settles: 'at once' },
      { do: 'refund', nth, quarters: 2, settles: 'later' },
      { do: 'refund settles', nth: 0, succeeds: true },
      ...(bounces ? [{ do: 'refund bounces', nth: 0 } as const] : []),
    ]),
  fc.record({ bought, nth, won: fc.boolean() }).map(({ bought, nth, won }): Act[] => [
    { ...bought, outcome: 'paid' },
    { do: 'dispute', nth, warning: false },
    { do: 'close dispute', nth: 0, won },
  ]),
  fc.record({ signUp, succeeds: fc.boolean() }).map(({ signUp, succeeds }): Act[] => [
    { ...signUp, trial: false, outcome: 'debit under way', checkout: 'after' },
    { do: 'settle the debit', nth: 0, succeeds },
  ]),
);

/** A life that begins with a sign-up. Shrinks to fewer acts, then to simpler ones. */
export const recipe = ({ maxActs = 8 } = {}): fc.Arbitrary<Recipe> =>
  fc.record({
    era: fc.constantFrom('to come', 'long ago'),
    opening: signUp,
    next: fc
      .array(
        fc.oneof(
          { weight: 4, arbitrary: fc.record({ afterSeconds: pause, act }).map((one) => [one]) },
          {
            weight: 1,
            arbitrary: fc
              .tuple(story, fc.array(pause, { minLength: 1, maxLength: 4 }))
              .map(([acts, pauses]) =>
                acts.map((act, index) => ({ afterSeconds: pauses[index % pauses.length]!, act })),
              ),
          },
        ),
        { maxLength: maxActs, size: 'max' },
      )
      .map((stories) => stories.flat()),
  });
