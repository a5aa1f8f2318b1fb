import type { SubscriptionSnapshot } from './stripe/facts/subscription.ts';

/** One column in which our row is not what Stripe says. */
export interface Difference {
  field: keyof SubscriptionSnapshot;
  ours: string | number | boolean | null;
  stripes: string | number | boolean | null;
}

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
    .map((field) => ({ field, ours: held?.[field] ?? null, stripes: snapshot[field] }))
    .filter(({ ours, stripes }) => comparable(ours) !== comparable(stripes));
}

function comparable(value: Difference['ours']): Difference['ours'] {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? Date.parse(value) : value;
}
