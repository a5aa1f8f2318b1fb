import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations } from '../../adapters/postgres/migrations.ts';
import { workerOf } from '../../core/event-routes.ts';
import { type PostgresServer, startPostgres } from '../../local/backends/postgres-server.ts';
import { Gathering } from '../../pipeline/apply-together.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { StripeAccount } from '../../stripe-simulator/account.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { filledTables } from '../support/filled-tables.ts';
import { charge, customer, event, invoice, subscriptionEvent } from '../support/stripe-samples.ts';

/** What costs time wherever it runs, counted and not timed: statements that are planned anew, rows that are read for nothing. On the oldest Postgres, which caches least. */

const DAY = 86_400;
const CUSTOMERS = 100_000;
/** Of tables that no more can be learnt from with more. */
const ROWS = 20_000;
/** What one event or one page of a hundred may read of a table, when it reads by index: five rows for each. */
const FEW_ROWS = 500;

let server: PostgresServer;
let admin: pg.Client;
/** One session, as a worker keeps one. */
let writer: pg.Pool;

beforeAll(async () => {
  server = await startPostgres({
    version: 15,
    settings: [
      'shared_preload_libraries=pg_stat_statements',
      'pg_stat_statements.track=all',
      'pg_stat_statements.track_planning=on',
      // On a slow machine it would come between and have everything planned anew.
      'autovacuum=off',
    ],
  });
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
  await applyMigrations(admin);
  await admin.query('create extension pg_stat_statements');
  writer = new pg.Pool({
    connectionString: server.url.replace('postgres@', 'stripe_writer@'),
    max: 1,
    idleTimeoutMillis: 0,
  });
});
afterAll(async () => {
  await writer.end();
  await admin.end();
  await server.remove();
});

const arrive = (stripeEvent: { type: string }, database: pg.Pool = writer) =>
  processEvent(testProcessor(database, { worker: workerOf(stripeEvent.type)! }), envelope(stripeEvent));

it('plans nothing anew for a further event in a session that has seen its like', async () => {
  const account = new StripeAccount();
  const month = (names: readonly string[]) => {
    const from = account.events.length;
    for (const name of names) {
      const person = account.customer(name);
      const began = 1_790_000_000;
      const subscription = person.signUp({ at: began, periodEnd: began + 30 * DAY });
      person.renew(subscription, { at: began + 30 * DAY, periodEnd: began + 60 * DAY });
      person.refundLastCharge(began + 31 * DAY);
      person.end(subscription, began + 40 * DAY);
    }
    return account.events.slice(from).filter(({ type }) => workerOf(type));
  };
  // Postgres plans a statement for its own values the first five times, then decides.
  for (const known of month(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])) await arrive(known);
  await admin.query('select pg_stat_statements_reset()');
  const further = month(['i', 'j', 'k']);
  for (const one of further) await arrive(one);

  const { rows: inner } = await admin.query(
    'select query, plans::integer from pg_stat_statements where not toplevel and plans > 0',
  );
  expect(inner).toEqual([]);
  const { rows: calls } = await admin.query(
    `select calls::integer, plans::integer from pg_stat_statements where query like 'select billing.apply_events%'`,
  );
  expect(calls).toEqual([{ calls: further.length, plans: further.length }]);
});

describe('with 100,000 customers, one of whom has 10,000 subscriptions', () => {
  beforeAll(async () => {
    await admin.query(filledTables({ customers: CUSTOMERS, others: ROWS }));
    await admin.query('analyze');
  }, 120_000);

  const deliveries: Record<string, { type: string }> = {
    'a renewed subscription': of(
      subscriptionEvent('evt_s', 'updated', 1_795_000_000, { ...person(7), price: 'price_premium_monthly_eur' }),
    ),
    'an ended subscription': of(
      subscriptionEvent('evt_e', 'deleted', 1_795_000_001, { ...person(8), status: 'canceled' }),
    ),
    'a new subscription': of(
      subscriptionEvent('evt_n', 'created', 1_795_000_000, { id: 'sub_new', customer: 'cus_new' }),
    ),
    'a charge': event('evt_c', 'charge.succeeded', 1_795_000_000, charge({ id: 'ch_new', customer: 'cus_9' })),
    'a paid invoice': event(
      'evt_i',
      'invoice.paid',
      1_795_000_000,
      invoice({ id: 'in_new', customer: 'cus_10', status: 'paid' }),
    ),
    'another user of a customer': event(
      'evt_m',
      'customer.updated',
      1_795_000_000,
      customer({ id: 'cus_11', metadata: { user_id: 'user_x' } }),
    ),
    'a charge of the customer with many': event(
      'evt_hc',
      'charge.succeeded',
      1_795_000_000,
      charge({ id: 'ch_hot', customer: 'cus_hot' }),
    ),
    'a subscription of the customer with many': of(
      subscriptionEvent('evt_hs', 'updated', 1_795_000_000, {
        id: 'sub_hot_5',
        customer: 'cus_hot',
        metadata: { user_id: 'user_hot' },
      }),
    ),
    'a changed address of the customer with many': event(
      'evt_ha',
      'customer.updated',
      1_795_000_000,
      customer({ id: 'cus_hot', metadata: { user_id: 'user_hot' } }),
    ),
  };
  it.each(Object.entries(deliveries))('%s is applied by index', async (_what, delivery) => {
    expect(
      await readsOf(async (client) => {
        await arrive(delivery, client as unknown as pg.Pool);
      }, 'stripe_writer'),
    ).toEqual([]);
  });

  const hundred = (prefix: string) => `array(select '${prefix}' || n * 190 + 1 from generate_series(0, 99) as n)`;
  const compare = (what: string, prefix: string) =>
    `select billing.compare(jsonb_build_object('${what}', ${hundred(prefix)}))`;
  const rowsOf = (kind: string, prefix: string) =>
    `select billing.rows_of('${kind}', ${hundred(prefix)}, 1790000100, 1790000150)`;
  const queries: [string, string][] = [
    ['stripe_writer', compare('subscription_ids', 'sub_')],
    ['stripe_writer', compare('event_ids', 'evt_')],
    ['stripe_writer', compare('customer_ids', 'cus_')],
    ['stripe_writer', compare('user_ids', 'user_')],
    ['stripe_writer', `select billing.compare('{}')`],
    ['stripe_writer', 'select billing.due_users(100)'],
    ['stripe_writer', 'select billing.trim_ledger(100)'],
    ['stripe_writer', `select billing.without_user('', 100)`],
    ['stripe_writer', `select billing.story_of('user_77', '{}', 100)`],
    ['stripe_writer', `select billing.story_of_event('evt_77')`],
    ['stripe_writer', rowsOf('customer', 'cus_')],
    ['stripe_writer', rowsOf('checkout', 'cs_')],
    ['stripe_writer', rowsOf('invoice_payment', 'inpay_')],
    ['stripe_writer', rowsOf('subscription', 'sub_')],
    ['stripe_writer', rowsOf('invoice', 'in_')],
    ['stripe_writer', rowsOf('charge', 'ch_')],
    ['stripe_writer', rowsOf('refund', 're_')],
    ['stripe_writer', rowsOf('dispute', 'dp_')],
    ['service_role', `select * from billing.plan_states where user_id = 'user_77'`],
    ['billing_reader', `select * from billing.plan_states where user_id = 'user_77'`],
    ['service_role', `select * from billing.payment_history where user_id = 'user_77' order by created`],
    ['service_role', `select public.plan_of('user_77')`],
    ['authenticated', 'select * from public.my_plan'],
    ['authenticated', 'select * from public.my_plan_events'],
    ['authenticated', `select public.has_feature('export')`],
    ['authenticated', `select public.has_plan('PREMIUM')`],
  ];
  it.each(queries)('as %s: %s', async (role, sql) => {
    expect(await readsOf((client) => client.query(sql), role)).toEqual([]);
  });
});

it('plans nothing anew for a further batch of ten either', async () => {
  const account = new StripeAccount();
  const batches = (first: number, last: number) => {
    const from = account.events.length;
    for (let n = first; n <= last; n += 1) {
      const person = account.customer(`batch${n}`);
      const began = 1_790_000_000;
      const subscription = person.signUp({ at: began, periodEnd: began + 30 * DAY });
      person.renew(subscription, { at: began + 30 * DAY, periodEnd: began + 60 * DAY });
      person.end(subscription, began + 40 * DAY);
    }
    const events = account.events.slice(from).filter(({ type }) => workerOf(type));
    return Array.from({ length: Math.ceil(events.length / 10) }, (_, n) => events.slice(10 * n, 10 * n + 10));
  };
  const arriveTogether = (events: { type: string }[]) => {
    const processor = testProcessor(writer, { worker: 'billing' });
    const gathering = new Gathering(processor, events.length);
    return Promise.all(events.map((each) => processEvent(processor, envelope(each), gathering.apply)));
  };
  for (const batch of batches(1, 40)) await arriveTogether(batch);
  await admin.query('select pg_stat_statements_reset()');
  for (const batch of batches(41, 45)) await arriveTogether(batch);
  const { rows } = await admin.query(
    'select query, plans::integer from pg_stat_statements where not toplevel and plans > 0',
  );
  expect(rows).toEqual([]);
});

/** The tables of which one transaction read many rows, by index or as a whole. */
async function readsOf(work: (client: pg.Client) => Promise<unknown>, role: string) {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    await client.query('begin');
    await client.query(
      `select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-000000000077"}', true)`,
    );
    await client.query(`set local role ${role}`);
    await work(client);
    await client.query('reset role');
    const { rows } = await client.query<{ name: string; whole: string; by_index: string }>(
      `select relname as name, seq_tup_read as whole, coalesce(idx_tup_fetch, 0) as by_index from pg_stat_xact_user_tables where schemaname = 'billing'`,
    );
    return rows.filter(({ whole, by_index }) => Number(whole) + Number(by_index) > FEW_ROWS);
  } finally {
    await client.query('rollback');
    await client.end();
  }
}

function of(made: object): { type: string } {
  return made as { type: string };
}

function person(n: number) {
  return { id: `sub_${n}`, customer: `cus_${n}`, metadata: { user_id: `user_${n}` } };
}
