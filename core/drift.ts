/** One column in which our row is not what Stripe says. */
export interface Difference {
  field: string;
  ours: unknown;
  stripes: unknown;
}

/** The columns that an unknown price leaves as they were: what the catalogue cannot say is no difference. */
const fromCatalogue = ['plan_id', 'tier', 'tier_rank', 'grace_days', 'features'];

/**
 * In what a row of ours differs from what Stripe's object tells; everything, when we hold none.
 *
 * Times are compared as moments, whatever their notation; lists and records by what they hold, whatever its order.
 */
export function differencesOf(held: Record<string, unknown> | null, says: object): Difference[] {
  const unknownPrice = (says as { plan_unknown?: boolean }).plan_unknown === true;
  return Object.entries(says)
    .filter(([field]) => !(unknownPrice && fromCatalogue.includes(field)))
    .map(([field, stripes]) => ({ field, ours: held?.[field] ?? null, stripes }))
    .filter(({ ours, stripes }) => comparable(ours) !== comparable(stripes));
}

function comparable(value: unknown): unknown {
  if (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value)) return Date.parse(value);
  if (Array.isArray(value)) return JSON.stringify(value.map(comparable));
  if (typeof value === 'object' && value !== null)
    return JSON.stringify(
      Object.entries(value)
        .map(([key, each]) => [key, comparable(each)] as const)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    );
  return value ?? null;
}
