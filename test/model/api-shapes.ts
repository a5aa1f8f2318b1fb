import type Stripe from 'stripe';
import type { PriceTag } from './price-list.ts';
import type { StripeHappening } from './stripe-account.ts';
import type {
  Charge,
  CheckoutSession,
  Customer,
  Dispute,
  Invoice,
  InvoicePayment,
  PaymentIntent,
  PaymentMethod,
  Refund,
  SetupIntent,
  StripeObject,
  Subscription,
  SubscriptionSchedule,
} from './stripe-objects.ts';

/** Today's API version, and the last one before `basil` moved periods, invoices and subscriptions about. */
export const apiVersions = { endive: '2026-10-28.endive', acacia: '2025-02-24.acacia' } as const;
export type ApiShape = keyof typeof apiVersions;

type Json = Record<string, unknown>;
/** Today's shape is held against Stripe's own types: a field they do not know does not compile. */
type Some<T> = T extends (infer Item)[] ? Some<Item>[] : T extends object ? { [Key in keyof T]?: Some<T[Key]> } : T;

/** A Stripe event as a destination of that API version sends it. */
export function eventJson(happening: StripeHappening, shape: ApiShape): Json {
  const object = objectJson(happening.object, shape);
  const previous = happening.before && whatWas(objectJson(happening.before, shape), object);
  return {
    id: happening.id,
    object: 'event',
    api_version: apiVersions[shape],
    created: happening.created,
    data: previous ? { object, previous_attributes: previous } : { object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: happening.type,
  };
}

/** The object as the API of that version answers. */
export function objectJson(object: StripeObject, shape: ApiShape): Json {
  const old = shape === 'acacia';
  switch (object.kind) {
    case 'customer':
      return customer(object);
    case 'subscription':
      return old ? oldSubscription(object) : subscription(object);
    case 'subscription_schedule':
      return schedule(object);
    case 'invoice':
      return old ? oldInvoice(object) : invoice(object);
    case 'invoice_payment':
      return invoicePayment(object);
    case 'payment_intent':
      return old ? { ...paymentIntent(object), invoice: object.invoice } : paymentIntent(object);
    case 'charge':
      return old ? { ...charge(object), invoice: object.invoice } : charge(object);
    case 'refund':
      return refund(object);
    case 'dispute':
      return dispute(object);
    case 'checkout.session':
      return session(object);
    case 'setup_intent':
      return setupIntent(object);
    case 'payment_method':
      return paymentMethod(object);
  }
}

/** Stripe's `previous_attributes`: the old values of what differs; a hash only by its differing keys, a list whole. */
export function whatWas(before: Json, after: Json): Json {
  const was: Json = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[key], after[key]];
    if (JSON.stringify(old) === JSON.stringify(now)) continue;
    was[key] = isHash(old) && isHash(now) ? whatWas(old, now) : (old ?? null);
  }
  return was;
}

const isHash = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const metadata = (userId: string | null, note: string | null = null) => ({
  ...(userId === null ? {} : { user_id: userId }),
  ...(note === null ? {} : { note }),
});
const list = <Item>(url: string, data: Item[]) => ({ object: 'list' as const, data, has_more: false, url });

function customer(of: Customer) {
  return {
    id: of.id,
    object: 'customer',
    balance: of.balance,
    created: of.created,
    currency: null,
    default_source: null,
    delinquent: false,
    description: null,
    email: `${of.id}@example.com`,
    invoice_settings: { default_payment_method: of.paymentMethod },
    livemode: false,
    metadata: metadata(of.userId),
    name: 'Ada Example',
    shipping: null,
  } satisfies Some<Stripe.Customer>;
}

function price(of: PriceTag) {
  return {
    id: of.id,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    currency: of.currency,
    livemode: false,
    lookup_key: of.lookupKey,
    metadata: {},
    nickname: null,
    product: `prod_${of.plan?.id ?? 'other'}`,
    recurring: of.interval === 'once' ? null : { interval: of.interval, interval_count: 1, usage_type: 'licensed' },
    type: of.interval === 'once' ? 'one_time' : 'recurring',
    unit_amount: of.amount,
  } satisfies Some<Stripe.Price>;
}

function plan(of: PriceTag) {
  return {
    id: of.id,
    object: 'plan',
    active: true,
    amount: of.amount,
    currency: of.currency,
    interval: of.interval === 'once' ? 'month' : of.interval,
    interval_count: 1,
    product: `prod_${of.plan?.id ?? 'other'}`,
  } satisfies Some<Stripe.Plan>;
}

function subscriptionCore(of: Subscription) {
  return {
    id: of.id,
    object: 'subscription',
    application: null,
    billing_cycle_anchor: of.created,
    cancel_at: of.cancelAtPeriodEnd ? of.periodEnd : null,
    cancel_at_period_end: of.cancelAtPeriodEnd,
    canceled_at: of.canceledAt,
    collection_method: 'charge_automatically',
    created: of.created,
    currency: of.price.currency,
    customer: of.customer,
    days_until_due: null,
    default_payment_method: null,
    discounts: [],
    ended_at: of.endedAt,
    latest_invoice: of.latestInvoice,
    livemode: false,
    metadata: metadata(of.userId, of.note),
    pause_collection: of.collectionPaused ? { behavior: 'void', resumes_at: null } : null,
    pending_update: null,
    schedule: null,
    start_date: of.created,
    status: of.status,
    trial_end: of.trialEnd,
    trial_start: of.trialStart,
  } satisfies Some<Stripe.Subscription>;
}

function subscriptionItem(of: Subscription) {
  return {
    id: of.itemId,
    object: 'subscription_item',
    created: of.created,
    discounts: [],
    metadata: {},
    plan: plan(of.price),
    price: price(of.price),
    quantity: of.quantity,
    subscription: of.id,
  } satisfies Some<Stripe.SubscriptionItem>;
}

const itemsUrl = (of: Subscription) => `/v1/subscription_items?subscription=${of.id}`;

function subscription(of: Subscription) {
  const item = {
    ...subscriptionItem(of),
    current_period_end: of.periodEnd,
    current_period_start: of.periodStart,
  } satisfies Some<Stripe.SubscriptionItem>;
  return { ...subscriptionCore(of), items: list(itemsUrl(of), [item]) } satisfies Some<Stripe.Subscription>;
}

function oldSubscription(of: Subscription): Json {
  return {
    ...subscriptionCore(of),
    current_period_end: of.periodEnd,
    current_period_start: of.periodStart,
    discount: null,
    items: list(itemsUrl(of), [subscriptionItem(of)]),
    plan: plan(of.price),
    quantity: of.quantity,
  };
}

/** The same in both shapes; prices by their ids alone. */
function schedule(of: SubscriptionSchedule) {
  const active = of.status === 'active';
  const current = of.phases[of.current]!;
  return {
    id: of.id,
    object: 'subscription_schedule',
    canceled_at: of.status === 'canceled' ? of.endedAt : null,
    completed_at: of.status === 'completed' ? of.endedAt : null,
    created: of.created,
    current_phase: active ? { start_date: current.start, end_date: current.end } : null,
    customer: of.customer,
    end_behavior: 'release',
    livemode: false,
    metadata: {},
    phases: of.phases.map(({ start, end, price, quantity }) => ({
      currency: price.currency,
      end_date: end,
      items: [{ plan: price.id, price: price.id, quantity }],
      start_date: start,
    })),
    released_at: of.status === 'released' ? of.endedAt : null,
    released_subscription: of.status === 'released' ? of.subscription : null,
    status: of.status,
    subscription: of.status === 'released' ? null : of.subscription,
  } satisfies Some<Stripe.SubscriptionSchedule>;
}

function invoiceCore(of: Invoice) {
  return {
    id: of.id,
    object: 'invoice',
    amount_due: of.amount,
    amount_paid: of.amountPaid,
    amount_remaining: of.amount - of.amountPaid,
    attempt_count: of.attempts,
    attempted: of.attempts > 0,
    auto_advance: of.status === 'open',
    billing_reason: of.reason,
    collection_method: 'charge_automatically',
    created: of.created,
    currency: of.currency,
    customer: of.customer,
    customer_email: `${of.customer}@example.com`,
    customer_name: 'Ada Example',
    livemode: false,
    metadata: metadata(of.ownUserId),
    next_payment_attempt: null,
    number: of.status === 'draft' ? null : `N-${of.id}`,
    period_end: of.periodEnd,
    period_start: of.periodStart,
    status: of.status,
    status_transitions: {
      finalized_at: of.status === 'draft' ? null : of.created,
      marked_uncollectible_at: null,
      paid_at: of.paidAt,
      voided_at: null,
    },
    subtotal: of.amount,
    total: of.amount,
  } satisfies Some<Stripe.Invoice>;
}

function invoiceLine(of: Invoice) {
  return {
    id: `il_${of.id}`,
    object: 'line_item',
    amount: of.amount,
    currency: of.currency,
    description: null,
    livemode: false,
    metadata: {},
    period: { start: of.periodStart, end: of.periodEnd },
    quantity: of.quantity,
  } satisfies Some<Stripe.InvoiceLineItem>;
}

const linesUrl = (of: Invoice) => `/v1/invoices/${of.id}/lines`;

function invoice(of: Invoice) {
  const line = {
    ...invoiceLine(of),
    parent: null,
    pricing: of.price && {
      price_details: { price: of.price.id, product: `prod_${of.price.plan?.id ?? 'other'}` },
      type: 'price_details',
    },
  } satisfies Some<Stripe.InvoiceLineItem>;
  return {
    ...invoiceCore(of),
    lines: list(linesUrl(of), [line]),
    parent:
      of.subscription === null
        ? null
        : {
            quote_details: null,
            subscription_details: { metadata: metadata(of.userId), subscription: of.subscription },
            type: 'subscription_details',
          },
  } satisfies Some<Stripe.Invoice>;
}

function oldInvoice(of: Invoice): Json {
  const line = {
    ...invoiceLine(of),
    plan: of.price && of.price.interval !== 'once' ? plan(of.price) : null,
    price: of.price && price(of.price),
    proration: false,
    subscription: of.subscription,
    type: of.subscription === null ? 'invoiceitem' : 'subscription',
  };
  return {
    ...invoiceCore(of),
    charge: of.charge,
    lines: list(linesUrl(of), [line]),
    paid: of.status === 'paid',
    paid_out_of_band: false,
    payment_intent: of.paymentIntent,
    subscription: of.subscription,
    subscription_details: of.subscription === null ? null : { metadata: metadata(of.userId) },
  };
}

function invoicePayment(of: InvoicePayment) {
  return {
    id: of.id,
    object: 'invoice_payment',
    created: of.created,
    invoice: of.invoice,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: of.paymentIntent },
    status: 'paid',
  } satisfies Some<Stripe.InvoicePayment>;
}

function paymentIntent(of: PaymentIntent) {
  return {
    id: of.id,
    object: 'payment_intent',
    amount: of.amount,
    amount_capturable: 0,
    amount_received: of.received,
    canceled_at: null,
    capture_method: 'automatic',
    client_secret: null,
    created: of.created,
    currency: of.currency,
    customer: of.customer,
    description: null,
    last_payment_error: of.declined
      ? {
          code: 'card_declined',
          decline_code: 'generic_decline',
          message: 'Your card was declined.',
          type: 'card_error',
        }
      : null,
    latest_charge: of.latestCharge,
    livemode: false,
    metadata: {},
    next_action: null,
    payment_method: null,
    payment_method_types: ['card'],
    status: of.status,
  } satisfies Some<Stripe.PaymentIntent>;
}

function charge(of: Charge) {
  const failed = of.status === 'failed';
  return {
    id: of.id,
    object: 'charge',
    amount: of.amount,
    amount_captured: of.status === 'succeeded' ? of.amount : 0,
    amount_refunded: of.amountRefunded,
    billing_details: { email: `${of.customer}@example.com`, name: 'Ada Example' },
    captured: of.status === 'succeeded',
    created: of.created,
    currency: of.currency,
    customer: of.customer,
    disputed: of.disputed,
    failure_code: failed ? 'card_declined' : null,
    failure_message: failed ? 'Your card was declined.' : null,
    livemode: false,
    metadata: {},
    paid: of.status === 'succeeded',
    payment_intent: of.paymentIntent,
    payment_method: null,
    refunded: of.amountRefunded === of.amount,
    status: of.status,
  } satisfies Some<Stripe.Charge>;
}

function refund(of: Refund) {
  return {
    id: of.id,
    object: 'refund',
    amount: of.amount,
    balance_transaction: null,
    charge: of.charge,
    created: of.created,
    currency: of.currency,
    ...(of.status === 'failed' ? { failure_reason: 'lost_or_stolen_card' } : {}),
    metadata: {},
    payment_intent: of.paymentIntent,
    reason: 'requested_by_customer',
    receipt_number: null,
    status: of.status,
  } satisfies Some<Stripe.Refund>;
}

function dispute(of: Dispute) {
  return {
    id: of.id,
    object: 'dispute',
    amount: of.amount,
    balance_transactions: [],
    charge: of.charge,
    created: of.created,
    currency: of.currency,
    is_charge_refundable: of.status.startsWith('warning'),
    livemode: false,
    metadata: {},
    payment_intent: of.paymentIntent,
    reason: 'fraudulent',
    status: of.status,
  } satisfies Some<Stripe.Dispute>;
}

function session(of: CheckoutSession) {
  return {
    id: of.id,
    object: 'checkout.session',
    amount_subtotal: of.amount,
    amount_total: of.amount,
    cancel_url: 'https://example.com/cancel',
    client_reference_id: of.clientReferenceId,
    created: of.created,
    currency: of.currency,
    customer: of.customer,
    customer_details: { email: 'ada@example.com', name: 'Ada Example' },
    customer_email: null,
    expires_at: of.created + 86_400,
    invoice: of.invoice,
    livemode: false,
    metadata: metadata(of.userId),
    mode: of.mode,
    payment_intent: of.paymentIntent,
    payment_status: of.paymentStatus,
    setup_intent: null,
    status: of.status,
    subscription: of.subscription,
    success_url: 'https://example.com/welcome',
    url: null,
  } satisfies Some<Stripe.Checkout.Session>;
}

function setupIntent(of: SetupIntent) {
  return {
    id: of.id,
    object: 'setup_intent',
    created: of.created,
    customer: of.customer,
    livemode: false,
    metadata: {},
    payment_method: null,
    payment_method_types: ['card'],
    status: of.status,
    usage: 'off_session',
  } satisfies Some<Stripe.SetupIntent>;
}

function paymentMethod(of: PaymentMethod) {
  return {
    id: of.id,
    object: 'payment_method',
    created: of.created,
    customer: of.customer,
    livemode: false,
    metadata: {},
    type: 'card',
  } satisfies Some<Stripe.PaymentMethod>;
}
