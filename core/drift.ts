import type { SubscriptionSnapshot } from './stripe/facts/subscription.ts';

/** What a column may hold. */
type Value = SubscriptionSnapshot[keyof SubscriptionSnapshot];

/** One column in which our row is not what Stripe says. */
export interface Difference {
  field: keyof SubscriptionSnapshot;
  ours: Value;
  stripes: Value;
}

/** What the row keeps from before where Stripe's price is one that the catalogue lacks. */
const keptForUnknownPrices: readonly string[] = ['plan_id', 'tier', 'tier_rank', 'grace_days', 'features'];

/**
 * In what our row of a subscription differs from Stripe's answer; everything, when we hold none.
 *
 * Times are compared as moments, whatever their notation.
 */
export function differencesOf(
  held: Partial<SubscriptionSnapshot> | null,
  snapshot: SubscriptionSnapshot,
): Difference[] {
  return (Object.keys(snapshot) as (keyof SubscriptionSnapshot)[])
    .filter((field) => !(snapshot.plan_unknown && keptForUnknownPrices.includes(field)))
    .map((field) => ({ field, ours: held?.[field] ?? null, stripes: snapshot[field] }))
    .filter(({ ours, stripes }) => comparable(ours) !== comparable(stripes));
}

function comparable(value: Value): string | number | boolean | null {
  if (typeof value === 'object' && value !== null) return JSON.stringify(Object.entries(value).sort());
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? Date.parse(value) : value;
}
