import * as z from 'zod/mini';
import {
  amount,
  currency,
  id,
  idOf,
  iso,
  optionalReference,
  optionalWord,
  readObject,
  seconds,
  word,
} from './fields.ts';

const disputeShape = z.looseObject({
  id,
  charge: optionalReference,
  payment_intent: optionalReference,
  status: word,
  reason: optionalWord,
  currency,
  amount,
  created: seconds,
});

export interface DisputeFact {
  kind: 'dispute';
  dispute_id: string;
  charge_id: string | null;
  payment_intent_id: string | null;
  /** Stripe's own word; an open list, appeals among them. */
  status: string;
  reason: string | null;
  currency: string;
  amount_minor: number;
  /** ISO 8601. */
  created: string;
}

/**
 * One dispute of a charge.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/disputes/object
 */
export function readDispute(object: unknown): DisputeFact {
  const dispute = readObject(disputeShape, object, 'a dispute that we can read');
  return {
    kind: 'dispute',
    dispute_id: dispute.id,
    charge_id: idOf(dispute.charge),
    payment_intent_id: idOf(dispute.payment_intent),
    status: dispute.status,
    reason: dispute.reason ?? null,
    currency: dispute.currency,
    amount_minor: dispute.amount,
    created: iso(dispute.created)!,
  };
}
