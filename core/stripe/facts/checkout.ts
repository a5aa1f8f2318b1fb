import * as z from 'zod/mini';
import type { Catalogue } from '../../plans/catalogue.ts';
import {
  id,
  idOf,
  metadata,
  optionalAmount,
  optionalCurrency,
  optionalReference,
  optionalWord,
  readObject,
  text,
  userIdIn,
  userIdProblems,
  word,
} from './fields.ts';

const checkoutShape = z.looseObject({
  id,
  mode: word,
  payment_status: optionalWord,
  client_reference_id: z.optional(z.nullable(text(500))),
  metadata,
  customer: optionalReference,
  subscription: optionalReference,
  invoice: optionalReference,
  currency: optionalCurrency,
  amount_total: optionalAmount,
});

export interface CheckoutFact {
  kind: 'checkout';
  session_id: string;
  mode: string;
  customer_id: string | null;
  subscription_id: string | null;
  /** Of mode `payment`: the invoice of the purchase, where the session makes one (`invoice_creation`). */
  invoice_id: string | null;
  /** `client_reference_id`, else `metadata.user_id` of the session: the link from customer to user. */
  user_id: string | null;
  /** `unpaid` waits for the bank (`checkout.session.async_payment_*`). */
  status: 'expired' | 'unpaid' | 'failed' | 'complete';
  currency: string | null;
  amount_minor: number | null;
}

/**
 * How a Checkout session ended, and whom it belongs to.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/checkout/sessions/object
 */
export function readCheckout(object: unknown, eventType: string, catalogue: Catalogue): CheckoutFact {
  const session = readObject(
    checkoutShape,
    object,
    'a Checkout session that we can read',
    userIdProblems(object, catalogue),
  );
  return {
    kind: 'checkout',
    session_id: session.id,
    mode: session.mode,
    customer_id: idOf(session.customer),
    subscription_id: idOf(session.subscription),
    invoice_id: session.mode === 'payment' ? idOf(session.invoice) : null,
    user_id: session.client_reference_id || userIdIn(session.metadata, catalogue),
    status: statusOf(eventType, session.payment_status ?? null),
    currency: session.currency ?? null,
    amount_minor: session.amount_total ?? null,
  };
}

function statusOf(eventType: string, paymentStatus: string | null): CheckoutFact['status'] {
  switch (eventType) {
    case 'checkout.session.expired':
      return 'expired';
    case 'checkout.session.async_payment_failed':
      return 'failed';
    case 'checkout.session.async_payment_succeeded':
      return 'complete';
    default:
      return paymentStatus === 'unpaid' ? 'unpaid' : 'complete';
  }
}
