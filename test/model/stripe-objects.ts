import type { PriceTag } from './price-list.ts';

/**
 * What Stripe holds, as the model keeps it: immutable versions, times in unix seconds, amounts in minor units.
 *
 * `api-shapes.ts` writes them down the way an API version would.
 */
export interface Customer {
  kind: 'customer';
  id: string;
  created: number;
  /** `metadata.user_id` */
  userId: string | null;
  paymentMethod: string | null;
  /** Something about them that is none of our business; counts up with each change. */
  balance: number;
  deleted: boolean;
}

export type SubscriptionStatus =
  | 'incomplete'
  | 'incomplete_expired'
  | 'trialing'
  | 'active'
  | 'past_due'
  | 'unpaid'
  | 'paused'
  | 'canceled';

export interface Subscription {
  kind: 'subscription';
  id: string;
  itemId: string;
  customer: string;
  created: number;
  status: SubscriptionStatus;
  price: PriceTag;
  quantity: number;
  cancelAtPeriodEnd: boolean;
  canceledAt: number | null;
  endedAt: number | null;
  periodStart: number;
  periodEnd: number;
  trialStart: number | null;
  trialEnd: number | null;
  /** `metadata.user_id` */
  userId: string | null;
  /** Another metadata field, which nobody reads. */
  note: string | null;
  collectionPaused: boolean;
  latestInvoice: string | null;
}

export interface SchedulePhase {
  start: number;
  end: number;
  price: PriceTag;
  quantity: number;
}

/** What changes a subscription later. */
export interface SubscriptionSchedule {
  kind: 'subscription_schedule';
  id: string;
  created: number;
  customer: string;
  subscription: string;
  status: 'active' | 'completed' | 'released' | 'canceled';
  phases: SchedulePhase[];
  /** Place of the phase that it is in. */
  current: number;
  /** When it ended, however. */
  endedAt: number | null;
}

export interface Invoice {
  kind: 'invoice';
  id: string;
  created: number;
  customer: string;
  subscription: string | null;
  /** The subscription's `metadata.user_id` when the invoice was made. */
  userId: string | null;
  /** The invoice's own `metadata.user_id`. */
  ownUserId: string | null;
  price: PriceTag | null;
  quantity: number;
  currency: string;
  amount: number;
  amountPaid: number;
  status: 'draft' | 'open' | 'paid' | 'void' | 'uncollectible';
  reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update' | 'manual';
  attempts: number;
  periodStart: number;
  periodEnd: number;
  paidAt: number | null;
  paymentIntent: string | null;
  charge: string | null;
}

/** Which payment paid which invoice; only one-off invoices have one here. */
export interface InvoicePayment {
  kind: 'invoice_payment';
  id: string;
  created: number;
  invoice: string;
  paymentIntent: string;
}

export interface PaymentIntent {
  kind: 'payment_intent';
  id: string;
  created: number;
  customer: string | null;
  invoice: string | null;
  currency: string;
  amount: number;
  received: number;
  status: 'requires_payment_method' | 'requires_action' | 'processing' | 'succeeded' | 'canceled';
  latestCharge: string | null;
  declined: boolean;
}

export interface Charge {
  kind: 'charge';
  id: string;
  created: number;
  customer: string | null;
  invoice: string | null;
  paymentIntent: string | null;
  currency: string;
  amount: number;
  amountRefunded: number;
  status: 'succeeded' | 'pending' | 'failed';
  disputed: boolean;
}

export interface Refund {
  kind: 'refund';
  id: string;
  created: number;
  charge: string;
  paymentIntent: string | null;
  currency: string;
  amount: number;
  status: 'pending' | 'succeeded' | 'failed' | 'canceled';
}

export interface Dispute {
  kind: 'dispute';
  id: string;
  created: number;
  charge: string;
  paymentIntent: string | null;
  currency: string;
  amount: number;
  status:
    | 'warning_needs_response'
    | 'warning_under_review'
    | 'warning_closed'
    | 'needs_response'
    | 'under_review'
    | 'won'
    | 'lost';
}

export interface CheckoutSession {
  kind: 'checkout.session';
  id: string;
  created: number;
  customer: string | null;
  mode: 'subscription' | 'payment';
  subscription: string | null;
  paymentIntent: string | null;
  invoice: string | null;
  clientReferenceId: string | null;
  /** `metadata.user_id` */
  userId: string | null;
  currency: string;
  amount: number;
  status: 'open' | 'complete' | 'expired';
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required';
}

export interface SetupIntent {
  kind: 'setup_intent';
  id: string;
  created: number;
  customer: string | null;
  status: 'requires_payment_method' | 'succeeded';
}

export interface PaymentMethod {
  kind: 'payment_method';
  id: string;
  created: number;
  customer: string | null;
}

export type StripeObject =
  | Customer
  | Subscription
  | SubscriptionSchedule
  | Invoice
  | InvoicePayment
  | PaymentIntent
  | Charge
  | Refund
  | Dispute
  | CheckoutSession
  | SetupIntent
  | PaymentMethod;

export type Kind = StripeObject['kind'];
export type OfKind<K extends Kind> = Extract<StripeObject, { kind: K }>;
