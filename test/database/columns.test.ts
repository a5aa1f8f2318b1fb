import { planStore } from '../../adapters/postgres/plan-store.ts';
import { eventRoutes, routedEventTypes } from '../../core/event-routes.ts';
import type { Fact } from '../../core/stripe/facts/fact.ts';
import { readSubscription, type SubscriptionSnapshot } from '../../core/stripe/facts/subscription.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sampleOf, subscriptionEvent } from '../support/stripe-samples.ts';

/** A column more is a column stored: by the first event, and by every later one. */

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

/** Another value of the same kind, for every key. */
const other = (value: unknown): unknown => {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return /^\d{4}-/.test(value) ? '2031-01-01T00:00:00.000Z' : `${value}_other`;
  return { seats: 7 };
};

/** A snapshot in which no key is null, so that each can be seen to change. */
const full: SubscriptionSnapshot = {
  ...readSubscription((subscriptionEvent('evt', 'updated', 1) as { data: { object: object } }).data.object, catalogue)
    .snapshot,
  lookup_key: 'premium_monthly',
  cancel_at: '2030-01-01T00:00:00.000Z',
  canceled_at: '2030-01-01T00:00:00.000Z',
  cancellation_reason: 'cancellation_requested',
  ended_at: '2030-01-01T00:00:00.000Z',
  trial_start: '2030-01-01T00:00:00.000Z',
  trial_end: '2030-01-01T00:00:00.000Z',
  current_period_start: '2030-01-01T00:00:00.000Z',
};

const apply = (created: number, snapshot: object) =>
  planStore(db.writer).apply([
    {
      event: {
        id: `evt_${created}`,
        type: 'customer.subscription.updated',
        created,
        livemode: false,
        api_version: null,
        arrived_at: '2026-11-21T00:00:00Z',
        replay_name: null,
        origin: 'webhook',
        worker: 'billing',
      },
      fact: { kind: 'subscription', subscription_id: 'sub_1', customer_id: 'cus_1', snapshot: snapshot as never },
    },
  ]);

it('stores every field of a snapshot, and every field of the one after it', async () => {
  const { status, plan_unknown, ...rest } = full;
  const next = {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, other(value)])),
    status: 'past_due',
    // An unknown price would keep the plan held before; here the plan itself changes.
    plan_unknown,
  };
  expect(Object.entries(full).filter(([, value]) => value === null)).toEqual([]);
  for (const [created, snapshot] of [
    [100, full],
    [200, next],
  ] as const) {
    await apply(created, snapshot);
    const { rows } = await db.admin.query('select to_jsonb(it) as row from billing.subscriptions as it');
    const row = rows[0].row as Record<string, unknown>;
    for (const [key, value] of Object.entries(snapshot)) {
      const held = row[key];
      const isTime = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value);
      expect([key, isTime ? Date.parse(held as string) : held]).toEqual([key, isTime ? Date.parse(value) : value]);
    }
  }
  expect(status).toBe('active');
});

it('writes each column of each table that events move, or names it as derived', async () => {
  const derived = ['session_user_id', 'user_id', 'notified_problem'];
  const { rows } = await db.admin.query(`
    select relname as table, array_agg(attname::text) as columns, pg_get_functiondef(proc.oid) as writes
    from pg_proc as proc
    join pg_class as held on held.relnamespace = 'billing'::regnamespace and held.relkind = 'r'
      and proc.proname in ('store_' || held.relname, 'write_' || rtrim(held.relname, 's'))
    join pg_attribute on attrelid = held.oid and attnum > 0 and not attisdropped
    where proc.pronamespace = 'billing'::regnamespace and proc.proname <> 'write_plan_event' group by relname, proc.oid order by relname`);
  expect(rows.map(({ table }) => table)).toEqual([
    'checkouts',
    'customers',
    'disputes',
    'invoice_payments',
    'invoices',
    'payments',
    'refunds',
    'schedules',
    'subscriptions',
  ]);
  for (const { table, columns, writes } of rows as { table: string; columns: string[]; writes: string }[]) {
    const forgotten = columns.filter((column) => !new RegExp(`\\b(incoming|next)\\.${column}\\b`).test(writes));
    const mayBe = table === 'customers' || table === 'invoices' ? derived : [];
    expect([table, forgotten.filter((column) => !mayBe.includes(column))]).toEqual([table, []]);
  }
});

/** Where each kind of fact is stored; null: it carries no field that is. */
const tableOf: Record<Fact['kind'], string | null> = {
  subscription: 'subscriptions',
  checkout: 'checkouts',
  customer: 'customers',
  invoice: 'invoices',
  payment: 'payments',
  refund: 'refunds',
  dispute: 'disputes',
  invoice_payment: 'invoice_payments',
  schedule: 'schedules',
  due: null,
};

it.each(routedEventTypes)('has a column for every field that is read from %s', async (type) => {
  const fact = eventRoutes[type].read(sampleOf(type), type, catalogue);
  const table = fact && tableOf[fact.kind];
  if (!table) return;
  // What was bought and who paid it have a table of their own (billing.store_purchase).
  const { kind, purchase, paid_by, ...fields } = (
    fact.kind === 'subscription' ? { kind: '', ...fact.snapshot } : fact
  ) as Record<string, unknown>;
  const { rows } = await db.admin.query(
    'select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped',
    [`billing.${table}`],
  );
  const columns = rows.map(({ attname }) => attname as string);
  // jsonb_populate_record drops what has no column, without a word: CONTRIBUTING.md, "A migration".
  expect(Object.keys(fields).filter((field) => !columns.includes(field))).toEqual([]);
});
