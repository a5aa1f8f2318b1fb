import type Stripe from 'stripe';
import type { SoldPrice } from '../prices.ts';
import { list } from './subscription.ts';

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
