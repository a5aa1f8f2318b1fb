import * as z from 'zod/mini';
import { amount, count, currency, id, idOf, iso, optionalReference, readObject, seconds } from './fields.ts';

const invoiceShape = z.looseObject({
  id,
  customer: optionalReference,
  status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']),
  attempt_count: z.optional(z.nullable(count)),
  currency,
  amount_due: amount,
  amount_paid: amount,
  created: seconds,
  parent: z.optional(
    z.nullable(
      z.looseObject({
        subscription_details: z.optional(z.nullable(z.looseObject({ subscription: optionalReference }))),
      }),
    ),
  ),
  subscription: optionalReference,
});

export interface InvoiceFact {
  kind: 'invoice';
  invoice_id: string;
  customer_id: string | null;
  subscription_id: string | null;
  status: z.infer<typeof invoiceShape>['status'];
  /** What the customer must be told of, while the invoice is open. */
  problem: 'payment_failed' | 'action_required' | null;
  attempt_count: number;
  currency: string;
  amount_due_minor: number;
  amount_paid_minor: number;
  /** ISO 8601; when the invoice was made, not the event. */
  created: string;
}

/**
 * How far an invoice is, and whether the customer must act.
 *
 * Reads today's shape (`parent.subscription_details.subscription`) and the one before 2025-03-31 (`subscription`).
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/invoices/object
 */
export function readInvoice(object: unknown, eventType: string): InvoiceFact {
  const invoice = readObject(invoiceShape, object, 'an invoice that we can read');
  return {
    kind: 'invoice',
    invoice_id: invoice.id,
    customer_id: idOf(invoice.customer),
    subscription_id: idOf(invoice.parent?.subscription_details?.subscription) ?? idOf(invoice.subscription),
    status: invoice.status,
    problem: problemOf(eventType),
    attempt_count: invoice.attempt_count ?? 0,
    currency: invoice.currency,
    amount_due_minor: invoice.amount_due,
    amount_paid_minor: invoice.amount_paid,
    created: iso(invoice.created)!,
  };
}

function problemOf(eventType: string): InvoiceFact['problem'] {
  if (eventType === 'invoice.payment_failed') return 'payment_failed';
  if (eventType === 'invoice.payment_action_required') return 'action_required';
  return null;
}
