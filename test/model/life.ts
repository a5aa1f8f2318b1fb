import type { PriceTag } from './price-list.ts';

/** Which of Stripe's fields carry our user id; none means that nobody told Stripe. */
export interface UserHints {
  clientReference: boolean;
  sessionMetadata: boolean;
  subscriptionMetadata: boolean;
  customerMetadata: boolean;
}

/**
 * One thing that happens in a customer's life. `nth` picks among those it can happen to; where there is none, it does not.
 *
 * Plain data, so that fast-check prints it, shortens it and can run it again.
 */
export type Act =
  | SignUp
  | { do: 'pay the first invoice'; nth: number; late: number }
  | { do: 'let it expire'; nth: number }
  | { do: 'settle the debit'; nth: number; succeeds: boolean }
  | { do: 'change price'; nth: number; price: number }
  | { do: 'change quantity'; nth: number; quantity: number }
  | { do: 'change note'; nth: number; note: string }
  | { do: 'flap'; nth: number; through: Flap[] }
  | { do: 'renew'; nth: number; outcome: PaymentOutcome }
  | { do: 'retry payment'; nth: number; succeeds: boolean }
  | { do: 'give up on payment'; nth: number; to: 'unpaid' | 'canceled' | 'uncollectible' }
  | { do: 'schedule a change'; nth: number; price: number; quantity: number }
  | { do: 'call off the change'; nth: number }
  | { do: 'pause'; nth: number; told: 'updated first' | 'paused first' }
  | { do: 'resume'; nth: number; told: 'updated first' | 'resumed first' }
  | { do: 'toggle collection'; nth: number }
  | { do: 'trial will end'; nth: number }
  | { do: 'trial ends'; nth: number; outcome: PaymentOutcome | 'no payment method' }
  | { do: 'cancel at period end'; nth: number }
  | { do: 'keep it after all'; nth: number }
  | { do: 'period ends'; nth: number }
  | { do: 'cancel now'; nth: number; touchedFirst: boolean }
  | { do: 'edit what has ended'; nth: number; note: string }
  | { do: 'refund'; nth: number; quarters: number; settles: 'at once' | 'later' }
  | { do: 'refund settles'; nth: number; succeeds: boolean }
  | { do: 'refund bounces'; nth: number }
  | { do: 'dispute'; nth: number; warning: boolean }
  | { do: 'answer dispute'; nth: number }
  | { do: 'close dispute'; nth: number; won: boolean }
  | {
      do: 'buy once';
      person: number;
      amount: number;
      price: number;
      outcome: 'paid' | 'declined, then paid' | 'abandoned';
    }
  /** A plan that is paid once, by an invoice: a Checkout makes it after the payment, or it is sent and paid later. */
  | {
      do: 'buy a plan once';
      person: number;
      price: number;
      newCustomer: boolean;
      by: 'checkout' | 'sent invoice';
      /** Where our user id stands. */
      named: { session: boolean; invoice: boolean; customer: boolean };
      outcome: 'paid' | 'declined' | 'void' | 'uncollectible';
      pace: [number, number];
    }
  | { do: 'abandon checkout'; person: number; price: number }
  /** Somebody else at the Checkout of a customer who is there already. */
  | { do: 'stranger at the checkout'; nth: number; what: 'abandons' | 'buys once' }
  | { do: 'touch customer'; nth: number }
  | { do: 'name the user'; nth: number }
  | { do: 'delete customer'; nth: number };

export type PaymentOutcome = 'paid' | 'declined' | 'needs action';

/** One of several updates within the same second. */
export type Flap = { price: number } | { quantity: number } | { cancelAtPeriodEnd: boolean } | { note: string };

export interface SignUp {
  do: 'sign up';
  person: number;
  price: number;
  newCustomer: boolean;
  /** A customer that several people share: the one of person 0, where there is one. */
  sharesCustomer: boolean;
  hints: UserHints;
  trial: boolean;
  outcome: PaymentOutcome | 'debit under way';
  /** When Checkout reports relative to the subscription's own events; `never` for a subscription made through the API. */
  checkout: 'before' | 'after' | 'a while after' | 'never';
  /** Seconds between the stages of the sign-up: mostly none, sometimes a few. */
  pace: [number, number, number];
}

/** A history as a recipe: the same recipe in the same namespace gives the same events, ids and all. */
export interface Recipe {
  /** Long ago every grace period is over by today's clock; in times to come none is. */
  era: 'long ago' | 'to come';
  opening: SignUp;
  next: { afterSeconds: number; act: Act }[];
}

export const eraStart = { 'long ago': Date.UTC(2003, 0, 1) / 1000, 'to come': Date.UTC(2060, 0, 1) / 1000 } as const;

/** The `nth` of those that qualify, counting round. */
export const pick = <Item>(items: readonly Item[], nth: number): Item | undefined =>
  items.length === 0 ? undefined : items[nth % items.length];

/** A price in the given currency (a subscription's currency never changes), or any when there is none yet. */
export const priceIn = (prices: readonly PriceTag[], nth: number, currency?: string): PriceTag =>
  pick(
    prices.filter((price) => currency === undefined || price.currency === currency),
    nth,
  )!;
