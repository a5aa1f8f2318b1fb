import * as z from 'zod/mini';
import { UnreadableEvent } from '../errors.ts';
import { eventRoutes, isRouted } from '../event-routes.ts';
import type { Catalogue } from '../plans/catalogue.ts';
import type { StripeEvent } from './envelope.ts';
import type { Fact } from './facts/fact.ts';
import { id, idOf, readObject, reference, text } from './facts/fields.ts';
import type { SubscriptionFact } from './facts/subscription.ts';
import { type FetchedObject, kindOfFetchedType, readFetched } from './fetched-object.ts';

/** Our own event: "ask Stripe for this subscription", queued by the reconcile function and by `ops sync`. Never on the bus. */
export const reconcileType = 'reconcile.subscription';

/** Our own event: "this user's plan may have changed by time alone", queued by the clock. Never on the bus. */
export const dueType = 'clock.due';

/** Whether we made this event ourselves. */
export const isOwnType = (type: string): boolean =>
  type === reconcileType || type === dueType || kindOfFetchedType(type) !== undefined;

/**
 * What an event says; null when it carries nothing that plan state is made of.
 * @throws {UnreadableEvent} naming every field that we need and did not get, or the type that no rule should have let through.
 */
export function readFact(event: StripeEvent, catalogue: Catalogue): Fact | null {
  if (event.type === reconcileType) return readReconcile(event.data.object);
  if (event.type === dueType)
    return { kind: 'due', user_id: readObject(dueShape, event.data.object, 'a user who is due').id };
  const fetched = kindOfFetchedType(event.type);
  if (fetched) return readFetched(fetched, event.data.object as FetchedObject, catalogue);
  if (!isRouted(event.type)) {
    throw new UnreadableEvent(`type: got "${event.type}", which no worker handles (core/event-routes.ts)`);
  }
  return eventRoutes[event.type].read(event.data.object, event.type, catalogue);
}

const reconcileShape = z.looseObject({ id, customer: reference });

const dueShape = z.looseObject({ id: text(500) });

function readReconcile(object: unknown): SubscriptionFact {
  const { id: subscription_id, customer } = readObject(reconcileShape, object, 'a subscription to reconcile');
  return { kind: 'subscription', subscription_id, customer_id: idOf(customer)!, snapshot: null };
}
