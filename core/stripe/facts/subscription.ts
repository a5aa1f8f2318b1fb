import * as z from 'zod/mini';
import { UnreadableEvent } from '../../errors.ts';
import { type Catalogue, planOfPrice, type Tier, tiers } from '../../plans/catalogue.ts';
import {
  count,
  currency,
  id,
  idOf,
  iso,
  metadata,
  optionalAmount,
  optionalCurrency,
  optionalReference,
  optionalSeconds,
  optionalWord,
  readObject,
  reference,
  seconds,
  userIdIn,
  word,
} from './fields.ts';

const itemShape = z.looseObject({
  price: z.looseObject({
    id,
    lookup_key: optionalWord,
    unit_amount: optionalAmount,
    currency: z.optional(currency),
    recurring: z.optional(z.nullable(z.looseObject({ interval: word }))),
  }),
  quantity: z.optional(z.nullable(count)),
  current_period_start: optionalSeconds,
  current_period_end: optionalSeconds,
});

const subscriptionShape = z.looseObject({
  id,
  customer: reference,
  status: z.enum([
    'incomplete',
    'incomplete_expired',
    'trialing',
    'active',
    'past_due',
    'canceled',
    'unpaid',
    'paused',
  ]),
  metadata,
  currency: optionalCurrency,
  items: z.looseObject({ data: z.array(itemShape).check(z.minLength(1)) }),
  current_period_start: optionalSeconds,
  current_period_end: optionalSeconds,
  cancel_at_period_end: z.optional(z.boolean()),
  cancel_at: optionalSeconds,
  canceled_at: optionalSeconds,
  ended_at: optionalSeconds,
  trial_start: optionalSeconds,
  trial_end: optionalSeconds,
  created: z.optional(seconds),
  latest_invoice: optionalReference,
});

/** What one Stripe subscription looked like at one moment, in our words; the columns of `billing.subscriptions`. Times are ISO 8601. */
export interface SubscriptionSnapshot {
  /** Stripe's own word. */
  status: z.infer<typeof subscriptionShape>['status'];
  metadata_user_id: string | null;
  price_id: string;
  lookup_key: string | null;
  quantity: number;
  currency: string | null;
  /** Per billing interval: unit amount × quantity, in minor units; null where the price has no single amount (tiered). */
  amount_minor: number | null;
  billing_interval: string | null;
  current_period_start: string | null;
  current_period_end: string;
  cancel_at_period_end: boolean;
  cancel_at: string | null;
  canceled_at: string | null;
  ended_at: string | null;
  trial_start: string | null;
  trial_end: string | null;
  started_at: string | null;
  latest_invoice_id: string | null;
  /** null when the catalogue lacks the price: unknown, not free. */
  plan_id: string | null;
  tier: Tier | null;
  grace_days: number | null;
}

export interface SubscriptionFact {
  kind: 'subscription';
  subscription_id: string;
  customer_id: string;
  /** null asks the apply function for a ticket at once, so that Stripe's own word is fetched (reconcile). */
  snapshot: SubscriptionSnapshot | null;
}

/**
 * What one Stripe subscription looked like at one moment, in our words.
 *
 * Reads today's shape (period on the items) and the one before 2025-03-31 (on the subscription). Of several items, the one whose
 * price gives the highest tier stands for the subscription.
 * @throws {UnreadableEvent} when a field we need is missing; naming the field, so that the event can be parked.
 * @see https://docs.stripe.com/api/subscriptions/object
 * @see https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end
 */
export function readSubscription(
  object: unknown,
  catalogue: Catalogue,
): SubscriptionFact & { snapshot: SubscriptionSnapshot } {
  const subscription = readObject(subscriptionShape, object, 'a subscription that we can read');
  const { item, plan } = planItem(subscription.items.data, catalogue);
  const periodEnd = item.current_period_end ?? subscription.current_period_end;
  if (periodEnd === null || periodEnd === undefined) {
    throw new UnreadableEvent(
      'Not a subscription that we can read: items.data[0].current_period_end: got nothing, wanted Unix seconds (there, or before API 2025-03-31 as current_period_end)',
    );
  }
  const quantity = item.quantity ?? 1;
  const unitAmount = item.price.unit_amount ?? null;
  return {
    kind: 'subscription',
    subscription_id: subscription.id,
    customer_id: idOf(subscription.customer)!,
    snapshot: {
      status: subscription.status,
      metadata_user_id: userIdIn(subscription.metadata),
      price_id: item.price.id,
      lookup_key: item.price.lookup_key ?? null,
      quantity,
      currency: item.price.currency ?? subscription.currency ?? null,
      amount_minor: unitAmount === null ? null : product(unitAmount, quantity),
      billing_interval: item.price.recurring?.interval ?? null,
      current_period_start: iso(item.current_period_start ?? subscription.current_period_start),
      current_period_end: iso(periodEnd)!,
      cancel_at_period_end: subscription.cancel_at_period_end ?? false,
      cancel_at: iso(subscription.cancel_at),
      canceled_at: iso(subscription.canceled_at),
      ended_at: iso(subscription.ended_at),
      trial_start: iso(subscription.trial_start),
      trial_end: iso(subscription.trial_end),
      started_at: iso(subscription.created),
      latest_invoice_id: idOf(subscription.latest_invoice),
      plan_id: plan?.plan_id ?? null,
      tier: plan?.tier ?? null,
      grace_days: plan?.grace_days ?? null,
    },
  };
}

function product(unitAmount: number, quantity: number): number {
  const total = unitAmount * quantity;
  if (Number.isSafeInteger(total)) return total;
  throw new UnreadableEvent(
    `Not a subscription that we can read: items.data: price.unit_amount × quantity: got ${unitAmount} × ${quantity}, wanted at most ${Number.MAX_SAFE_INTEGER}`,
  );
}

function planItem(items: z.infer<typeof itemShape>[], catalogue: Catalogue) {
  return items
    .map((item) => ({
      item,
      plan: planOfPrice(catalogue, { id: item.price.id, lookup_key: item.price.lookup_key ?? null }),
    }))
    .reduce((best, other) => (rank(other.plan?.tier) > rank(best.plan?.tier) ? other : best));
}

const rank = (tier: Tier | undefined): number => (tier === undefined ? -1 : tiers.indexOf(tier));
