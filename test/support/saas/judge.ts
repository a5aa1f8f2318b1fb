import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { Saas } from './account.ts';
import { comparedTables, expectedTables, keyOf } from './expected.ts';

export interface Judgement {
  rows: number;
  /** What is not as it must be, a line each. */
  wrong: string[];
}

/**
 * Holds every row of every table that shows Stripe's objects against the model.
 * @param now Stripe's, in Unix seconds
 * @param phantoms ids of rows that Stripe never had, which nothing but a report may come of
 */
export async function judgeRows(
  admin: pg.Pool,
  saas: Saas,
  now: number,
  phantoms: readonly string[] = [],
): Promise<Judgement> {
  const expected = expectedTables(saas);
  const judgement: Judgement = { rows: 0, wrong: [] };
  for (const table of comparedTables) {
    const rest = new Map(expected[table]);
    const only =
      table === 'payments' ? `where object = 'charge'` : table === 'customers' ? 'where as_of is not null' : '';
    const { rows } = await admin.query(`select * from billing.${table} ${only}`);
    for (const row of rows) {
      const id = row[keyOf[table]] as string;
      if (phantoms.includes(id)) continue;
      const wanted = rest.get(id);
      rest.delete(id);
      judgement.rows += 1;
      if (wanted === undefined) judgement.wrong.push(`${table} ${id}: held, and Stripe never had it`);
      else
        for (const [column, value] of Object.entries(wanted))
          if (!isDeepStrictEqual(shown(row[column]), value))
            judgement.wrong.push(
              `${table} ${id}.${column}: wanted ${JSON.stringify(value)}, held ${JSON.stringify(shown(row[column]))}`,
            );
      // Nobody can have been shown something that has not happened.
      if (row.as_of !== null && row.as_of.getTime() / 1000 > now + 60)
        judgement.wrong.push(`${table} ${id}.as_of: ${row.as_of.toISOString()} is yet to come`);
    }
    for (const id of rest.keys()) judgement.wrong.push(`${table} ${id}: missing`);
  }
  return judgement;
}

/**
 * @param forgotten users of whom somebody edited what they were notified of: they are notified again
 * @returns what is wrong with what the apps were notified of: a message written twice for one cause, the same state twice, an unwritten or untold state
 */
export async function judgePlanEvents(
  admin: pg.Pool,
  published: readonly string[],
  forgotten: ReadonlySet<string>,
): Promise<string[]> {
  const { rows: written } = await admin.query('select id from billing.plan_events');
  const ids = new Set(written.map(({ id }) => id as string));
  const counts = Map.groupBy(published, (id) => id);
  const { rows: twice } = await admin.query(
    `select source_event_id, user_id, event_type from billing.plan_events where event_type like 'SUBSCRIPTION_%'
     group by source_event_id, replay_name, user_id, event_type having count(*) > 1`,
  );
  const { rows: again } = await admin.query(
    `select user_id, version from (
       select *, lag(plan) over (partition by user_id order by version) as before from billing.plan_events where event_type like 'SUBSCRIPTION_%') as it
     where plan = before`,
  );
  const { rows: untold } = await admin.query(
    `select user_id from billing.user_plans full join (select distinct user_id from billing.subscriptions where user_id is not null) as entitled using (user_id)
     where (state, changes_at) is distinct from row((billing.state_of(user_id)).state, (billing.state_of(user_id)).changes_at)`,
  );
  return [
    ...[...ids].filter((id) => !counts.has(id)).map((id) => `plan event ${id} was written and not published`),
    ...[...counts]
      .filter(([, times]) => times.length > 1)
      .map(([id, times]) => `plan event ${id}: ${times.length} times`),
    ...[...counts.keys()].filter((id) => !ids.has(id)).map((id) => `plan event ${id} was published and not written`),
    ...twice.map((row) => `written twice: ${JSON.stringify(row)}`),
    ...again
      .filter(({ user_id }) => !forgotten.has(user_id))
      .map(({ user_id, version }) => `${user_id}: version ${version} says again what was said before`),
    ...untold.map(({ user_id }) => `${user_id}: the state that was notified of is not the state`),
  ];
}

/** pg reads times as dates, infinity as a number, bigint as text: as the model says them. */
function shown(value: unknown): unknown {
  if (value instanceof Date) return Math.floor(value.getTime() / 1000);
  if (value === Number.POSITIVE_INFINITY) return 'infinity';
  if (value === Number.NEGATIVE_INFINITY) return '-infinity';
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value);
  return value;
}
