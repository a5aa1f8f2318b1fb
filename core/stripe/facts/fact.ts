import type { Catalogue } from '../../plans/catalogue.ts';
import type { CheckoutFact } from './checkout.ts';
import type { CustomerFact } from './customer.ts';
import type { DisputeFact } from './dispute.ts';
import type { InvoiceFact } from './invoice.ts';
import type { InvoicePaymentFact } from './invoice-payment.ts';
import type { PaymentFact } from './payment.ts';
import type { RefundFact } from './refund.ts';
import type { ScheduleFact } from './schedule.ts';
import type { SubscriptionFact } from './subscription.ts';

/** What one Stripe event says, in our words. */
export type Fact =
  | SubscriptionFact
  | CheckoutFact
  | CustomerFact
  | InvoiceFact
  | PaymentFact
  | RefundFact
  | DisputeFact
  | InvoicePaymentFact
  | ScheduleFact
  | DueFact;

/** A user whose plan may have changed by time alone: a grace period ended, a date of cancellation came. */
export interface DueFact {
  kind: 'due';
  user_id: string;
}

/**
 * Reads `data.object` of an event; null when it carries nothing that plan state is made of.
 *
 * A fact must be a function of the object. What only the event's type says is lost with the object's next event: the row is written
 * anew from each one.
 * @throws {UnreadableEvent} naming every field that we need and did not get.
 */
export type Reader = (object: unknown, type: string, catalogue: Catalogue) => Fact | null;
