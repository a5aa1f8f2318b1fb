import type Stripe from 'stripe';
import { priceObject, type SoldPrice } from './prices.ts';

/**
 * Stripe's objects as its API of today sends them: the whole object where it is small, else every field that a reader may look at.
 * Only invented people, so that nothing here looks like anybody's data.
 */

const list = <Item>(url: string, data: Item[]) => ({
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

export function invoiceObject(options: {
  id: string;
  number: string;
  customer: string;
  subscription: string;
  price: SoldPrice;
  amountMinor: number;
  reason: Stripe.Invoice.BillingReason;
  created: number;
  periodStart: number;
  periodEnd: number;
}): Stripe.Invoice {
  const { id, number, customer, subscription, price, amountMinor, reason, created, periodStart, periodEnd } = options;
  const line = {
    id: `il_${id.slice(3)}`,
    object: 'line_item',
    amount: amountMinor,
    currency: price.currency,
    description: `1 × ${price.lookupKey}`,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: id,
    livemode: false,
    metadata: {},
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        proration: reason === 'subscription_update',
        subscription,
        subscription_item: `si_${subscription.slice(4)}`,
      },
      type: 'subscription_item_details',
    },
    period: { start: periodStart, end: periodEnd },
    pricing: {
      price_details: { price: price.id, product: price.product },
      type: 'price_details',
      unit_amount_decimal: String(price.amountMinor),
    },
    quantity: 1,
    taxes: [],
  };
  return {
    id,
    object: 'invoice',
    account_country: 'FR',
    account_name: 'Huntaze',
    amount_due: amountMinor,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: amountMinor,
    amount_shipping: 0,
    attempt_count: 0,
    attempted: false,
    auto_advance: true,
    automatically_finalizes_at: created + 3600,
    billing_reason: reason,
    collection_method: 'charge_automatically',
    created,
    currency: price.currency,
    customer,
    customer_email: null,
    default_payment_method: null,
    discounts: [],
    effective_at: null,
    ending_balance: null,
    hosted_invoice_url: null,
    lines: list(`/v1/invoices/${id}/lines`, [line]),
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number,
    parent: { quote_details: null, subscription_details: { metadata: {}, subscription }, type: 'subscription_details' },
    period_end: reason === 'subscription_cycle' ? periodStart : created,
    period_start: created,
    starting_balance: 0,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: amountMinor,
    total: amountMinor,
    total_excluding_tax: amountMinor,
    webhooks_delivered_at: null,
  } as never;
}

export function paymentIntentObject(options: {
  id: string;
  customer: string;
  currency: string;
  amountMinor: number;
  created: number;
  paymentMethod: string;
}): Stripe.PaymentIntent {
  const { id, customer, currency, amountMinor, created, paymentMethod } = options;
  return {
    id,
    object: 'payment_intent',
    amount: amountMinor,
    amount_capturable: 0,
    amount_received: 0,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: `${id}_secret_demo`,
    confirmation_method: 'automatic',
    created,
    currency,
    customer,
    description: 'Subscription payment',
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: {},
    next_action: null,
    payment_method: paymentMethod,
    payment_method_types: ['card'],
    processing: null,
    setup_future_usage: 'off_session',
    status: 'requires_confirmation',
  } as never;
}

/** No field names the invoice: since API 2025-03-31 an `invoice_payment` ties the two. */
export function chargeObject(options: {
  id: string;
  intent: Stripe.PaymentIntent;
  created: number;
  failure: string | null;
}): Stripe.Charge {
  const { id, intent, created, failure } = options;
  const paid = failure === null;
  return {
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: paid ? intent.amount : 0,
    amount_refunded: 0,
    balance_transaction: paid ? `txn_${id.slice(3)}` : null,
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    captured: paid,
    created,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_code: failure,
    failure_message: paid ? null : 'Your card was declined.',
    livemode: false,
    metadata: {},
    outcome: {
      network_status: paid ? 'approved_by_network' : 'declined_by_network',
      reason: failure,
      risk_level: 'normal',
      seller_message: paid ? 'Payment complete.' : 'The bank did not return any further details with this decline.',
      type: paid ? 'authorized' : 'issuer_declined',
    },
    paid,
    payment_intent: intent.id,
    payment_method: intent.payment_method,
    payment_method_details: {
      card: {
        brand: 'visa',
        country: 'FR',
        exp_month: 4,
        exp_year: 2030,
        funding: 'credit',
        last4: paid ? '4242' : '0341',
      },
      type: 'card',
    },
    receipt_email: null,
    refunded: false,
    status: paid ? 'succeeded' : 'failed',
  } as never;
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

export function paymentMethodObject(id: string, customer: string, created: number): Stripe.PaymentMethod {
  return {
    id,
    object: 'payment_method',
    allow_redisplay: 'limited',
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    card: { brand: 'visa', country: 'FR', exp_month: 4, exp_year: 2030, funding: 'credit', last4: '4242' },
    created,
    customer,
    livemode: false,
    metadata: {},
    type: 'card',
  } as never;
}

export function invoicePaymentObject(
  id: string,
  invoice: Stripe.Invoice,
  intent: string,
  paidAt: number,
): Stripe.InvoicePayment {
  return {
    id,
    object: 'invoice_payment',
    amount_paid: invoice.amount_due,
    amount_requested: invoice.amount_due,
    created: invoice.created,
    currency: invoice.currency,
    invoice: invoice.id!,
    is_default: true,
    livemode: false,
    payment: { payment_intent: intent, type: 'payment_intent' },
    status: 'paid',
    status_transitions: { canceled_at: null, paid_at: paidAt },
  };
}

export function refundObject(id: string, charge: Stripe.Charge, created: number): Stripe.Refund {
  return {
    id,
    object: 'refund',
    amount: charge.amount,
    balance_transaction: `txn_${id.slice(3)}`,
    charge: charge.id,
    created,
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: 'requested_by_customer',
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  };
}

export function disputeObject(
  id: string,
  charge: Stripe.Charge,
  status: Stripe.Dispute.Status,
  created: number,
): Stripe.Dispute {
  return {
    id,
    object: 'dispute',
    amount: charge.amount,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    evidence_details: { due_by: created + 7 * 86_400, has_evidence: false, past_due: false, submission_count: 0 },
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    reason: 'fraudulent',
    status,
  } as never;
}
