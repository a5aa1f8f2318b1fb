import { readPlans } from '../../lib/config-files.ts';

const problems: string[] = [];
const plans = readPlans(problems);
if (!plans) throw new Error(problems.join('\n'));

/** The plans of this checkout, as the functions have them bundled. */
export const catalogue = plans;

/** The same with what is paid once: PREMIUM for a year, PREMIUM_PLUS for life. */
export const catalogueWithPurchases: typeof plans = {
  ...plans,
  plans: plans.plans.map((plan) => ({
    ...plan,
    prices: [
      ...plan.prices,
      plan.id === 'premium'
        ? { id: 'price_premium_pass_eur', currency: 'eur', amount_minor: 9900, interval: 'once', lasts_days: 365 }
        : { id: 'price_plus_lifetime_eur', currency: 'eur', amount_minor: 49_900, interval: 'once' },
    ],
  })),
};
