import * as z from 'zod/mini';
import { problemsOf } from '../problems.ts';

const priceShape = z.strictObject({
  id: z.string().check(z.regex(/^price_\w+$/, 'a Stripe price id, "price_…"')),
  lookup_key: z.optional(z.string().check(z.minLength(1))),
  currency: z.string().check(z.regex(/^[a-z]{3}$/, 'a lower-case ISO 4217 code such as "eur"')),
  amount_minor: z.int().check(z.nonnegative()),
  /** `once`: paid for once, by an invoice that belongs to no subscription. */
  interval: z.enum(['day', 'week', 'month', 'year', 'once']),
  interval_count: z.optional(z.int().check(z.gte(1), z.lte(156))),
  /** Of a price that is paid once: how long the plan lasts; left out, for life. */
  lasts_days: z.optional(z.int().check(z.gte(1), z.lte(36_500))),
  /** No longer sold; some still pay by it. */
  archived: z.optional(z.boolean()),
});

const name = z.string().check(z.regex(/^[a-z][a-z0-9_]*$/, 'lower_snake_case'));
const features = z.record(name, z.union([z.boolean(), z.int().check(z.nonnegative())], 'true, false or a limit'));
const prices = z.array(priceShape).check(z.minLength(1));

const defaultTiers = ['FREE', 'PREMIUM', 'PREMIUM_PLUS'];

const catalogueShape = z.strictObject({
  tiers: z._default(
    z.array(z.string().check(z.regex(/^[A-Z][A-Z0-9_]*$/, 'UPPER_SNAKE_CASE'))).check(z.minLength(1)),
    defaultTiers,
  ),
  without_subscription: z._default(z.strictObject({ plan: z.nullable(name), features }), { plan: null, features: {} }),
  user_id_keys: z._default(
    z.array(z.string().check(z.regex(/^[\w.-]{1,40}$/, 'a metadata key'))).check(z.minLength(1)),
    ['user_id'],
  ),
  plans: z
    .array(
      z.strictObject({
        id: name,
        tier: z.string(),
        grace_days: z.int().check(z.nonnegative(), z.lte(60)),
        features: z._default(features, {}),
        prices,
      }),
    )
    .check(z.minLength(1)),
  add_ons: z._default(z.array(z.strictObject({ id: name, features, prices })), []),
  ignored: z._default(z.strictObject({ prices: z.array(z.string()), products: z.array(z.string()) }), {
    prices: [],
    products: [],
  }),
});

/** The plans a product owner sells, as `config/plans.yaml` lists them. */
export type Catalogue = z.infer<typeof catalogueShape>;

/** What a plan allows: yes, no, or a limit. */
export type Features = Record<string, boolean | number>;

/** What one price stands for. */
export type PlanOfPrice =
  | { kind: 'plan'; plan_id: string; tier: string; tier_rank: number; grace_days: number; features: Features }
  | { kind: 'add_on'; features: Features }
  | { kind: 'ignored' };

/** What one price gives whoever paid it once. */
export interface PurchasedPlan {
  price_id: string;
  plan_id: string;
  tier: string;
  tier_rank: number;
  features: Features;
  /** null: for life. */
  lasts_days: number | null;
}

/** What the database must know of the catalogue, for those without a subscription. */
export interface CatalogueForDatabase {
  default_plan_id: string | null;
  tiers: string[];
  default_features: Features;
}

export const catalogueForDatabase = ({ tiers, without_subscription }: Catalogue): CatalogueForDatabase => ({
  default_plan_id: without_subscription.plan,
  tiers,
  default_features: without_subscription.features,
});

/**
 * The catalogue in `document` (parsed YAML), or every problem it has: each names the entry and what would repair it.
 */
export function readCatalogue(document: unknown): { catalogue: Catalogue } | { problems: string[] } {
  const parsed = catalogueShape.safeParse(document);
  const problems = parsed.success
    ? [
        ...unknownTiers(parsed.data),
        ...paidForNothing(parsed.data),
        ...repeatedIds(parsed.data),
        ...paidOnce(parsed.data),
      ]
    : [...unknownTiers(document), ...problemsOf(parsed.error, document, 'values')];
  return parsed.success && problems.length === 0 ? { catalogue: parsed.data } : { problems };
}

/** What a price stands for: by price id, then by lookup key; undefined when the catalogue lacks it. */
export function planOfPrice(
  catalogue: Catalogue,
  price: { id: string; lookup_key: string | null; product?: string | null },
): PlanOfPrice | undefined {
  const { ignored } = catalogue;
  if (ignored.prices.includes(price.id) || (price.product && ignored.products.includes(price.product)))
    return { kind: 'ignored' };
  const byId = ({ prices }: Sold) => prices.some(({ id }) => id === price.id);
  const byLookupKey = ({ prices }: Sold) =>
    price.lookup_key !== null && prices.some(({ lookup_key }) => lookup_key === price.lookup_key);
  for (const named of [byId, byLookupKey]) {
    const plan = catalogue.plans.find(named);
    if (plan) {
      const { id, tier, grace_days, features } = plan;
      return { kind: 'plan', plan_id: id, tier, tier_rank: catalogue.tiers.indexOf(tier), grace_days, features };
    }
    const addOn = catalogue.add_ons.find(named);
    if (addOn) return { kind: 'add_on', features: addOn.features };
  }
  return undefined;
}

type Sold = Pick<Catalogue['plans'][number], 'prices'>;

/** Whether some plan is paid once: else no invoice gives one. */
export const sellsOnce = ({ plans }: Catalogue): boolean =>
  plans.some(({ prices }) => prices.some(({ interval }) => interval === 'once'));

/** What whoever paid this price once has; undefined for a price that recurs, or is none of a plan's. By its id alone: lines of invoices name no lookup key. */
export function purchaseOfPrice({ plans, tiers }: Catalogue, price_id: string): PurchasedPlan | undefined {
  for (const { id, tier, features, prices } of plans) {
    const price = prices.find((price) => price.id === price_id && price.interval === 'once');
    if (price)
      return {
        price_id,
        plan_id: id,
        tier,
        tier_rank: tiers.indexOf(tier),
        features,
        lasts_days: price.lasts_days ?? null,
      };
  }
  return undefined;
}

/** Features with those of an add-on on top: limits add up, once for each of `quantity`; what is true stays true. */
export function withAddOn(features: Features, added: Features, quantity: number): Features {
  const sum = { ...features };
  for (const [feature, value] of Object.entries(added)) {
    const held = sum[feature];
    sum[feature] =
      typeof value === 'number' ? (typeof held === 'number' ? held : 0) + value * quantity : value || (held ?? false);
  }
  return sum;
}

/** Of a document that may be wrong elsewhere too: every problem is reported at once. */
function unknownTiers(document: unknown): string[] {
  const { plans, tiers = defaultTiers } = (document ?? {}) as { plans?: unknown; tiers?: unknown };
  if (!Array.isArray(plans) || !Array.isArray(tiers)) return [];
  return plans.flatMap(({ id, tier }: { id?: unknown; tier?: unknown } = {}, index) =>
    typeof tier !== 'string' || tiers.includes(tier)
      ? []
      : [`plans[${index}] (${id}).tier: got "${tier}", wanted one of ${tiers.join(', ')}`],
  );
}

function paidForNothing({ plans, without_subscription: { plan } }: Catalogue): string[] {
  return plans.some(({ id }) => id === plan)
    ? [
        `without_subscription.plan: got "${plan}", which has prices; wanted null or a name of its own, or those who do not pay would have what others pay for`,
      ]
    : [];
}

function paidOnce({ plans, add_ons }: Catalogue): string[] {
  const wrong = (entry: string, { prices }: Sold, isPlan: boolean) =>
    prices.flatMap(({ id, interval, interval_count, lasts_days }, index) => {
      const where = `${entry}.prices[${index}] (${id})`;
      if (interval === 'once' && !isPlan)
        return [
          `${where}.interval: got "once", wanted an interval: what is paid once is a plan, add-ons go with a subscription`,
        ];
      if (interval === 'once' && interval_count !== undefined)
        return [
          `${where}.interval_count: got ${interval_count}, wanted none with "interval: once" (lasts_days says how long it lasts)`,
        ];
      if (interval !== 'once' && lasts_days !== undefined)
        return [
          `${where}.lasts_days: got ${lasts_days}, wanted none with "interval: ${interval}" (a subscription ends when Stripe says so)`,
        ];
      return [];
    });
  return [
    ...plans.flatMap((plan, index) => wrong(`plans[${index}] (${plan.id})`, plan, true)),
    ...add_ons.flatMap((addOn, index) => wrong(`add_ons[${index}] (${addOn.id})`, addOn, false)),
  ];
}

function repeatedIds({ tiers, plans, add_ons }: Catalogue): string[] {
  const sold = [...plans, ...add_ons];
  const prices = sold.flatMap((plan) => plan.prices);
  const repeated = (kind: string, names: string[]) =>
    [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
      (name) => `${kind} "${name}" stands more than once; keep one, or a price could mean two plans`,
    );
  return [
    ...repeated('tier', tiers),
    ...repeated(
      'plan id',
      sold.map(({ id }) => id),
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
