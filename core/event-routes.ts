import { readCheckout } from './stripe/facts/checkout.ts';
import { readCustomer } from './stripe/facts/customer.ts';
import { readDispute } from './stripe/facts/dispute.ts';
import type { Reader } from './stripe/facts/fact.ts';
import { readInvoice } from './stripe/facts/invoice.ts';
import { readInvoicePayment } from './stripe/facts/invoice-payment.ts';
import { readCharge, readPaymentIntent } from './stripe/facts/payment.ts';
import { readRefund } from './stripe/facts/refund.ts';
import { readSchedule } from './stripe/facts/schedule.ts';
import { readSubscription } from './stripe/facts/subscription.ts';
import type { Worker } from './workers.ts';

const subscription: Reader = (object, _type, catalogue) => readSubscription(object, catalogue);
const schedule: Reader = (object, _type, catalogue) => readSchedule(object, catalogue);

/** Changes no plan; routed so that it is counted and stands in the ledger. */
const nothing: Reader = () => null;

/**
 * Every Stripe event type that we handle: which worker takes it, and how its object is read. Rules, handlers, verbs, documents and tests
 * follow this one table.
 *
 * An event whose type is not listed is taken by the audit trail only.
 * @see https://docs.stripe.com/api/events/types
 */
export const eventRoutes = {
  'payment_intent.succeeded': { worker: 'payments', read: readPaymentIntent },
  'payment_intent.payment_failed': { worker: 'payments', read: readPaymentIntent },
  'payment_intent.canceled': { worker: 'payments', read: readPaymentIntent },
  'charge.succeeded': { worker: 'payments', read: readCharge },
  'charge.failed': { worker: 'payments', read: readCharge },
  'charge.captured': { worker: 'payments', read: readCharge },
  'charge.refunded': { worker: 'payments', read: readCharge },
  'charge.dispute.created': { worker: 'payments', read: readDispute },
  'charge.dispute.updated': { worker: 'payments', read: readDispute },
  'charge.dispute.closed': { worker: 'payments', read: readDispute },
  'refund.created': { worker: 'payments', read: readRefund },
  'refund.updated': { worker: 'payments', read: readRefund },
  'refund.failed': { worker: 'payments', read: readRefund },
  'checkout.session.completed': { worker: 'payments', read: readCheckout },
  'checkout.session.expired': { worker: 'payments', read: readCheckout },
  'checkout.session.async_payment_succeeded': { worker: 'payments', read: readCheckout },
  'checkout.session.async_payment_failed': { worker: 'payments', read: readCheckout },
  'setup_intent.succeeded': { worker: 'payments', read: nothing },
  'customer.subscription.created': { worker: 'billing', read: subscription },
  'customer.subscription.updated': { worker: 'billing', read: subscription },
  'customer.subscription.deleted': { worker: 'billing', read: subscription },
  'customer.subscription.trial_will_end': { worker: 'billing', read: subscription },
  'customer.subscription.paused': { worker: 'billing', read: subscription },
  'customer.subscription.resumed': { worker: 'billing', read: subscription },
  'subscription_schedule.created': { worker: 'billing', read: schedule },
  'subscription_schedule.updated': { worker: 'billing', read: schedule },
  'subscription_schedule.released': { worker: 'billing', read: schedule },
  'subscription_schedule.completed': { worker: 'billing', read: schedule },
  'subscription_schedule.canceled': { worker: 'billing', read: schedule },
  'subscription_schedule.aborted': { worker: 'billing', read: schedule },
  'invoice.paid': { worker: 'billing', read: readInvoice },
  'invoice.payment_succeeded': { worker: 'billing', read: readInvoice },
  'invoice.payment_failed': { worker: 'billing', read: readInvoice },
  'invoice.payment_action_required': { worker: 'billing', read: readInvoice },
  'invoice.finalization_failed': { worker: 'billing', read: readInvoice },
  'invoice.voided': { worker: 'billing', read: readInvoice },
  'invoice.marked_uncollectible': { worker: 'billing', read: readInvoice },
  'invoice_payment.paid': { worker: 'billing', read: readInvoicePayment },
  'customer.created': { worker: 'billing', read: readCustomer },
  'customer.updated': { worker: 'billing', read: readCustomer },
  'customer.deleted': { worker: 'billing', read: readCustomer },
} as const satisfies Record<string, { worker: Worker; read: Reader }>;

/** A Stripe event type that some worker handles. */
export type RoutedEventType = keyof typeof eventRoutes;

export const routedEventTypes = Object.keys(eventRoutes) as RoutedEventType[];

export const isRouted = (type: string): type is RoutedEventType => Object.hasOwn(eventRoutes, type);

/** Who handles events of this type; undefined when only the audit trail takes them. */
export const workerOf = (type: string): Worker | undefined => (isRouted(type) ? eventRoutes[type].worker : undefined);

export const eventTypesOf = (worker: Worker): RoutedEventType[] =>
  routedEventTypes.filter((type) => workerOf(type) === worker);
