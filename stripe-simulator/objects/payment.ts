import type Stripe from 'stripe';

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
