/**
 * The price list that the model believes in: `config/plans.yaml` written down a second time, by hand.
 *
 * Nothing here is read from the product, so that an error in its catalogue cannot also be the expectation.
 */
export type PlanTier = 'FREE' | 'PREMIUM' | 'PREMIUM_PLUS';

export interface PriceTag {
  id: string;
  lookupKey: string | null;
  currency: 'eur' | 'usd';
  amount: number;
  interval: 'month' | 'year' | 'once';
  /** What the product must make of it; null for a price that its catalogue lacks. */
  plan: { id: string; tier: PlanTier; graceDays: number } | null;
  /** Of what is paid once: how long it lasts; none, for life. */
  lastsDays?: number;
}

const premium = { id: 'premium', tier: 'PREMIUM', graceDays: 7 } as const;
const premiumPlus = { id: 'premium_plus', tier: 'PREMIUM_PLUS', graceDays: 14 } as const;

const tag = (
  id: string,
  lookupKey: string | null,
  currency: PriceTag['currency'],
  amount: number,
  interval: PriceTag['interval'],
  plan: PriceTag['plan'],
): PriceTag => ({ id, lookupKey, currency, amount, interval, plan });

export const knownPrices: readonly PriceTag[] = [
  tag('price_premium_monthly_eur', 'premium_monthly', 'eur', 1900, 'month', premium),
  tag('price_premium_yearly_eur', 'premium_yearly', 'eur', 19000, 'year', premium),
  tag('price_premium_monthly_usd', 'premium_monthly_usd', 'usd', 2100, 'month', premium),
  tag('price_premium_plus_monthly_eur', 'premium_plus_monthly', 'eur', 4900, 'month', premiumPlus),
  tag('price_premium_plus_yearly_eur', 'premium_plus_yearly', 'eur', 49000, 'year', premiumPlus),
  tag('price_premium_plus_monthly_usd', 'premium_plus_monthly_usd', 'usd', 5300, 'month', premiumPlus),
];

/** Known by its lookup key alone: a price that was replaced in Stripe, its lookup key transferred. */
export const renewedPrice = tag('price_premium_2027_eur', 'premium_monthly', 'eur', 2000, 'month', premium);

/** In no catalogue: a price someone made in the dashboard. */
export const unknownPrices: readonly PriceTag[] = [
  tag('price_friends_eur', null, 'eur', 500, 'month', null),
  tag('price_friends_usd', 'friends_usd', 'usd', 600, 'month', null),
];

/** Paid once, by an invoice: a year, for life, and something that is no plan. The proof adds the first two to the product's catalogue. */
export const oncePrices: readonly PriceTag[] = [
  { ...tag('price_premium_pass_eur', null, 'eur', 9900, 'once', premium), lastsDays: 365 },
  tag('price_plus_lifetime_eur', null, 'eur', 49_900, 'once', premiumPlus),
  tag('price_mug_eur', null, 'eur', 1500, 'once', null),
];

export const allPrices: readonly PriceTag[] = [...knownPrices, renewedPrice, ...unknownPrices];

export const tierRank: Record<PlanTier, number> = { FREE: 0, PREMIUM: 1, PREMIUM_PLUS: 2 };
