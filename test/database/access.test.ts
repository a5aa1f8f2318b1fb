import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** From the attacker's side: what each role of Supabase is refused (docs/deploy.md). */

const alice = '11111111-1111-4111-8111-111111111111';
const bob = '22222222-2222-4222-8222-222222222222';
let db: TestDatabase;

beforeAll(async () => {
  db = await freshDatabase();
  for (const [index, user] of [alice, bob].entries()) {
    await processEvent(
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
  'catalogue',
  'invoice_payments',
  'subscription_history',
  'schedules',
  'purchases',
  'user_plans',
  'reconcile_cursors',
  'erasures',
  'retention',
];
const views = [
  'subscription_states',
  'state_without_subscription',
  'purchase_states',
  'plan_sources',
  'plan_states',
  'revenue_daily',
  'subscriptions_by_plan',
  'conversion',
  'paying_users',
  'mrr_movements',
  'payment_history',
];

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

it('shows the plan of those without a subscription to whoever has none, and nothing to a token without a user', async () => {
  expect(
    await as(
      'authenticated',
      'select tier, status, entitled, features from public.my_plan',
      '33333333-3333-4333-8333-333333333333',
    ),
  ).toEqual([{ tier: 'FREE', status: 'none', entitled: false, features: { export: false, seats: 1 } }]);
  expect(await as('authenticated', 'select * from public.my_plan')).toEqual([]);
});

it.each([
  `select * from public.my_plan where user_id = '${bob}'`,
  `select * from billing.plan_states where user_id = '${bob}'`,
  `select subscription_id from billing.subscriptions where user_id = '${bob}'`,
  `select id from billing.plan_events where user_id = '${bob}'`,
  `select user_id from billing.user_plans where user_id = '${bob}'`,
  `select user_id from billing.subscription_states where user_id = '${bob}'`,
  `select user_id from billing.purchase_states where user_id = '${bob}'`,
  `select user_id from billing.plan_sources where user_id = '${bob}'`,
  `select invoice_id from billing.purchases where user_id = '${bob}'`,
  `select plan_id from public.my_plan where (1 / (case when user_id = '${bob}' then 0 else 1 end)) is not null and user_id = '${bob}'`,
])('hides another user from a signed-in one: %s', async (sql) => {
  expect(await as('authenticated', sql, alice)).toEqual([]);
});

it.each([
  'select metadata_user_id from billing.subscriptions',
  'select payment_intent_id from billing.purchases',
  'select * from billing.invoices',
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
  `select billing.apply_events('[]')`,
  `select billing.due_users(1)`,
  `select billing.state_of('${bob}')`,
  'select * from billing.subscription_history',
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
  `select billing.apply_events('[]')`,
  `select public.plan_of('${bob}')`,
  `select public.has_plan('PREMIUM')`,
])('refuses anon: %s', async (sql) => {
  await expect(as('anon', sql)).rejects.toThrow(/permission denied/);
});

it.each([
  ...[...tables, ...views].flatMap((name) => [`select 1 from billing.${name}`, `delete from billing.${name}`]),
  'select * from public.my_plan',
  `insert into billing.customers values ('x')`,
  `select billing.apply_event('{}', null, null)`,
  `select billing.settle_user('{}', 'user_1', null)`,
  `select billing.store_customers(null)`,
  `select billing.make_store('billing.customers', 'customer_id')`,
  'call billing.take_ownership()',
  'set role billing_owner',
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

it('lets stripe_writer execute the functions of the handlers and no other of ours', async () => {
  const { rows } = await db.admin.query(`
    select p.oid::regprocedure::text as name from pg_proc p where pronamespace = 'billing'::regnamespace and has_function_privilege('stripe_writer', p.oid, 'execute')`);
  expect(rows.map(({ name }) => name).sort()).toEqual([
    'billing.apply_events(jsonb,jsonb)',
    'billing.compare(jsonb)',
    'billing.cursor_of(text)',
    'billing.customers_not_as_derived(text,integer)',
    'billing.due_users(integer)',
    'billing.keep_cursor(text,jsonb)',
    'billing.money_by_day(text)',
    'billing.money_of(date,boolean)',
    'billing.plans_not_as_derived(text,integer)',
    'billing.rows_of(text,text[],bigint,bigint)',
    'billing.standing()',
    'billing.story_of(text,text[],integer)',
    'billing.story_of_event(text)',
    'billing.trim_ledger(integer)',
    'billing.without_user(text,integer)',
  ]);
  const { rows: columns } = await db.admin.query(`
    select c.relname from pg_class c where relnamespace in ('billing'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'v')
      and has_any_column_privilege('stripe_writer', c.oid, 'select, insert, update')`);
  expect(columns).toEqual([]);
});

it('names pg_temp last in the path of every function, so that no caller can bring types of their own', async () => {
  const { rows } = await db.admin.query(
    `select oid::regprocedure::text as name from pg_proc
     where pronamespace in ('billing'::regnamespace, 'public'::regnamespace)
       and proconfig is distinct from array['search_path=pg_catalog, pg_temp']
       and proconfig is distinct from array['search_path=pg_catalog, pg_temp', 'TimeZone=UTC']`,
  );
  expect(rows).toEqual([]);
});

it('has everything owned by a role that cannot log in and owns nothing else', async () => {
  const { rows } = await db.admin.query(
    `select relname as name from pg_class where relnamespace = 'billing'::regnamespace and relkind in ('r', 'v', 'S') and relowner <> 'billing_owner'::regrole
     union all select proname from pg_proc where pronamespace = 'billing'::regnamespace and proowner <> 'billing_owner'::regrole`,
  );
  expect(rows).toEqual([]);
  const { rows: role } = await db.admin.query(
    `select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'billing_owner'`,
  );
  expect(role).toEqual([
    { rolcanlogin: false, rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false },
  ]);
});

it('lets nobody execute a function of the schema who is not named', async () => {
  const { rows } = await db.admin.query(
    `select oid::regprocedure::text as name from pg_proc
     where pronamespace = 'billing'::regnamespace and has_function_privilege('anon', oid, 'execute')`,
  );
  expect(rows).toEqual([]);
});

it('gives finance, support and servers every row, and lets them change none', async () => {
  for (const name of [...tables, ...views])
    for (const role of ['billing_reader', 'service_role']) {
      await as(role, `select * from billing.${name}`);
      await expect(as(role, `delete from billing.${name}`)).rejects.toThrow(/permission denied|cannot delete/);
    }
  expect(await as('billing_reader', 'select count(*)::int as n from billing.subscriptions')).toEqual([{ n: 2 }]);
  expect(await as('service_role', `select public.plan_of('${bob}') ->> 'tier' as tier`)).toEqual([{ tier: 'PREMIUM' }]);
});

it.each([
  ['when and why it ended', 'select canceled_at, ended_at, cancellation_reason from billing.subscriptions'],
  ['failed invoices', 'select invoice_id, problem, attempt_count from billing.invoices'],
  ['what the apps were notified of', 'select event_type, version, plan, source_event_id from billing.plan_events'],
  ['how each event ended, and why', 'select event_id, outcome, reason, held_event_id from billing.events'],
  ['what Stripe told when', 'select as_of, status, plan_id from billing.subscription_history'],
  ['the story of a user', `select billing.story_of('${alice}', '{}', 10)`],
  ['the story of an event', `select billing.story_of_event('evt_0')`],
  ['a month’s money', `select billing.money_of('2026-10-01', true)`],
])('lets support read %s', async (_what, sql) => {
  await expect(as('billing_reader', sql)).resolves.toBeDefined();
  await expect(as('authenticated', sql, alice)).rejects.toThrow(/permission denied/);
});

it('says no, and is no error, before the first event has brought the catalogue', async () => {
  const empty = await freshDatabase();
  const { rows } = await empty.admin.query(`select public.has_plan('PREMIUM')`);
  await empty.close();
  expect(rows).toEqual([{ has_plan: false }]);
});

it('answers the questions of an app: has_plan, has_feature, plan_of', async () => {
  const ask = async (sql: string, user: string) =>
    ((await as('authenticated', `select ${sql} as answer`, user)) as { answer: unknown }[])[0]!.answer;
  const nobody = '33333333-3333-4333-8333-333333333333';
  expect(await ask(`has_plan('PREMIUM')`, alice)).toBe(true);
  expect(await ask(`has_plan('PREMIUM_PLUS')`, alice)).toBe(false);
  expect(await ask(`has_plan('FREE')`, nobody)).toBe(true);
  await expect(ask(`has_plan('GOLD')`, alice)).rejects.toThrow(/no tier 'GOLD'/);
  expect(await ask(`has_feature('export')`, alice)).toBe(true);
  expect(await ask(`has_feature('export')`, nobody)).toBe(false);
  expect(await ask(`has_feature('seats')`, nobody)).toBe(true);
  expect(await ask(`plan_of('${alice}') ->> 'tier'`, alice)).toBe('PREMIUM');
  expect(await ask(`plan_of('${bob}') ->> 'tier'`, alice)).toBe('FREE');
});

it('lets the members of an organisation read its plan, once the deployer says who is one', async () => {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    await client.query(`
      create table public.members (org text, user_id uuid);
      insert into public.members values ('${bob}', '${alice}');
      grant select on public.members to authenticated;
      create or replace function billing.may_read_plan(owner text) returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
      begin
        return owner = (select auth.uid())::text or exists (select from public.members as it where it.org = owner and it.user_id = (select auth.uid()));
      end $$`);
    await client.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify({ sub: alice })]);
    await client.query('set local role authenticated');
    const { rows } = await client.query(`select public.plan_of('${bob}') ->> 'tier' as tier`);
    expect(rows).toEqual([{ tier: 'PREMIUM' }]);
  } finally {
    await client.query('rollback');
    client.release();
  }
});
