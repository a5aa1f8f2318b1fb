import { settle } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** From the attacker's side: what each role of Supabase is refused (design §5). */

const alice = '11111111-1111-4111-8111-111111111111';
const bob = '22222222-2222-4222-8222-222222222222';
let db: TestDatabase;

beforeAll(async () => {
  db = await freshDatabase();
  for (const [index, user] of [alice, bob].entries()) {
    await settle(
      testProcessor(db.writer),
      envelope(
        subscriptionEvent(`evt_${index}`, 'updated', 100, {
          id: `sub_${index}`,
          customer: `cus_${index}`,
          metadata: { user_id: user },
        }),
      ),
    );
  }
});
afterAll(() => db.close());

/** Runs one statement as the API would: the role, and the claims of a signed-in user's token. */
async function as(role: string, sql: string, user?: string): Promise<unknown[]> {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    if (user)
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify({ sub: user, role })]);
    await client.query(`set local role ${role}`);
    return (await client.query(sql)).rows;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const tables = [
  'events',
  'customers',
  'checkouts',
  'subscriptions',
  'invoices',
  'payments',
  'refunds',
  'disputes',
  'plan_events',
];
const views = ['plan_states', 'revenue_daily', 'subscriptions_by_plan', 'conversion', 'payment_history'];

it('lists every table and view of the schema, so that none is forgotten below', async () => {
  const { rows } = await db.admin.query(
    `select relname, relkind, relrowsecurity from pg_class where relnamespace = 'billing'::regnamespace and relkind in ('r', 'v')`,
  );
  expect(
    rows
      .filter(({ relkind }) => relkind === 'r')
      .map(({ relname }) => relname)
      .sort(),
  ).toEqual([...tables].sort());
  expect(
    rows
      .filter(({ relkind }) => relkind === 'v')
      .map(({ relname }) => relname)
      .sort(),
  ).toEqual([...views].sort());
  expect(rows.filter(({ relkind, relrowsecurity }) => relkind === 'r' && !relrowsecurity)).toEqual([]);
});

it('shows a signed-in user exactly their own plan and its events', async () => {
  expect(await as('authenticated', 'select user_id, plan_id, status, entitled from public.my_plan', alice)).toEqual([
    { user_id: alice, plan_id: 'premium', status: 'active', entitled: true },
  ]);
  expect(await as('authenticated', 'select user_id from public.my_plan_events', bob)).toEqual([{ user_id: bob }]);
});

it('shows nothing to a signed-in user without a plan, nor to a token without a user', async () => {
  expect(await as('authenticated', 'select * from public.my_plan', '33333333-3333-4333-8333-333333333333')).toEqual([]);
  expect(await as('authenticated', 'select * from public.my_plan')).toEqual([]);
});

it.each([
  `select * from public.my_plan where user_id = '${bob}'`,
  `select * from billing.plan_states where user_id = '${bob}'`,
  `select subscription_id from billing.subscriptions where user_id = '${bob}'`,
  `select id from billing.plan_events where user_id = '${bob}'`,
  `select plan_id from public.my_plan where (1 / (case when user_id = '${bob}' then 0 else 1 end)) is not null and user_id = '${bob}'`,
])('hides another user from a signed-in one: %s', async (sql) => {
  expect(await as('authenticated', sql, alice)).toEqual([]);
});

it.each([
  'select metadata_user_id from billing.subscriptions',
  'select * from billing.events',
  'select * from billing.customers',
  'select * from billing.payments',
  'select * from billing.payment_history',
  'select * from billing.revenue_daily',
  `update billing.subscriptions set tier = 'PREMIUM_PLUS'`,
  `insert into billing.plan_events (event_type) values ('SUBSCRIPTION_ACTIVATED')`,
  'delete from billing.subscriptions',
  `update public.my_plan set tier = 'PREMIUM_PLUS'`,
  `insert into public.my_plan_events (event_type) values ('x')`,
  `select billing.apply_event('{}', null)`,
  `select billing.user_of(s) from billing.subscriptions s`,
  'set local row_security = off; select subscription_id from billing.subscriptions',
])('refuses a signed-in user: %s', async (sql) => {
  await expect(as('authenticated', sql, alice)).rejects.toThrow(
    /permission denied|violates row-level|affected by row-level|cannot (update|insert into) view/,
  );
});

it.each([
  ...[...tables, ...views].map((name) => `select * from billing.${name}`),
  'select * from public.my_plan',
  'select * from public.my_plan_events',
  `select billing.apply_event('{}', null)`,
])('refuses anon: %s', async (sql) => {
  await expect(as('anon', sql)).rejects.toThrow(/permission denied/);
});

it.each([
  ...[...tables, ...views].flatMap((name) => [`select 1 from billing.${name}`, `delete from billing.${name}`]),
  'select * from public.my_plan',
  `insert into billing.customers values ('x')`,
  `select billing.compare('{}')`,
  `select billing.announce('{}', 'cus_1')`,
  `select billing.store_if_later('billing.customers', 'customer_id', '{}')`,
  'create table billing.mine (x int)',
  'create table public.mine (x int)',
  'create temp table mine (x int); drop schema billing cascade',
  'set role postgres',
  'grant select on billing.events to stripe_writer',
])('refuses stripe_writer: %s', async (sql) => {
  await expect(db.writer.query(sql)).rejects.toThrow(
    /permission denied|must be owner|no privileges were granted|cannot delete from view/,
  );
});

it('lets stripe_writer execute the apply function and no other function of ours', async () => {
  const { rows } = await db.admin.query(`
    select p.oid::regprocedure::text as name from pg_proc p where pronamespace = 'billing'::regnamespace and has_function_privilege('stripe_writer', p.oid, 'execute')`);
  expect(rows).toEqual([{ name: 'billing.apply_event(jsonb,jsonb,jsonb)' }]);
  const { rows: columns } = await db.admin.query(`
    select c.relname from pg_class c where relnamespace in ('billing'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'v')
      and has_any_column_privilege('stripe_writer', c.oid, 'select, insert, update')`);
  expect(columns).toEqual([]);
});

it('cannot be led astray by a schema that a caller puts first', async () => {
  const { rows } = await db.admin.query(
    `select proconfig, prosecdef from pg_proc where pronamespace = 'billing'::regnamespace and prosecdef`,
  );
  expect(rows).toEqual([{ prosecdef: true, proconfig: ['search_path=""'] }]);
});

it('gives finance and support the views and, of the tables beneath them, no more than the columns of a plan', async () => {
  for (const view of views) await as('billing_reader', `select * from billing.${view}`);
  await expect(as('billing_reader', 'select metadata_user_id from billing.subscriptions')).rejects.toThrow(
    /permission denied/,
  );
  for (const table of tables.filter((name) => name !== 'subscriptions'))
    await expect(as('billing_reader', `select * from billing.${table}`)).rejects.toThrow(/permission denied/);
});
