import { ended } from './periods.ts';
import { knownPrices, type PlanTier, type PriceTag, tierRank } from './price-list.ts';
import type { StripeAccount, StripeHappening } from './stripe-account.ts';
import type {
  CheckoutSession,
  Dispute,
  Invoice,
  Kind,
  OfKind,
  Refund,
  Subscription,
  SubscriptionSchedule,
  SubscriptionStatus,
} from './stripe-objects.ts';

/** The apps' word for a subscription, by hand from the table in docs/architecture.md. */
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
  plan_unknown: boolean;
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
  scheduled_change: Scheduled | null;
}

/** What is to change, and when. */
export interface Scheduled {
  at: number;
  plan_id: string | null;
  tier: PlanTier | null;
  price_id: string;
  quantity: number;
  plan_unknown: boolean;
}

/**
 * What is still to come of a subscription that was last heard of in the second `heard`: the next phase of its schedule, unless the subscription is so already.
 * A schedule names prices by their ids alone, so one known by its lookup key is not known here.
 */
export function scheduledOf(
  it: Subscription,
  heard: number,
  schedules: readonly SubscriptionSchedule[],
): Scheduled | null {
  const schedule = schedules.find(({ subscription, status }) => subscription === it.id && status === 'active');
  const next = schedule?.phases[schedule.current + 1];
  const now = schedule?.phases[schedule.current];
  if (!next || !now || ended.includes(it.status) || next.start <= heard) return null;
  const changes = (from: { price: PriceTag; quantity: number }) =>
    from.price.id !== next.price.id || from.quantity !== next.quantity;
  if (!changes(now) || !changes(it)) return null;
  const plan = knownPrices.find(({ id }) => id === next.price.id)?.plan ?? null;
  return {
    at: next.start,
    plan_id: plan?.id ?? null,
    tier: plan?.tier ?? null,
    price_id: next.price.id,
    quantity: next.quantity,
    plan_unknown: plan === null,
  };
}

/** How the subscription ends, seen from Stripe's side. */
export function subscriptionState(account: StripeAccount, id: string): SubscriptionState {
  const it = account.get('subscription', id);
  const plan = planHeld(account.snapshotsOf(it), it);
  return {
    subscription_id: it.id,
    customer_id: it.customer,
    user_id: userOf(account, it),
    stripe_status: it.status,
    status: planStatusOf[it.status],
    price_id: it.price.id,
    plan_id: plan?.id ?? null,
    tier: plan?.tier ?? null,
    plan_unknown: it.price.plan === null,
    quantity: it.quantity,
    currency: it.price.currency,
    amount_minor: it.price.amount * it.quantity,
    current_period_end: it.periodEnd,
    cancel_at_period_end: it.cancelAtPeriodEnd,
    canceled_at: it.canceledAt,
    ended_at: it.endedAt,
    trial_end: it.trialEnd,
    latest_invoice_id: it.latestInvoice,
    grace_ends_at: graceEnd(
      plan,
      it,
      reported(account, 'invoice', invoiceEvents).map(({ object }) => object),
    ),
    scheduled_change: scheduledOf(it, account.snapshotsOf(it).at(-1)!.created, account.all('subscription_schedule')),
  };
}

export const subscriptionStates = (account: StripeAccount): SubscriptionState[] =>
  account.all('subscription').map(({ id }) => subscriptionState(account, id));

/**
 * The plan of a subscription whose snapshots are these; at a price that nobody knows, the one of the latest price that somebody did: by seconds,
 * and of two in one second the higher, since nothing tells which came later.
 */
export function planHeld(snapshots: readonly StripeHappening[], it: Subscription): PriceTag['plan'] {
  if (it.price.plan !== null) return it.price.plan;
  const known = snapshots.flatMap(({ created, object }) => {
    const { plan } = (object as Subscription).price;
    return plan === null ? [] : [{ created, plan }];
  });
  const latest = Math.max(...known.map(({ created }) => created));
  return known
    .filter(({ created }) => created === latest)
    .reduce<PriceTag['plan']>(
      (best, { plan }) => (best && tierRank[best.tier] >= tierRank[plan.tier] ? best : plan),
      null,
    );
}

/** Whose subscription it is, from what Stripe last told of its customer and of that customer's Checkout sessions. */
export const userOf = (account: StripeAccount, it: Subscription): string | null =>
  userFrom(
    it,
    account.get('customer', it.customer).userId,
    reported(account, 'checkout.session', checkoutEvents).map(({ object, last }) => ({ object, last })),
  );

/**
 * What was set on purpose comes first: the subscription's own metadata, the customer's. Then the session that made it; then the customer's earliest
 * completed session for any subscription.
 */
export function userFrom(
  it: Subscription,
  ofCustomer: string | null,
  sessions: readonly { object: CheckoutSession; last: Pick<StripeHappening, 'created' | 'type'> }[],
): string | null {
  const named = naming(sessions).filter(({ mode, customer }) => mode === 'subscription' && customer === it.customer);
  return (
    it.userId ??
    ofCustomer ??
    named.find(({ subscription }) => subscription === it.id)?.user ??
    firstBuyer(named) ??
    null
  );
}

/** Sessions that name somebody, by the second in which they ended. */
function naming(sessions: readonly { object: CheckoutSession; last: Pick<StripeHappening, 'created' | 'type'> }[]) {
  return sessions
    .map(({ object, last }) => ({
      ...object,
      at: last.created,
      ended: checkoutState(object, last).status,
      user: object.clientReferenceId ?? object.userId,
    }))
    .filter(({ user }) => user !== null)
    .sort((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
}

const firstBuyer = (named: ReturnType<typeof naming>) => named.find(({ ended }) => ended === 'complete')?.user;

// ---- what was paid once

/** What must be held of one purchase. Times in unix seconds. */
export interface PurchaseState {
  invoice_id: string;
  customer_id: string;
  user_id: string | null;
  plan_id: string;
  tier: PlanTier;
  amount_minor: number;
  /** null: not paid; ±Infinity: for life, or the money went back. */
  entitled_until: number | null;
}

/** What is known, by some moment, of what a purchase is made of. */
export interface KnownOfPurchases {
  invoices: readonly Invoice[];
  ofCustomer(id: string): string | null;
  sessions: readonly { object: CheckoutSession; last: Pick<StripeHappening, 'created' | 'type'> }[];
  refunds: readonly Refund[];
  disputes: readonly Dispute[];
  /** Payment intents of which it is known which invoice they paid. */
  linked(invoice: Invoice): string | null;
}

/**
 * Each invoice of no subscription for a plan's price. The plan is there once it is paid, and until all of the money was refunded, a dispute lost, or its days
 * are over; its user is the invoice's own, the customer's, that of the session that made it, then of the customer's earliest session for a subscription.
 */
export function purchasesFrom({
  invoices,
  ofCustomer,
  sessions,
  refunds,
  disputes,
  linked,
}: KnownOfPurchases): PurchaseState[] {
  return invoices.flatMap((it) => {
    if (it.subscription !== null || it.price?.plan == null) return [];
    const intent = linked(it);
    const named = naming(sessions);
    const refunded = refunds
      .filter(({ paymentIntent, status }) => paymentIntent === intent && status === 'succeeded')
      .reduce((sum, { amount }) => sum + amount, 0);
    const lost = disputes.some(({ paymentIntent, status }) => paymentIntent === intent && status === 'lost');
    const { lastsDays } = it.price;
    return {
      invoice_id: it.id,
      customer_id: it.customer,
      user_id:
        it.ownUserId ??
        ofCustomer(it.customer) ??
        named.find(({ invoice }) => invoice === it.id)?.user ??
        firstBuyer(named.filter(({ mode, customer }) => mode === 'subscription' && customer === it.customer)) ??
        null,
      plan_id: it.price.plan.id,
      tier: it.price.plan.tier,
      amount_minor: it.amountPaid,
      entitled_until:
        it.status !== 'paid'
          ? null
          : intent !== null && (lost || refunded >= it.amountPaid)
            ? Number.NEGATIVE_INFINITY
            : lastsDays === undefined
              ? Number.POSITIVE_INFINITY
              : it.paidAt! + lastsDays * 86_400,
    };
  });
}

export const purchaseStates = (account: StripeAccount): PurchaseState[] =>
  purchasesFrom({
    invoices: reported(account, 'invoice', invoiceEvents).map(({ object }) => object),
    ofCustomer: (id) => account.get('customer', id).userId,
    sessions: reported(account, 'checkout.session', checkoutEvents),
    refunds: reported(account, 'refund', refundEvents).map(({ object }) => object),
    disputes: reported(account, 'dispute', disputeEvents).map(({ object }) => object),
    linked: ({ paymentIntent }) => paymentIntent,
  });

/**
 * `grace_days` after payment failed first: when the oldest invoice that is still open was made, else when the unpaid period or invoice began; null unless
 * past due on a known plan.
 */
export function graceEnd(plan: PriceTag['plan'], it: Subscription, invoices: readonly Invoice[]): number | null {
  if (it.status !== 'past_due' || plan === null) return null;
  const latest = invoices.find(({ id }) => id === it.latestInvoice);
  const open = invoices.filter(({ subscription, status }) => subscription === it.id && status === 'open');
  const since = Math.min(Math.max(it.periodStart, latest?.created ?? 0), ...open.map(({ created }) => created));
  return since + plan.graceDays * 86_400;
}

/** What a user must be found to have, and which subscriptions may stand for it. */
export interface UserState {
  entitled: boolean;
  tier: PlanTier;
  /** null: a purchase. */
  subscriptions: (string | null)[];
}

/** One entry for each user, and for each customer whose user nobody told; `at` is when one asks. */
export function userStates(account: StripeAccount, at: number): Map<string, UserState> {
  const subscriptions = subscriptionStates(account).map((it) => ({
    owner: it.user_id ?? it.customer_id,
    subscription: it.subscription_id,
    tier: it.tier,
    entitled: isEntitled(it, at),
  }));
  const purchases = purchaseStates(account)
    .filter(({ entitled_until }) => entitled_until !== null)
    .map((it) => ({
      owner: it.user_id ?? it.customer_id,
      subscription: null,
      tier: it.tier,
      entitled: it.entitled_until! > at,
    }));
  const owners = Map.groupBy([...subscriptions, ...purchases], ({ owner }) => owner);
  return new Map([...owners].map(([owner, theirs]) => [owner, bestOf(theirs)]));
}

/** The highest tier that may be used; a subscription before a purchase of the same. */
function bestOf(sources: { subscription: string | null; tier: PlanTier | null; entitled: boolean }[]): UserState {
  const rank = ({ tier, subscription }: (typeof sources)[number]) =>
    tier === null ? -1 : 2 * tierRank[tier] + (subscription === null ? 0 : 1);
  const entitled = sources.filter((it) => it.entitled);
  const best = Math.max(...entitled.map(rank));
  const candidates = entitled.length > 0 ? entitled.filter((it) => rank(it) === best) : sources;
  return {
    entitled: entitled.length > 0,
    tier: entitled.length > 0 ? candidates[0]!.tier! : 'FREE',
    subscriptions: candidates.map(({ subscription }) => subscription),
  };
}

/** A plan, own or held before, and a status that allows its use, until the grace or the subscription is over. */
export const isEntitled = (
  {
    plan_id,
    stripe_status,
    grace_ends_at,
    cancel_at_period_end,
    current_period_end,
  }: Pick<
    SubscriptionState,
    'plan_id' | 'stripe_status' | 'grace_ends_at' | 'cancel_at_period_end' | 'current_period_end'
  >,
  at: number,
): boolean =>
  plan_id !== null &&
  (!cancel_at_period_end || at < current_period_end) &&
  (stripe_status === 'active' ||
    stripe_status === 'trialing' ||
    (stripe_status === 'past_due' && at < (grace_ends_at ?? 0)));

// ---- money

export const invoiceEvents = [
  'invoice.paid',
  'invoice.payment_succeeded',
  'invoice.payment_failed',
  'invoice.payment_action_required',
  'invoice.voided',
  'invoice.marked_uncollectible',
];
const chargeEvents = ['charge.succeeded', 'charge.failed', 'charge.refunded'];
const intentEvents = ['payment_intent.succeeded', 'payment_intent.payment_failed', 'payment_intent.canceled'];
export const refundEvents = ['refund.created', 'refund.updated', 'refund.failed'];
export const disputeEvents = ['charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed'];

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
  days: Record<
    string,
    {
      gross_minor: number;
      refunded_minor: number;
      disputed_minor: number;
      payments: number;
      refunds: number;
      disputes_lost: number;
    }
  >;
}

/** How all money ends, seen from Stripe's side. */
export function moneyState(account: StripeAccount): MoneyState {
  const charges = reported(account, 'charge', chargeEvents).map(({ object }) => object);
  const intents = reported(account, 'payment_intent', intentEvents).map(({ object }) => object);
  const invoices = reported(account, 'invoice', invoiceEvents).map(({ object }) => object);
  const refunds = reported(account, 'refund', refundEvents).map(({ object }) => object);
  const reportedDisputes = reported(account, 'dispute', disputeEvents);
  const disputes = reportedDisputes.map(({ object }) => object);

  const days: MoneyState['days'] = {};
  const dayOf = (second: number, currency: string) => {
    const name = `${new Date(second * 1000).toISOString().slice(0, 10)} ${currency}`;
    days[name] ??= {
      gross_minor: 0,
      refunded_minor: 0,
      disputed_minor: 0,
      payments: 0,
      refunds: 0,
      disputes_lost: 0,
    };
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
  for (const { object, last } of reportedDisputes.filter(({ object }) => object.status === 'lost')) {
    const day = dayOf(last.created, object.currency);
    day.disputed_minor += object.amount;
    day.disputes_lost += 1;
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

export const checkoutEvents = [
  'checkout.session.completed',
  'checkout.session.expired',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
];

function checkoutState(session: CheckoutSession, last: Pick<StripeHappening, 'type'>) {
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
