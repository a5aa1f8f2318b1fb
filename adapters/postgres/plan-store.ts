import type { CatalogueForDatabase } from '../../core/plans/catalogue.ts';
import type { PlanStore } from '../../pipeline/ports.ts';
import { databaseError } from './pool.ts';

/** A pool of `pg`, or one client inside a transaction of the caller's (the dry run of a replay). */
export interface Database {
  query(text: string, values: unknown[]): Promise<{ rows: { answer?: unknown }[] }>;
}

/** All that the handlers' role may execute; `ops doctor` names whatever is more, or less. */
export const handlersFunctions = [
  'apply_events',
  'compare',
  'due_users',
  'trim_ledger',
  // The scheduled comparison's own: reconcile-store.ts.
  'cursor_of',
  'keep_cursor',
  'rows_of',
  'standing',
  'money_by_day',
  'without_user',
  // What support, on-call and finance ask: story-store.ts.
  'story_of',
  'story_of_event',
  'money_of',
] as const;

/**
 * The database as `stripe_writer` may use it: four functions.
 *
 * @param catalogue what the database must know of config/plans.yaml, for those without a subscription; null leaves it as it is
 */
export function planStore(database: Database, catalogue: CatalogueForDatabase | null = null): PlanStore {
  const known = catalogue && JSON.stringify(catalogue);
  const call = async (sql: string, ...values: unknown[]) => {
    try {
      const { rows } = await database.query(`select billing.${sql} as answer`, values);
      return rows[0]!.answer as never;
    } catch (error) {
      throw databaseError(error);
    }
  };
  return {
    apply: (applications) => call('apply_events($1, $2)', JSON.stringify(applications), known),
    compare: (wanted) => call('compare($1)', JSON.stringify(wanted)),
    dueUsers: (most) => call('due_users($1)', most),
    trimLedger: (most) => call('trim_ledger($1)', most),
  };
}
