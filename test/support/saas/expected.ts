import type Stripe from 'stripe';
import type { StripeObject } from '../../../stripe-simulator/account.ts';
import type { Member, Saas } from './account.ts';

/**
 * A row as it must be: times in Unix seconds. What is not named says where a row came from, or what was notified already
 * (`source_event_id`, `progress`, `ticket_applied`): no object of Stripe shows it, and no comparison can restore it.
 */
export type ExpectedRow = Record<string, unknown>;

/** By table, by id. */
export type ExpectedTables = Record<ComparedTable, Map<string, ExpectedRow>>;

export const keyOf = {
  customers: 'customer_id',
  checkouts: 'session_id',
  subscriptions: 'subscription_id',
  schedules: 'schedule_id',
  invoices: 'invoice_id',
  payments: 'payment_id',
  invoice_payments: 'invoice_payment_id',
  refunds: 'refund_id',
  disputes: 'dispute_id',
} as const;
export type ComparedTable = keyof typeof keyOf;
export const comparedTables = Object.keys(keyOf) as ComparedTable[];

const premium = {
  plan_id: 'premium',
  tier: 'PREMIUM',
  tier_rank: 1,
  grace_days: 7,
  features: { seats: 5, export: true },
};
const plus = {
  plan_id: 'premium_plus',
  tier: 'PREMIUM_PLUS',
  tier_rank: 2,
  grace_days: 14,
  features: { seats: 25, export: true },
};
const none = { plan_id: null, tier: null, tier_rank: null, grace_days: null, features: null };
/** By hand from config/plans.yaml. */
const plans: Record<string, object> = {
  price_premium_monthly_eur: premium,
  price_premium_monthly_usd: premium,
  price_premium_yearly_eur: premium,
  price_premium_plus_monthly_eur: plus,
};

/**
 * What our tables must hold when they show Stripe's account as it is: written from the documents, without a line of the code that is judged.
 */
export function expectedTables({ account, members }: Saas): ExpectedTables {
  const objects = <O>(name: keyof typeof account.objects) => [...account.objects[name].values()] as unknown as O[];
  const tables = Object.fromEntries(comparedTables.map((table) => [table, new Map()])) as ExpectedTables;

  const sessions = objects<Stripe.Checkout.Session>('checkout/sessions');
  for (const it of sessions)
    tables.checkouts.set(it.id, {
      mode: 'subscription',
      customer_id: it.customer,
      subscription_id: it.subscription,
      user_id: it.client_reference_id,
      status: 'complete',
      currency: it.currency,
      amount_minor: it.amount_total,
      livemode: false,
    });
  const sessionOf = new Map(sessions.map((it) => [it.subscription as string, it]));
  const buyer = new Map(sessions.map((it) => [it.customer as string, it.client_reference_id]));

  const invoices = objects<Stripe.Invoice>('invoices').filter(({ status }) => status !== 'draft');
  const unpaidSince = new Map<string, number>();
  for (const it of invoices) {
    const subscription = it.parent!.subscription_details!.subscription as string;
    tables.invoices.set(it.id!, {
      customer_id: it.customer,
      subscription_id: subscription,
      status: it.status,
      problem: it.status === 'open' ? 'payment_failed' : null,
      attempt_count: it.attempt_count,
      currency: it.currency,
      amount_due_minor: it.amount_due,
      amount_paid_minor: it.amount_paid,
      created: it.created,
      livemode: false,
    });
    if (it.status === 'open')
      unpaidSince.set(subscription, Math.min(it.created, unpaidSince.get(subscription) ?? it.created));
  }

  for (const it of objects<Stripe.Charge>('charges'))
    tables.payments.set(it.id, {
      object: 'charge',
      customer_id: it.customer,
      payment_intent_id: it.payment_intent,
      invoice_id: null,
      status: it.status,
      failure_code: it.failure_code,
      currency: it.currency,
      amount_minor: it.amount,
      amount_refunded_minor: it.amount_refunded,
      created: it.created,
      livemode: false,
    });
  for (const it of objects<Stripe.InvoicePayment>('invoice_payments'))
    tables.invoice_payments.set(it.id, {
      invoice_id: it.invoice,
      payment_intent_id: it.payment.payment_intent,
      charge_id: null,
      livemode: false,
    });
  for (const it of objects<Stripe.Refund>('refunds')) tables.refunds.set(it.id, moved(it as never));
  for (const it of objects<Stripe.Dispute>('disputes'))
    tables.disputes.set(it.id, { ...moved(it as never), reason: 'fraudulent' });

  const changes = new Map<string, object>();
  for (const it of objects<Stripe.SubscriptionSchedule>('subscription_schedules')) {
    const [, next] = it.phases;
    const price = next!.items[0]!.price as string;
    const { plan_id, tier } = plans[price] as typeof premium;
    const at = new Date(next!.start_date * 1000).toISOString();
    const change = { at, plan_id, tier, price_id: price, quantity: 1, plan_unknown: false };
    if (it.status === 'active') changes.set(it.subscription as string, change);
    tables.schedules.set(it.id, {
      customer_id: it.customer,
      subscription_id: it.subscription ?? it.released_subscription,
      status: it.status,
      next_change: it.status === 'active' ? change : null,
      created: it.created,
      livemode: false,
    });
  }

  for (const member of members) {
    const users = member.subscriptions.map((subscription) => userOf(member, subscription, sessionOf));
    for (const [place, it] of member.subscriptions.entries())
      tables.subscriptions.set(it.id, {
        ...subscriptionRow(it, users[place]!, unpaidSince.get(it.id), account.subscriptions),
        scheduled_change: (account.subscriptions.has(it.id) && changes.get(it.id)) || null,
      });
    const { customer } = member.customer;
    const first = buyer.get(customer.id) ?? null;
    tables.customers.set(customer.id, {
      metadata_user_id: customer.metadata.user_id ?? null,
      deleted: member.gone,
      livemode: false,
      session_user_id: first,
      user_id: customer.metadata.user_id ?? first ?? users[0],
    });
  }
  return tables;
}

const moved = (it: Stripe.Refund & { status: string }) => ({
  charge_id: it.charge,
  payment_intent_id: it.payment_intent,
  status: it.status,
  currency: it.currency,
  amount_minor: it.amount,
  created: it.created,
  livemode: false,
});

/** Own metadata, the customer's, the session that made it; every customer of this account has one user at most. */
const userOf = (
  { customer: { customer }, subscriptions }: Member,
  it: Stripe.Subscription,
  sessions: Map<string, Stripe.Checkout.Session>,
): string | null =>
  it.metadata.user_id ??
  customer.metadata.user_id ??
  sessions.get(it.id)?.client_reference_id ??
  sessions.get(subscriptions[0]!.id)?.client_reference_id ??
  null;

function subscriptionRow(
  it: Stripe.Subscription,
  user: string | null,
  unpaidSince: number | undefined,
  known: ReadonlyMap<string, StripeObject>,
): ExpectedRow {
  const item = it.items.data[0]!;
  const { price } = item;
  // One that Stripe does not know any more entitles nobody; what it was, only our row can say, or, if that is gone, its Checkout session.
  if (!known.has(it.id)) return { livemode: false, entitled_until: '-infinity' };
  const { status } = it;
  const isKnown = Object.hasOwn(plans, price.id);
  // Whoever had a plan before a price that nobody knows keeps it: here, the members whose life it is to move to one.
  const before = !isKnown && it.metadata.price_before;
  const plan = (isKnown ? plans[price.id] : before ? plans[before] : none) as typeof premium | typeof none;
  const grace =
    status === 'past_due' && plan.grace_days !== null
      ? (unpaidSince ?? item.current_period_start) + plan.grace_days * 86_400
      : null;
  const until =
    plan.plan_id === null
      ? '-infinity'
      : status === 'active' || status === 'trialing'
        ? (it.cancel_at ?? 'infinity')
        : status === 'past_due'
          ? Math.min(grace!, it.cancel_at ?? Number.POSITIVE_INFINITY)
          : '-infinity';
  return {
    customer_id: it.customer,
    livemode: false,
    status,
    metadata_user_id: it.metadata.user_id ?? null,
    price_id: price.id,
    lookup_key: price.lookup_key,
    quantity: 1,
    currency: price.currency,
    amount_minor: price.unit_amount,
    monthly_minor: price.recurring!.interval === 'year' ? Math.round(price.unit_amount! / 12) : price.unit_amount,
    billing_interval: price.recurring!.interval,
    interval_count: 1,
    current_period_start: item.current_period_start,
    current_period_end: item.current_period_end,
    trial_start: it.trial_start,
    trial_end: it.trial_end,
    started_at: it.created,
    cancel_at_period_end: it.cancel_at_period_end,
    cancel_at: it.cancel_at,
    canceled_at: it.canceled_at,
    cancellation_reason: it.cancellation_details?.reason ?? null,
    ended_at: it.ended_at,
    latest_invoice_id: it.latest_invoice,
    collection_paused: false,
    ...plan,
    plan_unknown: !isKnown,
    user_id: user,
    grace_ends_at: grace,
    entitled_until: until,
  };
}
