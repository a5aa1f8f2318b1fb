import { type PlanTier, tierRank } from './price-list.ts';
import type { StripeAccount, StripeHappening } from './stripe-account.ts';
import type { CheckoutSession, Invoice, Kind, OfKind, Subscription, SubscriptionStatus } from './stripe-objects.ts';

/** The apps' word for a subscription, by hand from the design's table. */
export const planStatusOf: Record<SubscriptionStatus, string> = {
  incomplete: 'pending',
  trialing: 'trialing',
  active: 'active',
  past_due: 'past_due',
  unpaid: 'suspended',
  paused: 'suspended',
  canceled: 'cancelled',
  incomplete_expired: 'expired',
};

/** What must be held of one subscription. Times in unix seconds. */
export interface SubscriptionState {
  subscription_id: string;
  customer_id: string;
  user_id: string | null;
  stripe_status: SubscriptionStatus;
  status: string;
  price_id: string;
  plan_id: string | null;
  tier: PlanTier | null;
  quantity: number;
  currency: string;
  amount_minor: number;
  current_period_end: number;
  cancel_at_period_end: boolean;
  canceled_at: number | null;
  ended_at: number | null;
  trial_end: number | null;
  latest_invoice_id: string | null;
  grace_ends_at: number | null;
}

/** How the subscription ends, seen from Stripe's side; also as it was after `moment` events. */
export function subscriptionState(
  account: StripeAccount,
  id: string,
  it = account.get('subscription', id),
): SubscriptionState {
  return {
    subscription_id: it.id,
    customer_id: it.customer,
    user_id: userOf(account, it),
    stripe_status: it.status,
    status: planStatusOf[it.status],
    price_id: it.price.id,
    plan_id: it.price.plan?.id ?? null,
    tier: it.price.plan?.tier ?? null,
    quantity: it.quantity,
    currency: it.price.currency,
    amount_minor: it.price.amount * it.quantity,
    current_period_end: it.periodEnd,
    cancel_at_period_end: it.cancelAtPeriodEnd,
    canceled_at: it.canceledAt,
    ended_at: it.endedAt,
    trial_end: it.trialEnd,
    latest_invoice_id: it.latestInvoice,
    grace_ends_at: graceEnd(account, it),
  };
}

export const subscriptionStates = (account: StripeAccount): SubscriptionState[] =>
  account.all('subscription').map(({ id }) => subscriptionState(account, id));

/**
 * Whose subscription it is, if anyone told Stripe: on the subscription, on its customer, or on a Checkout session of that
 * customer which Stripe reported about.
 */
export function userOf(account: StripeAccount, it: Subscription): string | null {
  const sessions = account
    .all('checkout.session')
    .filter(({ id, customer }) => customer === it.customer && wasTold(account, id));
  return (
    it.userId ??
    account.get('customer', it.customer).userId ??
    sessions.map(({ clientReferenceId, userId }) => clientReferenceId ?? userId).find((user) => user !== null) ??
    null
  );
}

const wasTold = (account: StripeAccount, id: string) => account.happenings.some(({ object }) => object.id === id);

/** `grace_days` after the unpaid period or invoice began, whichever is later; null unless past due on a known plan. */
function graceEnd(account: StripeAccount, it: Subscription): number | null {
  if (it.status !== 'past_due' || it.price.plan === null) return null;
  const invoice = reported(account, 'invoice', invoiceEvents).find(
    ({ object }) => object.id === it.latestInvoice,
  )?.object;
  return Math.max(it.periodStart, invoice?.created ?? 0) + it.price.plan.graceDays * 86_400;
}

/** What a user must be found to have, and which subscriptions may stand for it. */
export interface UserState {
  entitled: boolean;
  /** null: entitled, but by a price that the catalogue lacks. */
  tier: PlanTier | null;
  subscriptions: string[];
}

/** One entry for each user, and for each customer whose user nobody told; `at` is when one asks. */
export function userStates(account: StripeAccount, at: number): Map<string, UserState> {
  const owners = Map.groupBy(subscriptionStates(account), ({ user_id, customer_id }) => user_id ?? customer_id);
  return new Map([...owners].map(([owner, subscriptions]) => [owner, bestOf(subscriptions, at)]));
}

function bestOf(subscriptions: SubscriptionState[], at: number): UserState {
  const rank = ({ tier }: SubscriptionState) => (tier === null ? -1 : tierRank[tier]);
  const entitled = subscriptions.filter((it) => isEntitled(it, at));
  const best = Math.max(...entitled.map(rank));
  const candidates = entitled.length > 0 ? entitled.filter((it) => rank(it) === best) : subscriptions;
  return {
    entitled: entitled.length > 0,
    tier: entitled.length > 0 ? candidates[0]!.tier : 'FREE',
    subscriptions: candidates.map(({ subscription_id }) => subscription_id),
  };
}

/** An unknown price never takes a plan away, so its past_due has no end to the grace. */
export const isEntitled = ({ stripe_status, grace_ends_at }: SubscriptionState, at: number): boolean =>
  stripe_status === 'active' ||
  stripe_status === 'trialing' ||
  (stripe_status === 'past_due' && (grace_ends_at === null || at < grace_ends_at));

// ---- money

const invoiceEvents = [
  'invoice.paid',
  'invoice.payment_succeeded',
  'invoice.payment_failed',
  'invoice.payment_action_required',
  'invoice.voided',
  'invoice.marked_uncollectible',
];
const chargeEvents = ['charge.succeeded', 'charge.failed', 'charge.refunded'];
const intentEvents = ['payment_intent.succeeded', 'payment_intent.payment_failed', 'payment_intent.canceled'];
const refundEvents = ['refund.created', 'refund.updated', 'refund.failed'];
const disputeEvents = ['charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed'];

/** Objects as the last of these events showed them, with that event. */
function reported<K extends Kind>(
  account: StripeAccount,
  kind: K,
  types: string[],
): { object: OfKind<K>; last: StripeHappening }[] {
  const seen = new Map<string, { object: OfKind<K>; last: StripeHappening }>();
  for (const last of account.happenings) {
    if (last.object.kind === kind && types.includes(last.type))
      seen.set(last.object.id, { object: last.object as OfKind<K>, last });
  }
  return [...seen.values()];
}

export interface MoneyState {
  payments: Record<string, { status: string; currency: string; amount_minor: number }>;
  invoices: Record<
    string,
    { status: string; attempt_count: number; currency: string; amount_due_minor: number; amount_paid_minor: number }
  >;
  refunds: Record<string, { status: string; currency: string; amount_minor: number; charge_id: string }>;
  disputes: Record<string, { status: string; currency: string; amount_minor: number; charge_id: string }>;
  checkouts: Record<string, { status: string; subscription_id: string | null; customer_id: string | null }>;
  /** `2060-01-01 eur` → what came in and what went out that day. */
  days: Record<string, { gross_minor: number; refunded_minor: number; payments: number; refunds: number }>;
}

/** How all money ends, seen from Stripe's side. */
export function moneyState(account: StripeAccount): MoneyState {
  const charges = reported(account, 'charge', chargeEvents).map(({ object }) => object);
  const intents = reported(account, 'payment_intent', intentEvents).map(({ object }) => object);
  const invoices = reported(account, 'invoice', invoiceEvents).map(({ object }) => object);
  const refunds = reported(account, 'refund', refundEvents).map(({ object }) => object);
  const disputes = reported(account, 'dispute', disputeEvents).map(({ object }) => object);

  const days: MoneyState['days'] = {};
  const dayOf = (second: number, currency: string) => {
    const name = `${new Date(second * 1000).toISOString().slice(0, 10)} ${currency}`;
    days[name] ??= { gross_minor: 0, refunded_minor: 0, payments: 0, refunds: 0 };
    return days[name];
  };
  for (const { created, currency, amount } of charges.filter(({ status }) => status === 'succeeded')) {
    const day = dayOf(created, currency);
    day.gross_minor += amount;
    day.payments += 1;
  }
  for (const { created, currency, amount } of refunds.filter(({ status }) => status === 'succeeded')) {
    const day = dayOf(created, currency);
    day.refunded_minor += amount;
    day.refunds += 1;
  }

  return {
    payments: byId([...charges, ...intents], ({ status, currency, amount }) => ({
      status,
      currency,
      amount_minor: amount,
    })),
    invoices: byId(invoices, ({ status, attempts, currency, amount, amountPaid }: Invoice) => ({
      status,
      attempt_count: attempts,
      currency,
      amount_due_minor: amount,
      amount_paid_minor: amountPaid,
    })),
    refunds: byId(refunds, ({ status, currency, amount, charge }) => ({
      status,
      currency,
      amount_minor: amount,
      charge_id: charge,
    })),
    disputes: byId(disputes, ({ status, currency, amount, charge }) => ({
      status,
      currency,
      amount_minor: amount,
      charge_id: charge,
    })),
    checkouts: Object.fromEntries(
      reported(account, 'checkout.session', checkoutEvents).map(({ object, last }) => [
        object.id,
        checkoutState(object, last),
      ]),
    ),
    days,
  };
}

const checkoutEvents = [
  'checkout.session.completed',
  'checkout.session.expired',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
];

function checkoutState(session: CheckoutSession, last: StripeHappening) {
  const status =
    last.type === 'checkout.session.async_payment_failed'
      ? 'failed'
      : session.status === 'expired'
        ? 'expired'
        : session.paymentStatus === 'unpaid'
          ? 'unpaid'
          : 'complete';
  return { status, subscription_id: session.subscription, customer_id: session.customer };
}

const byId = <Item extends { id: string }, Row>(items: Item[], row: (item: Item) => Row): Record<string, Row> =>
  Object.fromEntries(items.map((item) => [item.id, row(item)]));

// ---- plan events

/** What an app may be told of a subscription at some moment. */
export interface Announcement {
  status: string;
  plan_id: string | null;
  currency: string;
  amount: number;
}

export const announcementOf = ({ status, plan_id, currency, amount_minor }: SubscriptionState): Announcement => ({
  status,
  plan_id,
  currency,
  amount: amount_minor,
});

/** Everything that was ever true of the subscription: each told state must be one of these. */
export const everTrue = (account: StripeAccount, id: string): Announcement[] =>
  (account.versions(id) as Subscription[]).map((version) => announcementOf(subscriptionState(account, id, version)));

/** Told by a checkout before Stripe told of the subscription: a plan is on its way, which one is not known yet. */
export const everExpected = (account: StripeAccount, id: string): Announcement[] =>
  account
    .all('checkout.session')
    .filter(({ subscription }) => subscription === id)
    .map(({ currency, amount }) => ({ status: 'pending', plan_id: null, currency, amount }));

/**
 * Events of one second that cannot be put in order by what they say: snapshots that are not the `created` one, and that differ. (Stripe
 * sends `paused` and `resumed` beside an `updated` that shows the same: whichever is the later, the state is that one.)
 */
export function isTied(account: StripeAccount, happening: StripeHappening): boolean {
  if (happening.object.kind !== 'subscription') return false;
  const snapshots = account
    .snapshotsOf(happening.object)
    .filter(({ type, created }) => created === happening.created && type !== 'customer.subscription.created')
    .map(({ object }) => JSON.stringify(object));
  return happening.type !== 'customer.subscription.created' && new Set(snapshots).size > 1;
}
