import type pg from 'pg';

/** One row of `billing.plan_states`, times in ISO 8601. */
export interface PlanStateRow {
  user_id: string | null;
  customer_id: string;
  subscription_id: string;
  plan_id: string | null;
  tier: string | null;
  status: string;
  entitled: boolean;
  current_period_end: string | null;
  as_of: string | null;
}

export interface PlanStateReader {
  /** Every plan state by user; while the server is down, those that were read last. */
  planStates(): Promise<PlanStateRow[]>;
  /** How many plan events these users have; a replay must not add to them. */
  planEventCount(userIds: string[]): Promise<number>;
}

/** As text out of the database: it holds times that no `Date` can (beyond the year 275,760, or infinite). */
const isoOf = (column: string) =>
  `case when isfinite(${column}) then to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
   else ${column}::text end as ${column}`;

export function planStateReader(pool: pg.Pool): PlanStateReader {
  let last: PlanStateRow[] = [];
  return {
    async planStates() {
      try {
        const { rows } = await pool.query<PlanStateRow>(
          `select user_id, customer_id, subscription_id, plan_id, tier, status, entitled,
             ${isoOf('current_period_end')}, ${isoOf('as_of')}
           from billing.plan_states order by user_id nulls last, customer_id`,
        );
        last = rows;
      } catch (error) {
        if (!isOutage(error)) throw error;
      }
      return last;
    },
    async planEventCount(userIds) {
      const { rows } = await pool.query<{ count: number }>(
        'select count(*)::int as count from billing.plan_events where user_id = any($1)',
        [userIds],
      );
      return rows[0]!.count;
    },
  };
}

/** The server is down, stopping or starting: a socket's code, SQLSTATE classes 08 and 57, or the driver's own words, which have no code. */
function isOutage(error: unknown): boolean {
  const { code, message } = error as Error & { code?: string };
  return code === undefined ? /terminated|timeout/i.test(message) : /^(E[A-Z]+|08...|57...)$/.test(code);
}
