import type pg from 'pg';
import { type ComparedTable, comparedTables, keyOf } from './expected.ts';

/** Those that show Stripe's objects, and what the apps were notified of. */
const damaged = [...comparedTables, 'user_plans'] as const;
const keys = { ...keyOf, user_plans: 'user_id' } as const;

/** What a column may hold beside what it should, where a type alone does not say. */
const wrongValues: Record<string, string> = {
  'subscriptions.status': `case when ascii(right(subscription_id, 2)) % 2 = 0 then 'canceled' else 'paused' end`,
  'checkouts.status': `'expired'`,
  'payments.object': `'payment_intent'`,
  'invoices.problem': `case when status = 'open' then null else 'action_required' end`,
  // What the apps were notified of last. Its moment is the clock's: a wrong one that is over is looked at within five minutes.
  'user_plans.changes_at': `now() + interval '9 years'`,
};
const wrongOf: Record<string, (column: string) => string> = {
  text: (column) => `coalesce(${column}, '') || '_edited'`,
  boolean: (column) => `not coalesce(${column}, false)`,
  integer: (column) => `coalesce(${column}, 0) + 1`,
  bigint: (column) => `coalesce(${column}, 0) + 1`,
  // Nine years ahead, or behind.
  'timestamp with time zone': (column) =>
    `case when isfinite(coalesce(${column}, now())) then coalesce(${column}, now()) else now() end + interval '9 years' * (case when random() < 0.5 then -1 else 1 end)`,
  jsonb: () => `'{"edited": true}'`,
  ARRAY: () => `'{9,9,9}'`,
};

/**
 * Edits every column of every table that shows Stripe's objects, and of what the apps were notified of, each in other rows; deletes rows of each; adds such as Stripe never had.
 * @param rowsEach so many rows of each column at most
 * @returns how many rows were edited, by column, and the users of whom nobody knows any more what they were notified of
 */
export async function damage(
  admin: pg.Pool,
  rowsEach = 20,
): Promise<{ edited: Record<string, number>; deleted: number; users: string[] }> {
  const { rows: columns } = await admin.query<{ table_name: string; column_name: string; data_type: string }>(
    `select table_name, column_name, data_type from information_schema.columns
     where table_schema = 'billing' and table_name = any ($1) order by table_name, ordinal_position`,
    [damaged],
  );
  const edited: Record<string, number> = {};
  let deleted = 0;
  const users: string[] = [];
  for (const table of damaged) {
    const key = keys[table];
    const theirs = columns.filter(
      ({ table_name, column_name }) => table_name === table && ![key, 'version'].includes(column_name),
    );
    const ours = table === 'payments' ? `object = 'charge'` : 'true';
    // One slice of the rows a column, one for deletion, one that stays as it is.
    await admin
      .query(
        `create temp table slices as select id, place % $1 as slice
         from (select ${key} as id, row_number() over (order by md5(${key})) as place from billing.${table} where ${ours}) as it where place <= $1 * $2`,
        [theirs.length + 2, rowsEach],
      )
      .catch(rethrow(table));
    for (const [slice, { column_name, data_type }] of theirs.entries()) {
      const wrong = wrongValues[`${table}.${column_name}`] ?? wrongOf[data_type]!(column_name);
      const { rowCount } = await admin
        .query(
          `update billing.${table} set ${column_name} = ${wrong} where ${key} in (select id from slices where slice = ${slice})`,
        )
        .catch(rethrow(`${table}.${column_name}`));
      edited[`${table}.${column_name}`] = rowCount!;
    }
    const { rowCount } = await admin.query(
      `delete from billing.${table} where ${key} in (select id from slices where slice = ${theirs.length})`,
    );
    deleted += rowCount!;
    if (table === 'user_plans')
      users.push(...(await admin.query('select id from slices where slice < 3')).rows.map(({ id }) => id));
    await admin.query('drop table slices');
  }
  return { edited, deleted, users };
}

/** Rows of money that Stripe never had: nothing but a report may come of them. */
export const phantoms = {
  invoices: 'in_phantom',
  payments: 'ch_phantom',
  refunds: 're_phantom',
  disputes: 'dp_phantom',
};
export async function addPhantoms(admin: pg.Pool): Promise<void> {
  for (const [table, id] of Object.entries(phantoms)) {
    const key = keyOf[table as ComparedTable];
    await admin.query(
      `insert into billing.${table}
       select made.* from (select * from billing.${table} limit 1) as it,
         jsonb_populate_record(null::billing.${table}, to_jsonb(it) || jsonb_build_object($1::text, $2::text)) as made`,
      [key, id],
    );
  }
}

const rethrow = (what: string) => (cause: Error) => {
  throw new Error(`${what} could not be edited: ${cause.message}`, { cause });
};
