import type Stripe from 'stripe';

/** What the simulated accounts sell: entries of config/plans.yaml, as Stripe would describe them. */
export interface SoldPrice {
  id: string;
  lookupKey: string | null;
  currency: string;
  amountMinor: number;
  interval: 'month' | 'year';
  product: string;
}

export const premiumMonthly: SoldPrice = {
  id: 'price_premium_monthly_eur',
  lookupKey: 'premium_monthly',
  currency: 'eur',
  amountMinor: 1900,
  interval: 'month',
  product: 'prod_premium',
};
export const premiumMonthlyUsd: SoldPrice = {
  ...premiumMonthly,
  id: 'price_premium_monthly_usd',
  lookupKey: 'premium_monthly_usd',
  currency: 'usd',
  amountMinor: 2100,
};
export const premiumYearly: SoldPrice = {
  ...premiumMonthly,
  id: 'price_premium_yearly_eur',
  lookupKey: 'premium_yearly',
  amountMinor: 19_000,
  interval: 'year',
};
export const plusMonthly: SoldPrice = {
  id: 'price_premium_plus_monthly_eur',
  lookupKey: 'premium_plus_monthly',
  currency: 'eur',
  amountMinor: 4900,
  interval: 'month',
  product: 'prod_premium_plus',
};
export const plusYearly: SoldPrice = {
  ...plusMonthly,
  id: 'price_premium_plus_yearly_eur',
  lookupKey: 'premium_plus_yearly',
  amountMinor: 49_000,
  interval: 'year',
};

/** When the products were set up; long before any story. */
const PRICES_CREATED = 1_767_225_600;

export function priceObject(price: SoldPrice): Stripe.Price {
  return {
    id: price.id,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created: PRICES_CREATED,
    currency: price.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: price.lookupKey,
    metadata: {},
    nickname: null,
    product: price.product,
    recurring: {
      interval: price.interval,
      interval_count: 1,
      meter: null,
      trial_period_days: null,
      usage_type: 'licensed',
    },
    tax_behavior: 'inclusive',
    tiers_mode: null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: price.amountMinor,
    // On the wire a string; the SDK's class would turn it into an object of its own.
    unit_amount_decimal: String(price.amountMinor) as never,
  };
}

/** The prices of a catalogue as Stripe would list them. */
export function pricesOf(catalogue: {
  plans: {
    id: string;
    prices: { id: string; lookup_key?: string | undefined; currency: string; amount_minor: number; interval: string }[];
  }[];
}) {
  return catalogue.plans.flatMap(({ id: plan, prices }) =>
    prices.map(({ id, lookup_key, currency, amount_minor, interval }) => ({
      id,
      object: 'price',
      active: true,
      livemode: false,
      nickname: plan,
      lookup_key: lookup_key ?? null,
      currency,
      unit_amount: amount_minor,
      type: interval === 'once' ? 'one_time' : 'recurring',
      recurring: interval === 'once' ? null : { interval, interval_count: 1 },
    })),
  );
}
