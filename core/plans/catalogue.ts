import * as z from 'zod/mini';
import { problemsOf } from '../problems.ts';

/** What a user may use, from least to most. */
export const tiers = ['FREE', 'PREMIUM', 'PREMIUM_PLUS'] as const;
export type Tier = (typeof tiers)[number];

const priceShape = z.strictObject({
  id: z.string().check(z.regex(/^price_\w+$/, 'a Stripe price id, "price_…"')),
  lookup_key: z.optional(z.string().check(z.minLength(1))),
  currency: z.string().check(z.regex(/^[a-z]{3}$/, 'a lower-case ISO 4217 code such as "eur"')),
  amount_minor: z.int().check(z.nonnegative()),
  interval: z.enum(['day', 'week', 'month', 'year']),
});

const catalogueShape = z.strictObject({
  plans: z
    .array(
      z.strictObject({
        id: z.string().check(z.regex(/^[a-z][a-z0-9_]*$/, 'lower_snake_case')),
        tier: z.enum(tiers),
        grace_days: z.int().check(z.nonnegative(), z.lte(60)),
        prices: z.array(priceShape).check(z.minLength(1)),
      }),
    )
    .check(z.minLength(1)),
});

/** The plans a product owner sells, as `config/plans.yaml` lists them. */
export type Catalogue = z.infer<typeof catalogueShape>;

/** What one price stands for. */
export interface PlanOfPrice {
  plan_id: string;
  tier: Tier;
  grace_days: number;
}

/**
 * The catalogue in `document` (parsed YAML), or every problem it has: each names the entry and what would mend it.
 */
export function readCatalogue(document: unknown): { catalogue: Catalogue } | { problems: string[] } {
  const parsed = catalogueShape.safeParse(document);
  if (!parsed.success) return { problems: problemsOf(parsed.error, document, 'values') };
  const problems = repeatedIds(parsed.data);
  return problems.length > 0 ? { problems } : { catalogue: parsed.data };
}

/** The plan that a price stands for: by price id, then by lookup key; undefined when the catalogue lacks it. */
export function planOfPrice(
  catalogue: Catalogue,
  price: { id: string; lookup_key: string | null },
): PlanOfPrice | undefined {
  const plan =
    catalogue.plans.find((candidate) => candidate.prices.some(({ id }) => id === price.id)) ??
    catalogue.plans.find(
      (candidate) =>
        price.lookup_key !== null && candidate.prices.some(({ lookup_key }) => lookup_key === price.lookup_key),
    );
  return plan && { plan_id: plan.id, tier: plan.tier, grace_days: plan.grace_days };
}

function repeatedIds({ plans }: Catalogue): string[] {
  const prices = plans.flatMap((plan) => plan.prices.map((price) => ({ plan: plan.id, ...price })));
  const repeated = (kind: string, names: string[]) =>
    [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
      (name) => `${kind} "${name}" stands more than once; keep one, or a price could mean two plans`,
    );
  return [
    ...repeated(
      'plan id',
      plans.map(({ id }) => id),
    ),
    ...repeated(
      'price id',
      prices.map(({ id }) => id),
    ),
    ...repeated(
      'lookup key',
      prices.flatMap(({ lookup_key }) => lookup_key ?? []),
    ),
  ];
}
