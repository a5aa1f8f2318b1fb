import * as z from 'zod/mini';

/** What a user may use, from least to most. */
export const tiers = ['FREE', 'PREMIUM', 'PREMIUM_PLUS'] as const;
export type Tier = (typeof tiers)[number];

const priceShape = z.strictObject({
  id: z.string().check(z.regex(/^price_\w+$/, 'must be a Stripe price id, "price_…"')),
  lookup_key: z.optional(z.string().check(z.minLength(1))),
  currency: z.string().check(z.regex(/^[a-z]{3}$/, 'must be a lower-case ISO 4217 code such as "eur"')),
  amount_minor: z.int().check(z.nonnegative()),
  interval: z.enum(['day', 'week', 'month', 'year']),
});

const catalogueShape = z.strictObject({
  plans: z
    .array(
      z.strictObject({
        id: z.string().check(z.regex(/^[a-z][a-z0-9_]*$/, 'must be lower_snake_case')),
        tier: z.enum(tiers),
        grace_days: z.int().check(z.nonnegative(), z.lte(60)),
        prices: z.array(priceShape).check(z.minLength(1, 'needs at least one price')),
      }),
    )
    .check(z.minLength(1, 'needs at least one plan')),
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
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map(
        (issue) => `${entryName(document, issue.path)}: ${issue.message.replace(/^Invalid input: /, '')}`,
      ),
    };
  }
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

/** `plans[1] (premium_plus).prices[0].currency`: the path, with the plan's own name where it has one. */
function entryName(document: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = document;
  let name = '';
  for (const step of path) {
    value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
    name += typeof step === 'number' ? `[${step}]` : `${name === '' ? '' : '.'}${String(step)}`;
    const id = (value as { id?: unknown } | undefined)?.id;
    if (typeof step === 'number' && typeof id === 'string') name += ` (${id})`;
  }
  return name === '' ? 'the document' : name;
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
