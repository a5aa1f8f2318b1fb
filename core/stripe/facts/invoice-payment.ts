import * as z from 'zod/mini';
import { id, idOf, optionalReference, readObject, reference } from './fields.ts';

const invoicePaymentShape = z.looseObject({
  id,
  invoice: reference,
  payment: z.looseObject({ payment_intent: optionalReference, charge: optionalReference }),
});

export interface InvoicePaymentFact {
  kind: 'invoice_payment';
  invoice_payment_id: string;
  invoice_id: string;
  payment_intent_id: string | null;
  charge_id: string | null;
}

/**
 * Which payment paid which invoice; since API 2025-03-31 neither of the two says so itself.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/invoice-payment/object
 */
export function readInvoicePayment(object: unknown): InvoicePaymentFact {
  const {
    id: invoice_payment_id,
    invoice,
    payment,
  } = readObject(invoicePaymentShape, object, 'an invoice payment that we can read');
  return {
    kind: 'invoice_payment',
    invoice_payment_id,
    invoice_id: idOf(invoice)!,
    payment_intent_id: idOf(payment.payment_intent),
    charge_id: idOf(payment.charge),
  };
}
