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

/** A database that was put back to an older state hears of it that soon. */
const CATALOGUE_AGAIN_MS = 60_000;

/**
 * The database as `stripe_writer` may use it while events flow.
 *
 * @param catalogue what the database must know of config/plans.yaml, for those without a subscription; null leaves it as it is. Sent with the first
 * call, and once a minute: to compare it each time costs as much as storing a payment
 */
export function planStore(database: Database, catalogue: CatalogueForDatabase | null = null): PlanStore {
  const wanted = catalogue && JSON.stringify(catalogue);
  let knownSince = Number.NEGATIVE_INFINITY;
  const call = callsTo(database);
  return {
    async apply(applications) {
      const at = performance.now();
      const news = at - knownSince > CATALOGUE_AGAIN_MS;
      const answer = await call('apply_events($1, $2)', JSON.stringify(applications), news ? wanted : null);
      if (news) knownSince = at;
      return answer;
    },
    compare: (wanted) => call('compare($1)', JSON.stringify(wanted)),
    dueUsers: (most) => call('due_users($1)', most),
    trimLedger: (most) => call('trim_ledger($1)', most),
  };
}
