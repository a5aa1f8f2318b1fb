import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { charge, dispute, event, refund, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeAll(async () => {
  pipeline = await startPipeline();
  database = await freshDatabase();
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
  pipeline.at(new Date('2026-11-21T12:00:00Z'));
  for (const one of [...septemberAndOctober(), ...payments()]) {
    const worker = (one as { type: string }).type.startsWith('customer') ? 'billing' : 'payments';
    await processEvent({ ...testProcessor(database.writer, { worker }), sources: [source] }, envelope(one, { source }));
  }
});
afterAll(async () => {
  await pipeline.close();
  await database.close();
});

const at = (time: string) => Math.floor(Date.parse(time) / 1000);
let count = 0;

/** A customer's one subscription, at so much a month. */
function pays(
  customer: string,
  type: string,
  time: string,
  monthly: number,
  currency = 'eur',
  status = 'active',
): object {
  const made = subscriptionEvent(`evt_s${++count}`, type, at(time), {
    id: `sub_${customer}`,
    customer: `cus_${customer}`,
    status,
  }) as { data: { object: { currency: string; items: { data: { price: object }[] } } } };
  const { object } = made.data;
  object.currency = currency;
  Object.assign(object.items.data[0]!.price, { unit_amount: monthly, currency });
  return made;
}

/** In the order in which it happened; the proof has it arrive in others. */
const septemberAndOctober = () => [
  // September: Ann 19, Bob 49, Cem 19 begin.
  pays('ann', 'created', '2026-09-03T10:00:00Z', 1900),
  pays('bob', 'created', '2026-09-10T10:00:00Z', 4900),
  pays('cem', 'created', '2026-09-20T10:00:00Z', 1900),
  // Dee began in August and left in September.
  pays('dee', 'created', '2026-08-20T10:00:00Z', 1900),
  pays('dee', 'deleted', '2026-09-20T10:00:00Z', 1900, 'eur', 'canceled'),
  // October: Ann goes up to 49, Bob down to 19, Cem leaves, Dee is back, Eve is new; Fay pays dollars.
  pays('ann', 'updated', '2026-10-02T10:00:00Z', 4900),
  pays('bob', 'updated', '2026-10-05T10:00:00Z', 1900),
  pays('cem', 'deleted', '2026-10-20T10:00:00Z', 1900, 'eur', 'canceled'),
  ...[pays('dee', 'created', '2026-10-21T10:00:00Z', 1900)].map((again) => {
    Object.assign((again as { data: { object: object } }).data.object, { id: 'sub_dee_again' });
    return again;
  }),
  pays('eve', 'created', '2026-10-31T23:59:59Z', 1900),
  pays('fay', 'created', '2026-10-15T10:00:00Z', 2100, 'usd'),
];

const charged = (id: string, time: string, amount: number, currency = 'eur') =>
  event(
    `evt_${id}`,
    'charge.succeeded',
    at(time),
    charge({
      id: `ch_${id}`,
      payment_intent: `pi_${id}`,
      created: at(time),
      amount,
      amount_captured: amount,
      currency,
    }),
  );

const payments = () => [
  charged('september', '2026-09-30T23:59:59Z', 4900),
  charged('one', '2026-10-01T00:00:00Z', 1900),
  charged('two', '2026-10-31T23:59:59Z', 4900),
  charged('dollars', '2026-10-15T10:00:00Z', 2100, 'usd'),
  charged('yen', '2026-10-15T10:00:00Z', 2500, 'jpy'),
  charged('november', '2026-11-01T00:00:00Z', 1900),
  event(
    'evt_back',
    'refund.created',
    at('2026-10-06T10:00:00Z'),
    refund({
      id: 're_1',
      charge: 'ch_september',
      created: at('2026-10-06T10:00:00Z'),
      amount: 500,
      status: 'succeeded',
    }),
  ),
  event(
    'evt_lost',
    'charge.dispute.closed',
    at('2026-10-25T10:00:00Z'),
    dispute({ charge: 'ch_one', status: 'lost', amount: 1900 }),
  ),
];

/*
 * By hand, October, EUR. Received 19 + 49 = 68; refunded 5; lost 19; net 44.
 * MRR: began with Ann 19 + Bob 49 + Cem 19 = 87; new Eve 19; expansion Ann 30; back Dee 19; contraction Bob 30; churn Cem 19;
 * ends with Ann 49 + Bob 19 + Dee 19 + Eve 19 = 106 = 87 + 19 + 30 + 19 - 30 - 19.
 * Churn: (30 + 19) / 87 = 56.32 % of the revenue, 1 of 3 customers.
 */
const october = {
  currency: 'eur',
  gross_minor: 6800,
  refunded_minor: 500,
  disputed_minor: 1900,
  net_minor: 4400,
  payments: 2,
  refunds: 1,
  disputes_lost: 1,
  opening_minor: 8700,
  new_minor: 1900,
  expansion_minor: 3000,
  reactivation_minor: 1900,
  contraction_minor: -3000,
  churn_minor: -1900,
  closing_minor: 10_600,
  opening_customers: 3,
  new_customers: 1,
  reactivated_customers: 1,
  churned_customers: 1,
  revenue_churn: 0.5632,
  customer_churn: 0.3333,
};

it('gives a month by currency', async () => {
  const { code, json } = await pipeline.run('money', '--month', '2026-10', '--json');
  expect(code).toBe(0);
  expect(json.data).toMatchObject({ month: '2026-10', livemode: false, over: true });
  const [eur, jpy, usd] = json.data.currencies;
  expect(eur).toEqual(october);
  expect(jpy).toMatchObject({ currency: 'jpy', net_minor: 2500, opening_minor: 0, closing_minor: 0 });
  expect(usd).toMatchObject({
    currency: 'usd',
    net_minor: 2100,
    opening_minor: 0,
    new_minor: 2100,
    closing_minor: 2100,
    opening_customers: 0,
    customer_churn: null,
  });
});

it('takes the last month that is over when none is named', async () => {
  expect((await pipeline.run('money', '--json')).json.data.month).toBe('2026-10');
  expect((await pipeline.run('money', '--format', 'json')).out).toContain('"month":"2026-10"');
});

it('begins a month in which nothing moved with what the one before ended with', async () => {
  const { json, out } = await pipeline.run('money', '--month', '2026-11', '--json');
  expect(json.data.over).toBe(false);
  expect(json.data.currencies[0]).toMatchObject({
    gross_minor: 1900,
    opening_minor: 10_600,
    new_minor: 0,
    churn_minor: 0,
    closing_minor: 10_600,
    opening_customers: 4,
    revenue_churn: 0,
  });
  expect(out).toBeDefined();
  expect((await pipeline.run('money', '--month', '2026-11')).out).toContain('2026-11 (UTC, test mode), so far');
});

it('prints a table that a person reads', async () => {
  const { out } = await pipeline.run('money', '--month', '2026-10');
  expect(out).toMatch(/^ +EUR +JPY +USD$/m);
  expect(out).toMatch(/^payments received +68\.00 +2500 +21\.00$/m);
  expect(out).toMatch(/^– churn +-19\.00 +0 +0\.00$/m);
  expect(out).toMatch(/^revenue churn +56\.32 % +– +–$/m);
});

it('prints lines for a spreadsheet, in minor units', async () => {
  const { out } = await pipeline.run('money', '--month', '2026-10', '--format', 'csv');
  const [heads, eur] = out.split('\n');
  expect(heads).toMatch(/^month,currency,gross_minor,refunded_minor,disputed_minor,net_minor,payments,/);
  expect(eur).toBe('2026-10,eur,6800,500,1900,4400,2,1,1,8700,1900,3000,1900,-3000,-1900,10600,3,1,1,1,0.5632,0.3333');
});

it.each([
  [['--month', '2026-13'], /wanted a month such as 2026-10/],
  [['--format', 'xml'], /Allowed choices are table, csv, json/],
])('refuses %j', async (args, message) => {
  const { code, err } = await pipeline.run('money', ...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

it('answers a month of which nothing is known', async () => {
  expect((await pipeline.run('money', '--month', '2020-01')).out).toBe('2020-01: no money moved.');
});
