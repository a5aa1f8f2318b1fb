import * as z from 'zod/mini';
import type { Catalogue } from '../../plans/catalogue.ts';
import { id, metadata, readObject, userIdIn, userIdProblems } from './fields.ts';

const customerShape = z.looseObject({ id, metadata });

export interface CustomerFact {
  kind: 'customer';
  customer_id: string;
  metadata_user_id: string | null;
  deleted: boolean;
}

/**
 * Which user a customer is, if whoever created it said so. No name, no e-mail address.
 * @throws {UnreadableEvent} naming the field.
 */
export function readCustomer(object: unknown, eventType: string, catalogue: Catalogue): CustomerFact {
  const customer = readObject(customerShape, object, 'a customer that we can read', userIdProblems(object, catalogue));
  return {
    kind: 'customer',
    customer_id: customer.id,
    metadata_user_id: userIdIn(customer.metadata, catalogue),
    deleted: eventType === 'customer.deleted',
  };
}
