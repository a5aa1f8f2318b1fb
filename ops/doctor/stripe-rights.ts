import type Stripe from 'stripe';

/** A right that the key in the secret needs, by the name under which docs/operations.md lists it. */
export interface StripeRight {
  id: string;
  name:
    | 'Subscriptions'
    | 'Subscription Schedules'
    | 'Events'
    | 'Customers'
    | 'Checkout Sessions'
    | 'Invoices'
    | 'Charges and Refunds'
    | 'Disputes'
    | 'Prices'
    | 'Event destinations';
  neededBy: string;
  /** The smallest question that needs it. */
  read(stripe: Stripe): Promise<unknown>;
}

/** All of them only read: what writes at Stripe is done by a person, with a key of their own. */
export const stripeRights: readonly StripeRight[] = [
  {
    id: 'subscriptions',
    name: 'Subscriptions',
    neededBy: 'the workers, reconcile and sync',
    read: (stripe) => stripe.subscriptions.list({ limit: 1 }),
  },
  {
    id: 'schedules',
    name: 'Subscription Schedules',
    neededBy: 'the comparison and the backfill, to know what changes later',
    read: (stripe) => stripe.subscriptionSchedules.list({ limit: 1 }),
  },
  {
    id: 'events',
    name: 'Events',
    neededBy: 'the scheduled comparison and reconcile',
    read: (stripe) => stripe.events.list({ limit: 1 }),
  },
  {
    id: 'customers',
    name: 'Customers',
    neededBy: 'the comparison and the backfill, to know whose a subscription is',
    read: (stripe) => stripe.customers.list({ limit: 1 }),
  },
  {
    id: 'sessions',
    name: 'Checkout Sessions',
    neededBy: 'the comparison and the backfill, to know whose a subscription is',
    read: (stripe) => stripe.checkout.sessions.list({ limit: 1 }),
  },
  {
    id: 'invoices',
    name: 'Invoices',
    neededBy: 'the comparison and the backfill, sync and why',
    read: async (stripe) => {
      await stripe.invoices.list({ limit: 1 });
      await stripe.invoicePayments.list({ limit: 1, status: 'paid' });
    },
  },
  {
    id: 'charges',
    name: 'Charges and Refunds',
    neededBy: 'the comparison and the backfill',
    read: async (stripe) => {
      await stripe.charges.list({ limit: 1 });
      await stripe.refunds.list({ limit: 1 });
    },
  },
  {
    id: 'disputes',
    name: 'Disputes',
    neededBy: 'the comparison and the backfill',
    read: (stripe) => stripe.disputes.list({ limit: 1 }),
  },
  {
    id: 'prices',
    name: 'Prices',
    neededBy: 'the checks of config/plans.yaml',
    read: (stripe) => stripe.prices.list({ limit: 1 }),
  },
  {
    id: 'destinations',
    name: 'Event destinations',
    neededBy: 'the clock, status and the checks of the destination',
    read: (stripe) => stripe.v2.core.eventDestinations.list({ limit: 1 }),
  },
];
