import type Stripe from 'stripe';
import { priceObject, type SoldPrice } from '../prices.ts';

/**
 * Stripe's objects as its API of today sends them: the whole object where it is small, else every field that a reader may look at.
 * Only invented people, so that nothing here looks like anybody's data.
 */

export const list = <Item>(url: string, data: Item[]) => ({
  object: 'list' as const,
  data,
  has_more: false,
  total_count: data.length,
  url,
});

export function customerObject(id: string, name: string, created: number): Stripe.Customer {
  return {
    id,
    object: 'customer',
    address: { city: null, country: 'FR', line1: null, line2: null, postal_code: null, state: null },
    balance: 0,
    created,
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: `${name}@example.com`,
    invoice_prefix: name.toUpperCase().padEnd(8, 'X'),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    metadata: {},
    name,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: ['fr-FR'],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  };
}

export function subscriptionObject(options: {
  id: string;
  itemId: string;
  customer: string;
  status: Stripe.Subscription.Status;
  price: SoldPrice;
  created: number;
  periodEnd: number;
  trialEnd: number | null;
  latestInvoice: string | null;
}): Stripe.Subscription {
  const { id, itemId, customer, status, price, created, periodEnd, trialEnd, latestInvoice } = options;
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: trialEnd ?? created,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible', updated_at: null as never },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created,
    currency: price.currency,
    customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: { account_tax_ids: null, issuer: { type: 'self' } } as never,
    items: list(`/v1/subscription_items?subscription=${id}`, [
      subscriptionItem(itemId, id, price, created, created, periodEnd),
    ]) as never,
    latest_invoice: latestInvoice,
    livemode: false,
    managed_payments: null,
    metadata: {},
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: ['card'],
      save_default_payment_method: 'on_subscription',
    } as never,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: created,
    status,
    test_clock: null,
    transfer_data: null,
    trial_end: trialEnd,
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: 'create_invoice' } },
    trial_start: trialEnd === null ? null : created,
  };
}

/** Since API 2025-03-31 the period stands here, not on the subscription. */
export function subscriptionItem(
  id: string,
  subscription: string,
  price: SoldPrice,
  created: number,
  start: number,
  end: number,
): Stripe.SubscriptionItem {
  return {
    id,
    object: 'subscription_item',
    billing_thresholds: null,
    created,
    current_period_end: end,
    current_period_start: start,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: {
      id: price.id,
      object: 'plan',
      active: true,
      amount: price.amountMinor,
      currency: price.currency,
      interval: price.interval,
      interval_count: 1,
      product: price.product,
    } as never,
    price: priceObject(price),
    quantity: 1,
    subscription,
    tax_rates: [],
  };
}

export function checkoutSessionObject(options: {
  id: string;
  customer: string;
  subscription: string;
  invoice: string | null;
  userId: string;
  price: SoldPrice;
  amountMinor: number;
  created: number;
}): Stripe.Checkout.Session {
  const { id, customer, subscription, invoice, userId, price, amountMinor, created } = options;
  return {
    id,
    object: 'checkout.session',
    amount_subtotal: amountMinor,
    amount_total: amountMinor,
    client_reference_id: userId,
    created,
    currency: price.currency,
    customer,
    customer_creation: 'always',
    expires_at: created + 86_400,
    invoice,
    livemode: false,
    metadata: {},
    mode: 'subscription',
    payment_intent: null,
    payment_method_types: ['card'],
    payment_status: amountMinor === 0 ? 'no_payment_required' : 'paid',
    setup_intent: null,
    status: 'complete',
    subscription,
    success_url: 'https://app.example.com/welcome',
    ui_mode: 'hosted_page',
  } as never;
}

export interface SchedulePhase {
  /** Unix seconds. */
  start: number;
  end: number;
  price: SoldPrice;
  quantity: number;
}

/** A schedule in its first phase, which began when it was made of the subscription. */
export function subscriptionScheduleObject(options: {
  id: string;
  customer: string;
  subscription: string;
  created: number;
  phases: SchedulePhase[];
}): Stripe.SubscriptionSchedule {
  const { id, customer, subscription, created, phases } = options;
  const [first] = phases;
  return {
    id,
    object: 'subscription_schedule',
    application: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    canceled_at: null,
    completed_at: null,
    created,
    current_phase: { start_date: first!.start, end_date: first!.end },
    customer,
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: 'release',
    livemode: false,
    metadata: {},
    pause_schedules: [],
    phases: phases.map(schedulePhase),
    released_at: null,
    released_subscription: null,
    status: 'active',
    subscription,
    test_clock: null,
  };
}

/** Prices by their ids alone, as Stripe names them here. */
export const schedulePhase = ({ start, end, price, quantity }: SchedulePhase): Stripe.SubscriptionSchedule.Phase => ({
  add_invoice_items: [],
  application_fee_percent: null,
  billing_cycle_anchor: null,
  billing_thresholds: null,
  collection_method: null,
  currency: price.currency,
  default_payment_method: null,
  default_tax_rates: [],
  description: null,
  discounts: [],
  end_date: end,
  invoice_settings: null,
  items: [
    { billing_thresholds: null, discounts: [], metadata: {}, plan: price.id, price: price.id, quantity, tax_rates: [] },
  ],
  metadata: {},
  on_behalf_of: null,
  proration_behavior: 'none',
  start_date: start,
  transfer_data: null,
  trial_end: null,
});
