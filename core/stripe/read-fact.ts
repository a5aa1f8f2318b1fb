import * as z from 'zod/mini';
import { UnreadableEvent } from '../errors.ts';
import { isRouted, type RoutedEventType } from '../event-routes.ts';
import type { Catalogue } from '../plans/catalogue.ts';
import type { StripeEvent } from './envelope.ts';
import { type CheckoutFact, readCheckout } from './facts/checkout.ts';
import { type CustomerFact, readCustomer } from './facts/customer.ts';
import { type DisputeFact, readDispute } from './facts/dispute.ts';
import { id, idOf, readObject, reference } from './facts/fields.ts';
import { type InvoiceFact, readInvoice } from './facts/invoice.ts';
import { type PaymentFact, readCharge, readPaymentIntent } from './facts/payment.ts';
import { type RefundFact, readRefund } from './facts/refund.ts';
import { readSubscription, type SubscriptionFact } from './facts/subscription.ts';

/** What one Stripe event tells us, in our words. */
export type Fact =
  | SubscriptionFact
  | CheckoutFact
  | CustomerFact
  | InvoiceFact
  | PaymentFact
  | RefundFact
  | DisputeFact;

/** Our own event: "ask Stripe for this subscription", queued by the reconcile function and by `ops sync`. Never on the bus. */
export const reconcileType = 'reconcile.subscription';

type Reader = (object: unknown, type: string, catalogue: Catalogue) => Fact | null;

const readers: Record<RoutedEventType, Reader> = {
  'payment_intent.succeeded': readPaymentIntent,
  'payment_intent.payment_failed': readPaymentIntent,
  'payment_intent.canceled': readPaymentIntent,
  'charge.succeeded': readCharge,
  'charge.failed': readCharge,
  'charge.refunded': readCharge,
  'charge.dispute.created': readDispute,
  'charge.dispute.updated': readDispute,
  'charge.dispute.closed': readDispute,
  'refund.created': readRefund,
  'refund.updated': readRefund,
  'refund.failed': readRefund,
  'checkout.session.completed': readCheckout,
  'checkout.session.expired': readCheckout,
  'checkout.session.async_payment_succeeded': readCheckout,
  'checkout.session.async_payment_failed': readCheckout,
  // A saved payment method changes no plan; routed so that it is counted and in the ledger.
  'setup_intent.succeeded': () => null,
  'customer.subscription.created': subscription,
  'customer.subscription.updated': subscription,
  'customer.subscription.deleted': subscription,
  'customer.subscription.trial_will_end': subscription,
  'customer.subscription.paused': subscription,
  'customer.subscription.resumed': subscription,
  'invoice.paid': readInvoice,
  'invoice.payment_succeeded': readInvoice,
  'invoice.payment_failed': readInvoice,
  'invoice.payment_action_required': readInvoice,
  'invoice.finalization_failed': readInvoice,
  'invoice.voided': readInvoice,
  'invoice.marked_uncollectible': readInvoice,
  'customer.created': readCustomer,
  'customer.updated': readCustomer,
  'customer.deleted': readCustomer,
};

/**
 * What an event tells us; null when it carries nothing that plan state is made of.
 * @throws {UnreadableEvent} naming every field that we need and did not get, or the type that no rule should have let through.
 */
export function readFact(event: StripeEvent, catalogue: Catalogue): Fact | null {
  if (event.type === reconcileType) return readReconcile(event.data.object);
  if (!isRouted(event.type)) {
    throw new UnreadableEvent(`type: got "${event.type}", which no worker handles (core/event-routes.ts)`);
  }
  return readers[event.type](event.data.object, event.type, catalogue);
}

function subscription(object: unknown, _type: string, catalogue: Catalogue): Fact {
  return readSubscription(object, catalogue);
}

const reconcileShape = z.looseObject({ id, customer: reference });

function readReconcile(object: unknown): SubscriptionFact {
  const { id: subscription_id, customer } = readObject(reconcileShape, object, 'a subscription to reconcile');
  return { kind: 'subscription', subscription_id, customer_id: idOf(customer)!, snapshot: null };
}
