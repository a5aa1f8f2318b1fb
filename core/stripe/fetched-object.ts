import type { Catalogue } from '../plans/catalogue.ts';
import type { Worker } from '../workers.ts';
import { readCheckout } from './facts/checkout.ts';
import { readCustomer } from './facts/customer.ts';
import { readDispute } from './facts/dispute.ts';
import type { Fact } from './facts/fact.ts';
import { readInvoice } from './facts/invoice.ts';
import { readInvoicePayment } from './facts/invoice-payment.ts';
import { readCharge } from './facts/payment.ts';
import { readRefund } from './facts/refund.ts';
import { readSchedule } from './facts/schedule.ts';
import { readSubscription } from './facts/subscription.ts';

/** An object as Stripe's API answers it: what we need before it is read as what it is. */
export interface FetchedObject {
  id: string;
  /** Unix seconds. */
  created: number;
  [field: string]: unknown;
}

interface FetchedKind {
  /** Whose queue it goes through. */
  worker: Worker;
  /** The field of its fact that holds its id. */
  idField: string;
  /** A field that an event's name tells and the object does not: what we hold may be right though the fact says otherwise. */
  mayDiffer(field: string, held: unknown, fact: Fact): boolean;
  /** null: a state that no event tells of, so that there is no row of it. */
  read(object: FetchedObject, catalogue: Catalogue): Fact | null;
}

const never = () => false;

/**
 * The objects that the comparison with Stripe and the backfill read from its API, and how: by the readers of events, with what an event's
 * name would have told taken from the object itself. In the order in which an empty database is filled: whose it is first.
 */
export const fetchedKinds = {
  customer: {
    worker: 'billing',
    idField: 'customer_id',
    mayDiffer: never,
    read: (object, catalogue) =>
      readCustomer(object, object.deleted === true ? 'customer.deleted' : 'customer.updated', catalogue),
  },
  checkout: {
    worker: 'payments',
    idField: 'session_id',
    mayDiffer: never,
    read(object, catalogue) {
      if (object.status === 'open') return null;
      const ended = object.status === 'expired' ? 'expired' : 'completed';
      return readCheckout(object, `checkout.session.${ended}`, catalogue);
    },
  },
  subscription: {
    worker: 'billing',
    idField: 'subscription_id',
    mayDiffer: never,
    read: readSubscription,
  },
  schedule: { worker: 'billing', idField: 'schedule_id', mayDiffer: never, read: readSchedule },
  invoice: {
    worker: 'billing',
    idField: 'invoice_id',
    // That the customer must confirm a payment of an open invoice stands in no field of it. What was bought stays, though its price is gone from the
    // catalogue; who paid when is of interest only of a plan; and who paid what stands in the invoice's payments.
    mayDiffer(field, held, fact) {
      if (fact.kind !== 'invoice') return false;
      if (field === 'problem') return fact.problem === null ? fact.status === 'open' : held !== null;
      return (
        field === 'paid_by' || (fact.purchase === null && ['purchase', 'paid_at', 'metadata_user_id'].includes(field))
      );
    },
    read(object, catalogue) {
      if (object.status === 'draft') return null;
      const failed = object.status === 'open' && Number(object.attempt_count ?? 0) > 0;
      return readInvoice(object, failed ? 'invoice.payment_failed' : 'invoice.paid', catalogue);
    },
  },
  charge: {
    worker: 'payments',
    idField: 'payment_id',
    mayDiffer: never,
    read: (object) => (object.status === 'pending' ? null : readCharge(object)),
  },
  invoice_payment: {
    worker: 'billing',
    idField: 'invoice_payment_id',
    mayDiffer: never,
    read: (object) => (object.status === 'paid' ? readInvoicePayment(object) : null),
  },
  refund: { worker: 'payments', idField: 'refund_id', mayDiffer: never, read: (object) => readRefund(object) },
  dispute: { worker: 'payments', idField: 'dispute_id', mayDiffer: never, read: (object) => readDispute(object) },
} as const satisfies Record<string, FetchedKind>;

export type FetchedKindName = keyof typeof fetchedKinds;

/** @throws {UnreadableEvent} naming every field that we need and did not get. */
export const readFetched = (kind: FetchedKindName, object: FetchedObject, catalogue: Catalogue): Fact | null =>
  (fetchedKinds[kind] as FetchedKind).read(object, catalogue);

/** Our own event types: "this object, as Stripe's API answered it". Never on the bus. */
const prefix = 'fetched.';
export const fetchedType = (kind: FetchedKindName): string => `${prefix}${kind}`;

/** The kind that one of our own event types is about. */
export function kindOfFetchedType(type: string): FetchedKindName | undefined {
  const name = type.slice(prefix.length);
  return type.startsWith(prefix) && Object.hasOwn(fetchedKinds, name) ? (name as FetchedKindName) : undefined;
}
