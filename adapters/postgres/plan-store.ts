import type { CatalogueForDatabase } from '../../core/plans/catalogue.ts';
import type { PlanStore } from '../../pipeline/ports.ts';
import { callsTo, type Database } from './calls.ts';

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
  'customers_not_as_derived',
  'plans_not_as_derived',
  // What support, on-call and finance ask: story-store.ts.
  'story_of',
  'story_of_event',
  'money_of',
] as const;

/**
 * The database as `stripe_writer` may use it while events flow.
 *
 * @param catalogue what the database must know of config/plans.yaml, for those without a subscription; null leaves it as it is
 */
export function planStore(database: Database, catalogue: CatalogueForDatabase | null = null): PlanStore {
  const known = catalogue && JSON.stringify(catalogue);
  const call = callsTo(database);
  return {
    apply: (applications) => call('apply_events($1, $2)', JSON.stringify(applications), known),
    compare: (wanted) => call('compare($1)', JSON.stringify(wanted)),
    dueUsers: (most) => call('due_users($1)', most),
    trimLedger: (most) => call('trim_ledger($1)', most),
  };
}
