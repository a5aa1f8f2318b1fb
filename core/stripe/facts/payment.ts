import * as z from 'zod/mini';
import {
  amount,
  currency,
  id,
  idOf,
  iso,
  optionalAmount,
  optionalReference,
  optionalWord,
  readObject,
  seconds,
  word,
} from './fields.ts';

const chargeShape = z.looseObject({
  id,
  customer: optionalReference,
  payment_intent: optionalReference,
  invoice: optionalReference,
  status: word,
  failure_code: optionalWord,
  currency,
  amount,
  amount_captured: optionalAmount,
  amount_refunded: optionalAmount,
  created: seconds,
});

const paymentIntentShape = z.looseObject({
  id,
  customer: optionalReference,
  invoice: optionalReference,
  status: word,
  last_payment_error: z.optional(z.nullable(z.looseObject({ code: optionalWord }))),
  currency,
  amount,
  created: seconds,
});

export interface PaymentFact {
  kind: 'payment';
  payment_id: string;
  object: 'charge' | 'payment_intent';
  customer_id: string | null;
  payment_intent_id: string | null;
  /** Only before API 2025-03-31; later a payment does not name its invoice. */
  invoice_id: string | null;
  status: string;
  failure_code: string | null;
  currency: string;
  /** Of a succeeded charge: what was captured. */
  amount_minor: number;
  amount_refunded_minor: number;
  /** ISO 8601; when the payment was made, not the event. */
  created: string;
}

/**
 * One charge: money that moved, or did not.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/charges/object
 */
export function readCharge(object: unknown): PaymentFact {
  const charge = readObject(chargeShape, object, 'a charge that we can read');
  return {
    kind: 'payment',
    payment_id: charge.id,
    object: 'charge',
    customer_id: idOf(charge.customer),
    payment_intent_id: idOf(charge.payment_intent),
    invoice_id: idOf(charge.invoice),
    status: charge.status,
    failure_code: charge.failure_code ?? null,
    currency: charge.currency,
    amount_minor: charge.status === 'succeeded' ? (charge.amount_captured ?? charge.amount) : charge.amount,
    amount_refunded_minor: charge.amount_refunded ?? 0,
    created: iso(charge.created)!,
  };
}

/**
 * One attempt to be paid.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/payment_intents/object
 */
export function readPaymentIntent(object: unknown): PaymentFact {
  const intent = readObject(paymentIntentShape, object, 'a PaymentIntent that we can read');
  return {
    kind: 'payment',
    payment_id: intent.id,
    object: 'payment_intent',
    customer_id: idOf(intent.customer),
    payment_intent_id: intent.id,
    invoice_id: idOf(intent.invoice),
    status: intent.status,
    failure_code: intent.last_payment_error?.code ?? null,
    currency: intent.currency,
    amount_minor: intent.amount,
    amount_refunded_minor: 0,
    created: iso(intent.created)!,
  };
}
