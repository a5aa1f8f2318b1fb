import type { Origin } from '../../core/origin.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import type { Fact } from '../../core/stripe/facts/fact.ts';
import type { SubscriptionFact, SubscriptionSnapshot } from '../../core/stripe/facts/subscription.ts';
import { databaseError } from './pool.ts';

/** One delivery of a Stripe event, as the apply function takes it. */
export interface Delivery {
  id: string;
  type: string;
  /** Unix seconds. */
  created: number;
  livemode: boolean;
  api_version: string | null;
  /** ISO 8601: when the bus took it (envelope `time`). */
  arrived_at: string;
  replay_name: string | null;
  origin: Origin;
  worker: string;
  /** Why the event is not ours to apply; it is noted in the ledger all the same. */
  ignored?: string;
  /** The code of the error that no retry can help. */
  parked?: string;
}

/** Stripe's answer to a fetch that began after the ticket was handed out. */
export interface Fetched {
  ticket: number;
  as_of: string | null;
  snapshot: SubscriptionSnapshot;
}

export interface Settled {
  outcome: Outcome;
  reason: string | null;
  /** What must be on the app bus because of this event; again after a crash. */
  plan_events: PlanEvent[];
}

/** The events of one second cannot decide: ask Stripe, then apply again with the ticket. Nothing was changed. */
export interface Undecidable {
  outcome: 'undecidable';
  ticket: number;
  as_of: string | null;
  subscription_id: string;
  held: HeldSubscription | null;
}

/** The row we hold; what `sync` and `reconcile` compare with Stripe. */
export type HeldSubscription = SubscriptionSnapshot & {
  subscription_id: string;
  customer_id: string;
  user_id: string | null;
  as_of: string | null;
};

export interface Comparison {
  missing_event_ids: string[];
  held: HeldSubscription[];
}

/** The database, as the handlers see it: one function, one round trip a call. */
export interface PlanStore {
  /** @throws {PipelineError} `database_…`, sorted into later and never. */
  apply(delivery: Delivery, fact: Fact | null): Promise<Settled | Undecidable>;
  applyFetched(delivery: Delivery, fact: SubscriptionFact, fetched: Fetched): Promise<Settled>;
  /** Which of these events the ledger lacks, and which of these subscriptions we hold, as we hold them. Changes nothing. */
  compare(wanted: {
    event_ids: string[];
    subscription_ids: string[];
    customer_ids?: string[];
    user_ids?: string[];
  }): Promise<Comparison>;
}

/** A pool of `pg`, or one client inside a transaction of the caller's (the dry run of a replay). */
export interface Database {
  query(text: string, values: unknown[]): Promise<{ rows: { answer?: unknown }[] }>;
}

export function planStore(database: Database): PlanStore {
  const call = async (delivery: object, fact: object | null, fetched: Fetched | null) => {
    try {
      const { rows } = await database.query('select billing.apply_event($1, $2, $3) as answer', [
        JSON.stringify(delivery),
        fact && JSON.stringify(fact),
        fetched && JSON.stringify(fetched),
      ]);
      return rows[0]!.answer as never;
    } catch (error) {
      throw databaseError(error);
    }
  };
  return {
    apply: (delivery, fact) => call(delivery, fact, null),
    applyFetched: call,
    compare: (wanted) => call({ type: 'reconcile.compare' }, wanted, null),
  };
}
