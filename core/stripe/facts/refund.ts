import * as z from 'zod/mini';
import { amount, currency, id, idOf, iso, optionalReference, optionalWord, readObject, seconds } from './fields.ts';

const refundShape = z.looseObject({
  id,
  charge: optionalReference,
  payment_intent: optionalReference,
  status: optionalWord,
  currency,
  amount,
  created: seconds,
});

export interface RefundFact {
  kind: 'refund';
  refund_id: string;
  charge_id: string | null;
  payment_intent_id: string | null;
  status: string;
  currency: string;
  amount_minor: number;
  /** ISO 8601. */
  created: string;
}

/**
 * One refund; a succeeded one may still fail later, when the bank sends it back.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/refunds/object
 */
export function readRefund(object: unknown): RefundFact {
  const refund = readObject(refundShape, object, 'a refund that we can read');
  return {
    kind: 'refund',
    refund_id: refund.id,
    charge_id: idOf(refund.charge),
    payment_intent_id: idOf(refund.payment_intent),
    status: refund.status ?? 'pending',
    currency: refund.currency,
    amount_minor: refund.amount,
    created: iso(refund.created)!,
  };
}
