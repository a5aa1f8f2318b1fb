import * as z from 'zod/mini';
import { type Catalogue, type PurchasedPlan, purchaseOfPrice } from '../../plans/catalogue.ts';
import {
  amount,
  count,
  currency,
  id,
  idOf,
  iso,
  metadata,
  optionalReference,
  optionalSeconds,
  readObject,
  seconds,
  userIdIn,
  userIdProblems,
} from './fields.ts';

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

/** Of an invoice that belongs to no subscription, what was bought and by whom. Of others none of this is read. */
const oneOffShape = z.looseObject({
  metadata,
  payment_intent: optionalReference,
  charge: optionalReference,
  status_transitions: z.optional(z.nullable(z.looseObject({ paid_at: optionalSeconds }))),
  lines: z.optional(
    z.nullable(
      z.looseObject({
        data: z.array(
          z.looseObject({
            quantity: z.optional(z.nullable(count)),
            pricing: z.optional(
              z.nullable(
                z.looseObject({ price_details: z.optional(z.nullable(z.looseObject({ price: optionalReference }))) }),
              ),
            ),
            price: optionalReference,
          }),
        ),
      }),
    ),
  ),
});

/** A plan that was bought once. */
export interface Purchase extends PurchasedPlan {
  quantity: number;
}

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
  /** Of a one-off invoice: ISO 8601, when it was paid, and the user its own metadata names. */
  paid_at: string | null;
  metadata_user_id: string | null;
  /** Of a one-off invoice: the plan that it gives once it is paid; of several the one of the highest tier. null: none that the catalogue knows. */
  purchase: Purchase | null;
  /** Of a one-off invoice that is paid, before API 2025-03-31: who paid it. Later the invoice does not say so, its `invoice_payment.paid` does. */
  paid_by: { payment_intent_id: string | null; charge_id: string | null } | null;
}

/**
 * How far an invoice is, and whether the customer must act.
 *
 * Reads today's shape (`parent.subscription_details.subscription`, `pricing.price_details.price` of a line) and the one before 2025-03-31
 * (`subscription`, `price`). An invoice shows its first ten lines.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/invoices/object
 */
export function readInvoice(object: unknown, eventType: string, catalogue: Catalogue): InvoiceFact {
  const invoice = readObject(invoiceShape, object, 'an invoice that we can read');
  const subscription_id = idOf(invoice.parent?.subscription_details?.subscription) ?? idOf(invoice.subscription);
  return {
    kind: 'invoice',
    invoice_id: invoice.id,
    customer_id: idOf(invoice.customer),
    subscription_id,
    status: invoice.status,
    problem: problemOf(eventType),
    attempt_count: invoice.attempt_count ?? 0,
    currency: invoice.currency,
    amount_due_minor: invoice.amount_due,
    amount_paid_minor: invoice.amount_paid,
    created: iso(invoice.created)!,
    ...(subscription_id === null
      ? readOneOff(object, invoice, catalogue)
      : { paid_at: null, metadata_user_id: null, purchase: null, paid_by: null }),
  };
}

function readOneOff(
  object: unknown,
  invoice: z.infer<typeof invoiceShape>,
  catalogue: Catalogue,
): Pick<InvoiceFact, 'paid_at' | 'metadata_user_id' | 'purchase' | 'paid_by'> {
  const { status_transitions, metadata, lines, payment_intent, charge } = readObject(
    oneOffShape,
    object,
    'an invoice that we can read',
    userIdProblems(object, catalogue),
  );
  const bought = (lines?.data ?? []).flatMap(({ pricing, price, quantity }): Purchase[] => {
    const plan = purchaseOfPrice(catalogue, idOf(pricing?.price_details?.price) ?? idOf(price) ?? '');
    return plan ? [{ ...plan, quantity: quantity ?? 1 }] : [];
  });
  const best = bought.reduce<Purchase | null>(
    (best, other) => (best === null || other.tier_rank > best.tier_rank ? other : best),
    null,
  );
  const isPaid = invoice.status === 'paid';
  return {
    paid_at: isPaid ? iso(status_transitions?.paid_at ?? invoice.created) : null,
    metadata_user_id: userIdIn(metadata, catalogue),
    // Whose it is follows the customer; without one nobody could have it.
    purchase: idOf(invoice.customer) === null ? null : best,
    paid_by:
      isPaid && (payment_intent || charge)
        ? { payment_intent_id: idOf(payment_intent), charge_id: idOf(charge) }
        : null,
  };
}

function problemOf(eventType: string): InvoiceFact['problem'] {
  if (eventType === 'invoice.payment_failed') return 'payment_failed';
  if (eventType === 'invoice.payment_action_required') return 'action_required';
  return null;
}
