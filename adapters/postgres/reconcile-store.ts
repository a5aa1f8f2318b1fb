import { byWorker } from '../../core/workers.ts';
import type { DayOfMoney } from '../../pipeline/reconcile/money-by-day.ts';
import type { HeldRows, ReconcileStore, Standing, Unlinked } from '../../pipeline/reconcile/ports.ts';
import { callsTo, type Database } from './calls.ts';

/** The database as the comparison with Stripe and the backfill see it, as `stripe_writer`: functions that read, and one that keeps a cursor. */
export function reconcileStore(database: Database): ReconcileStore {
  const call = callsTo(database);
  return {
    async missingEvents(ids) {
      if (ids.length === 0) return [];
      const { missing_event_ids } = (await call(
        'compare($1)',
        JSON.stringify({ event_ids: ids, subscription_ids: [] }),
      )) as { missing_event_ids: string[] };
      return missing_event_ids;
    },
    rows: (kind, ids, range): Promise<HeldRows> =>
      call('rows_of($1, $2, $3, $4)', kind, ids, range?.from ?? null, range?.to ?? null),
    async standing() {
      const { lag, ...rest } = (await call('standing()')) as Standing;
      return { ...rest, lag: byWorker((worker) => lag[worker] ?? null) };
    },
    withoutUser: (after, most): Promise<Unlinked[]> => call('without_user($1, $2)', after, most),
    customersNotAsDerived: (after, most) => call('customers_not_as_derived($1, $2)', after, most),
    plansNotAsDerived: (after, most) => call('plans_not_as_derived($1, $2)', after, most),
    moneyByDay: (kind): Promise<DayOfMoney[]> => call('money_by_day($1)', kind),
    cursor: (name) => call('cursor_of($1)', name),
    keepCursor: (name, cursor) => call('keep_cursor($1, $2)', name, JSON.stringify(cursor)),
  };
}
