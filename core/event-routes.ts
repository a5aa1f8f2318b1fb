/**
 * Which worker handles which Stripe event: the one table that rules, handlers, documents and tests read.
 *
 * An event whose type is not listed is taken by the audit trail only.
 * @see https://docs.stripe.com/api/events/types
 */
export const eventRoutes = {
  'payment_intent.succeeded': 'payments',
  'payment_intent.payment_failed': 'payments',
  'payment_intent.canceled': 'payments',
  'charge.succeeded': 'payments',
  'charge.failed': 'payments',
  'charge.refunded': 'payments',
  'charge.dispute.created': 'payments',
  'charge.dispute.updated': 'payments',
  'charge.dispute.closed': 'payments',
  'refund.created': 'payments',
  'refund.updated': 'payments',
  'refund.failed': 'payments',
  'checkout.session.completed': 'payments',
  'checkout.session.expired': 'payments',
  'checkout.session.async_payment_succeeded': 'payments',
  'checkout.session.async_payment_failed': 'payments',
  'setup_intent.succeeded': 'payments',
  'customer.subscription.created': 'billing',
  'customer.subscription.updated': 'billing',
  'customer.subscription.deleted': 'billing',
  'customer.subscription.trial_will_end': 'billing',
  'customer.subscription.paused': 'billing',
  'customer.subscription.resumed': 'billing',
  'invoice.paid': 'billing',
  'invoice.payment_succeeded': 'billing',
  'invoice.payment_failed': 'billing',
  'invoice.payment_action_required': 'billing',
  'invoice.finalization_failed': 'billing',
  'invoice.voided': 'billing',
  'invoice.marked_uncollectible': 'billing',
  'customer.created': 'billing',
  'customer.updated': 'billing',
  'customer.deleted': 'billing',
} as const satisfies Record<string, Worker>;

/** A function that turns events into facts and applies them. */
export type Worker = 'payments' | 'billing';

/** A Stripe event type that some worker handles. */
export type RoutedEventType = keyof typeof eventRoutes;

/** What the audit trail groups by: a worker's events, or those that no worker takes. */
export type EventFamily = Worker | 'other';

export const workers = ['payments', 'billing'] as const satisfies readonly Worker[];

export const routedEventTypes = Object.keys(eventRoutes) as RoutedEventType[];

export const eventTypesOf = (worker: Worker): RoutedEventType[] =>
  routedEventTypes.filter((type) => eventRoutes[type] === worker);

export const isRouted = (type: string): type is RoutedEventType => Object.hasOwn(eventRoutes, type);
