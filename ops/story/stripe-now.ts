import type Stripe from 'stripe';
import type { Database } from '../../adapters/postgres/calls.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import { type FetchedKindName, type FetchedObject, readFetched } from '../../core/stripe/fetched-object.ts';
import { compareObjects } from '../../pipeline/reconcile/compare-objects.ts';
import type { StripeLists } from '../../pipeline/reconcile/ports.ts';
import { purchasesOf } from '../deployment/purchases-of.ts';

export interface CustomerAtStripe {
  customer_id: string;
  /** Whom its metadata names; null: nobody. */
  user_id: string | null;
  /** The names, never the values, of what else its metadata holds. */
  other_keys: string[];
}

export interface SubscriptionAtStripe {
  subscription_id: string;
  customer_id: string;
  status: string;
  price_id: string | null;
  /** What the catalogue of this checkout makes of it. */
  plan_id: string | null;
  tier: string | null;
}

export interface StripeNow {
  customers: CustomerAtStripe[];
  /** Newest first, as Stripe lists them. */
  subscriptions: SubscriptionAtStripe[];
  /** Invoices of plans that are paid once. */
  purchases: { invoice_id: string; customer_id: string; status: string }[];
}

/** One of Stripe's objects that our rows do not show as it is. */
export interface RowDifference {
  kind: string;
  id: string;
  known: boolean;
  fields: string[];
}

/** Customers with this e-mail address; Stripe compares it as it was written. */
export async function customersByEmail(stripe: Stripe, email: string): Promise<string[]> {
  const { data } = await stripe.customers.list({ email, limit: 100 });
  return data.map(({ id }) => id);
}

/** Customers that name the user in their metadata, or in that of a subscription. What was written within the last minute may not be found yet. */
export async function customersByUser(stripe: Stripe, user: string, keys: readonly string[]): Promise<string[]> {
  const quoted = user.replace(/[\\']/g, '\\$&');
  const query = keys.map((key) => `metadata['${key}']:'${quoted}'`).join(' OR ');
  const [customers, subscriptions] = await Promise.all([
    stripe.customers.search({ query, limit: 100 }),
    stripe.subscriptions.search({ query, limit: 100 }),
  ]);
  const ids = [...customers.data.map(({ id }) => id), ...subscriptions.data.map(({ customer }) => idOf(customer))];
  return [...new Set(ids)];
}

/** How Stripe has these customers, their subscriptions, and what they paid once, now; `raw` is for {@link differencesFrom}. */
export async function lookAtStripe(lists: StripeLists, catalogue: Catalogue, customers: readonly string[]) {
  const now: StripeNow = { customers: [], subscriptions: [], purchases: [] };
  const raw: { kind: FetchedKindName; items: FetchedObject[]; asOf: number }[] = [];
  for (const customer_id of customers) {
    const [customer, subscriptions, checkouts, purchases] = await Promise.all([
      lists.one('customer', customer_id),
      lists.subscriptionsOf(customer_id),
      lists.sessions({ customer: customer_id }),
      purchasesOf(lists, catalogue, customer_id),
    ]);
    raw.push(
      { kind: 'customer', ...customer },
      { kind: 'subscription', ...subscriptions },
      { kind: 'checkout', ...checkouts },
      { kind: 'invoice', ...purchases },
    );
    now.customers.push(...customer.items.map((object) => customerOf(object, catalogue)));
    now.subscriptions.push(...subscriptions.items.map((object) => subscriptionOf(object, catalogue)));
    now.purchases.push(
      ...purchases.items.map(({ id, status }) => ({ invoice_id: id, customer_id, status: String(status) })),
    );
  }
  return { now, raw };
}

/** In what our rows differ from what {@link lookAtStripe} saw. */
export async function differencesFrom(
  raw: Awaited<ReturnType<typeof lookAtStripe>>['raw'],
  lists: StripeLists,
  database: Database,
  catalogue: Catalogue,
  livemode: boolean,
): Promise<RowDifference[]> {
  const comparing = { store: reconcileStore(database), stripe: lists, catalogue, livemode, moving: new Set<string>() };
  const differences: RowDifference[] = [];
  for (const { kind, ...page } of raw) {
    const { findings } = await compareObjects(comparing, kind, page);
    differences.push(
      ...findings.map((found) => ({
        kind,
        id: found.id,
        known: found.known,
        fields: found.differences.map(({ field }) => field),
      })),
    );
  }
  // What gives the plan first.
  return differences.sort((one, other) => Number(other.kind === 'subscription') - Number(one.kind === 'subscription'));
}

function customerOf(object: FetchedObject, catalogue: Catalogue): CustomerAtStripe {
  const fact = readFetched('customer', object, catalogue);
  const metadata = (object.metadata ?? {}) as Record<string, string>;
  return {
    customer_id: object.id,
    user_id: fact?.kind === 'customer' ? fact.metadata_user_id : null,
    other_keys: Object.keys(metadata).filter((key) => !catalogue.user_id_keys.includes(key)),
  };
}

function subscriptionOf(object: FetchedObject, catalogue: Catalogue): SubscriptionAtStripe {
  const fact = readFetched('subscription', object, catalogue);
  if (fact?.kind !== 'subscription' || fact.snapshot === null) throw new Error(`${object.id} is no subscription`);
  const { status, price_id, plan_id, tier } = fact.snapshot;
  return { subscription_id: object.id, customer_id: fact.customer_id, status, price_id, plan_id, tier };
}

const idOf = (customer: string | { id: string }): string => (typeof customer === 'string' ? customer : customer.id);
