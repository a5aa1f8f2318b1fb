import pg from 'pg';
import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { charge, checkout, customer, event, invoice, subscriptionEvent } from '../support/stripe-samples.ts';

/** Somebody has the handlers' password, and wants what the owner of the functions they may call can do. */

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  // The migrations may take this away some day; the attack must not fail for so little.
  await db.admin.query(`grant temporary on database "${new URL(db.adminUrl).pathname.slice(1)}" to stripe_writer`);
});
afterAll(() => db.close());

/** What runs as somebody else says so where the attacker can read it afterwards. */
const EVIDENCE = `if current_user <> session_user then perform pg_catalog.set_config('attack.ran_as', current_user || ' by ' || tg_or_type, false); end if;`;

/** Every type of Postgres that a domain can be made of, so that none a function may use, now or later, is forgotten. */
async function shadowTypes(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query(
    `select typname from pg_catalog.pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r') and typname not like '\\_%'`,
  );
  const shadowed: string[] = [];
  for (const { typname } of rows) {
    try {
      await client.query(
        `create function pg_temp."evil_${typname}"(v pg_catalog."${typname}") returns boolean language plpgsql as $$ begin ${EVIDENCE.replace('tg_or_type', `'type ${typname}'`)} return true; end $$`,
      );
      await client.query(
        `create domain pg_temp."${typname}" as pg_catalog."${typname}" check (pg_temp."evil_${typname}"(value))`,
      );
      shadowed.push(typname);
    } catch {
      // Not every type of the catalogue can be a domain's.
    }
  }
  return shadowed;
}

/** Every function that the bodies of our functions could mean, with the same arguments. */
async function shadowFunctions(client: pg.ClientBase, bodies: string): Promise<number> {
  const called = [...new Set([...bodies.matchAll(/\b([a-z_][a-z0-9_]*)\s*\(/g)].map(([, name]) => name!))];
  const { rows } = await client.query(
    `select p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments, pg_catalog.format_type(p.prorettype, null) as returns
     from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.proname = any($1)`,
    [called],
  );
  let made = 0;
  for (const { proname, arguments: given, returns } of rows) {
    const body = `begin ${EVIDENCE.replace('tg_or_type', `'function ${proname}'`)} return null; end`;
    await client
      .query(`create function pg_temp."${proname}"(${given}) returns ${returns} language plpgsql as $$ ${body} $$`)
      .then(() => {
        made += 1;
      })
      // Internal arguments and pseudo-types: no caller can name them either.
      .catch(() => {});
  }
  return made;
}

/** Every operator between the types that our functions compare and put together. */
async function shadowOperators(client: pg.ClientBase): Promise<number> {
  let made = 0;
  for (const type of ['text', 'jsonb', 'timestamptz', 'int4', 'int8', 'bool', 'numeric', 'uuid', 'interval']) {
    const qualified = `pg_catalog.${type}`;
    await client.query(
      `create function pg_temp.evil_operator(a ${qualified}, b ${qualified}) returns boolean language plpgsql as $$ begin ${EVIDENCE.replace('tg_or_type', `'operator on ${type}'`)} return true; end $$`,
    );
    for (const operator of ['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '->', '->>', '@>']) {
      await client.query(
        `create operator pg_temp.${operator} (leftarg = ${qualified}, rightarg = ${qualified}, function = pg_temp.evil_operator)`,
      );
      made += 1;
    }
  }
  return made;
}

/** A table of the caller's for every name that the schema gives a table or a view, which runs code when it is written to. */
async function shadowTables(client: pg.ClientBase): Promise<number> {
  await client.query(
    `create function pg_temp.evil_trigger() returns trigger language plpgsql as $$ begin ${EVIDENCE.replace('tg_or_type', `'table ' || tg_table_name`)} return new; end $$`,
  );
  const names = (
    await db.admin.query(
      `select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind in ('r', 'v')`,
    )
  ).rows;
  for (const { relname } of names) {
    await client.query(`create temp table "${relname}" (id pg_catalog.int4)`);
    await client.query(
      `create trigger evil before insert or update on pg_temp."${relname}" for each statement execute function pg_temp.evil_trigger()`,
    );
  }
  return names.length;
}

/** One of each kind that the workers apply, so that every branch of the apply function runs. */
const messages = [
  event('evt_a1', 'customer.created', 100, customer({ id: 'cus_a', metadata: { user_id: 'user_a' } })),
  subscriptionEvent('evt_a2', 'created', 101, { id: 'sub_a', customer: 'cus_a' }),
  subscriptionEvent('evt_a3', 'updated', 102, { id: 'sub_a', customer: 'cus_a', status: 'past_due' }),
  event('evt_a4', 'invoice.payment_failed', 103, invoice({ customer: 'cus_a' })),
  event('evt_a5', 'charge.succeeded', 104, charge({ customer: 'cus_a' })),
  event('evt_a6', 'checkout.session.completed', 105, checkout({ customer: 'cus_a', subscription: 'sub_a' })),
  subscriptionEvent('evt_a7', 'deleted', 106, { id: 'sub_a', customer: 'cus_a', status: 'canceled' }),
];

async function ranAs(client: pg.ClientBase): Promise<string | null> {
  return (
    (await client.query(`select pg_catalog.current_setting('attack.ran_as', true) as evidence`)).rows[0].evidence ||
    null
  );
}

it("runs nothing of its caller's with its owner's rights: types, functions, operators and tables of the same names", async () => {
  const bodies = (
    await db.admin.query(
      `select string_agg(prosrc, ' ') as bodies from pg_proc where pronamespace = 'billing'::regnamespace`,
    )
  ).rows[0].bodies;
  const client = new pg.Client(db.writerUrl);
  await client.connect();
  try {
    const types = await shadowTypes(client);
    expect(types).toEqual(
      expect.arrayContaining(['text', 'jsonb', 'timestamptz', 'int4', 'int8', 'bool', 'uuid', 'interval', 'numeric']),
    );
    expect(await shadowFunctions(client, bodies)).toBeGreaterThan(20);
    expect(await shadowOperators(client)).toBe(108);
    expect(await shadowTables(client)).toBeGreaterThan(9);
    const processor = testProcessor(client as unknown as pg.Pool, { worker: 'billing' });
    for (const message of messages)
      expect((await processEvent(processor, envelope(message))).outcome).toMatch(/^(applied|stale)$/);
    // A replay goes through the order rule again, and derives anew.
    for (const message of messages) await processEvent(processor, envelope(message, { 'replay-name': 'again' }));
    await processor.store.compare({
      event_ids: ['evt_a1'],
      subscription_ids: ['sub_a'],
      customer_ids: ['cus_a'],
      user_ids: ['user_a'],
    });
    await client.query('select billing.due_users(10)');
    expect(await ranAs(client)).toBeNull();
  } finally {
    await client.end();
  }
});

it("would have seen it: a function that leaves the caller's schema first is taken over", async () => {
  await db.admin.query(
    `create function public.careless() returns text language plpgsql security definer set search_path = '' as $$ begin return 'x'::text; end $$;
     grant execute on function public.careless() to stripe_writer`,
  );
  const client = new pg.Client(db.writerUrl);
  await client.connect();
  try {
    await shadowTypes(client);
    await client.query('select public.careless()');
    expect(await ranAs(client)).toBe('postgres by type text');
  } finally {
    await client.end();
    await db.admin.query('drop function public.careless()');
  }
});

it("names the caller's schema last in every function, and gives those that run as their owner one who owns nothing else", async () => {
  const { rows } = await db.admin.query(
    `select p.oid::regprocedure::text as name, p.prosecdef, r.rolname, r.rolcanlogin, r.rolsuper, coalesce(p.proconfig, '{}') as settings
     from pg_proc p join pg_roles r on r.oid = p.proowner where p.pronamespace = 'billing'::regnamespace`,
  );
  expect(rows.length).toBeGreaterThan(20);
  expect(
    rows
      .filter(({ settings }) => !settings.some((setting: string) => /^search_path=.*\bpg_temp$/.test(setting)))
      .map(({ name }) => name),
  ).toEqual([]);
  const definers = rows.filter(({ prosecdef }) => prosecdef);
  expect(definers.length).toBeGreaterThanOrEqual(3);
  for (const { rolname, rolcanlogin, rolsuper } of definers)
    expect([rolname, rolcanlogin, rolsuper]).toEqual(['billing_owner', false, false]);
  const { rows: elsewhere } = await db.admin.query(
    `select classid::regclass::text, objid from pg_shdepend where refobjid = 'billing_owner'::regrole and deptype = 'o' and dbid = (select oid from pg_database where datname = current_database())
     and classid = 'pg_class'::regclass and (select relnamespace from pg_class where oid = objid) not in ('billing'::regnamespace, 'pg_toast'::regnamespace)`,
  );
  expect(elsewhere).toEqual([]);
});

it('lets nobody stall a customer by a lock that any role may take', async () => {
  const stranger = new pg.Client(db.adminUrl);
  await stranger.connect();
  try {
    for (const key of ['cus_b', 'sub_b', 'evt_b', 'user_b'])
      await stranger.query('select pg_advisory_lock(hashtextextended($1, 0)), pg_advisory_lock(hashtext($1))', [key]);
    const message = subscriptionEvent('evt_b', 'created', 100, {
      id: 'sub_b',
      customer: 'cus_b',
      metadata: { user_id: 'user_b' },
    });
    expect((await processEvent(testProcessor(db.writer), envelope(message))).outcome).toBe('applied');
  } finally {
    await stranger.end();
  }
});

it('does its work without the right to temporary objects, which the migrations leave to PUBLIC', async () => {
  const name = new URL(db.adminUrl).pathname.slice(1);
  await db.admin.query(`revoke temporary on database "${name}" from public, stripe_writer`);
  try {
    await expect(db.writer.query('create temporary table mine (x int)')).rejects.toThrow(/permission denied/);
    const again = subscriptionEvent('evt_without_temporary', 'updated', 200, {
      id: 'sub_9',
      customer: 'cus_9',
      metadata: {},
      status: 'canceled',
    });
    expect(await processEvent(testProcessor(db.writer), envelope(again))).toMatchObject({ outcome: 'applied' });
  } finally {
    await db.admin.query(`grant temporary on database "${name}" to public, stripe_writer`);
  }
});
