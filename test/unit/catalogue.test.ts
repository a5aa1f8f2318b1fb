import { planOfPrice, readCatalogue } from '../../core/plans/catalogue.ts';
import { catalogue } from '../support/catalogue.ts';

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
