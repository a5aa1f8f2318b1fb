import { planOfPrice, purchaseOfPrice, readCatalogue } from '../../core/plans/catalogue.ts';
import { catalogue, catalogueWithPurchases } from '../support/catalogue.ts';

const price = { id: 'price_1', lookup_key: 'one', currency: 'eur', amount_minor: 100, interval: 'month' };
const plan = { id: 'one', tier: 'PREMIUM', grace_days: 7, prices: [price] };

it('finds a plan by price id, then by lookup key', () => {
  expect(planOfPrice(catalogue, { id: 'price_premium_monthly_eur', lookup_key: 'premium_plus_monthly' })).toMatchObject(
    { plan_id: 'premium' },
  );
  expect(planOfPrice(catalogue, { id: 'price_unheard_of', lookup_key: 'premium_plus_monthly' })).toMatchObject({
    plan_id: 'premium_plus',
  });
  expect(planOfPrice(catalogue, { id: 'price_unheard_of', lookup_key: null })).toBeUndefined();
});

it('reports every problem at once, each by its entry', () => {
  const broken = {
    plans: [
      { ...plan, tier: 'GOLD' },
      { ...plan, id: 'two', grace_days: -1, prices: [{ ...price, id: 'prod_1', currency: 'EUR', amout: 5 }] },
    ],
  };
  expect(readCatalogue(broken)).toEqual({
    problems: [
      'plans[0] (one).tier: got "GOLD", wanted one of FREE, PREMIUM, PREMIUM_PLUS',
      'plans[1] (two).grace_days: got -1, wanted at least 0',
      'plans[1] (two).prices[0] (prod_1).id: got "prod_1", wanted a Stripe price id, "price_…"',
      'plans[1] (two).prices[0] (prod_1).currency: got "EUR", wanted a lower-case ISO 4217 code such as "eur"',
      'plans[1] (two).prices[0] (prod_1): got "amout", which means nothing there (misspelled?)',
    ],
  });
});

it('refuses a price that could mean two plans', () => {
  expect(readCatalogue({ plans: [plan, { ...plan, id: 'two' }] })).toEqual({
    problems: [
      'price id "price_1" stands more than once; keep one, or a price could mean two plans',
      'lookup key "one" stands more than once; keep one, or a price could mean two plans',
    ],
  });
});

it.each([[null], [[]], ['text'], [{}], [{ plans: [] }]])('says what is wrong with %j', (document) => {
  expect(readCatalogue(document)).toEqual({ problems: [expect.stringMatching(/wanted/)] });
});

it('says what whoever paid a price once has, and nothing of prices that recur', () => {
  expect(purchaseOfPrice(catalogueWithPurchases, 'price_premium_pass_eur')).toEqual({
    price_id: 'price_premium_pass_eur',
    plan_id: 'premium',
    tier: 'PREMIUM',
    tier_rank: 1,
    features: { export: true, seats: 5 },
    lasts_days: 365,
  });
  expect(purchaseOfPrice(catalogueWithPurchases, 'price_plus_lifetime_eur')).toMatchObject({ lasts_days: null });
  expect(purchaseOfPrice(catalogueWithPurchases, 'price_premium_monthly_eur')).toBeUndefined();
});

it('refuses what means nothing for a price that is paid once, or for one that is not', () => {
  const once = { ...price, interval: 'once' };
  const broken = {
    plans: [
      { ...plan, prices: [{ ...once, interval_count: 2 }] },
      { ...plan, id: 'two', prices: [{ ...price, id: 'price_2', lookup_key: 'two', lasts_days: 30 }] },
    ],
    add_ons: [{ id: 'seats', features: { seats: 1 }, prices: [{ ...once, id: 'price_3', lookup_key: 'three' }] }],
  };
  expect(readCatalogue(broken)).toEqual({
    problems: [
      'plans[0] (one).prices[0] (price_1).interval_count: got 2, wanted none with "interval: once" (lasts_days says how long it lasts)',
      'plans[1] (two).prices[0] (price_2).lasts_days: got 30, wanted none with "interval: month" (a subscription ends when Stripe says so)',
      'add_ons[0] (seats).prices[0] (price_3).interval: got "once", wanted an interval: what is paid once is a plan, add-ons go with a subscription',
    ],
  });
});
