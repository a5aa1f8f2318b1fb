import type { Origin } from '../core/origin.ts';
import type { Outcome } from '../core/outcome.ts';
import type { PlanEvent } from '../core/plans/plan-event.ts';
import type { Fact } from '../core/stripe/facts/fact.ts';
import type { SubscriptionSnapshot } from '../core/stripe/facts/subscription.ts';

/** What the application needs of the outside; adapters/ has the real parts, tests bring their own. */

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
  /** Plan states are written, the apps are not notified (a backfill). */
  quiet?: boolean;
}

/** Stripe's answer to a fetch that began after the ticket was handed out. */
export interface Fetched {
  ticket: number;
  as_of: string | null;
  snapshot: SubscriptionSnapshot;
}

/** One event for the apply function: what was delivered, what it tells, and Stripe's answer once it was asked. */
export interface Application {
  event: Delivery;
  fact: Fact | null;
  fetched?: Fetched;
}

export interface Settled {
  outcome: Outcome;
  /** Which branch of the order rule spoke, or why it was ignored or parked. */
  reason: string | null;
  /** What was held against it: the event the row stemmed from (null: an answer of Stripe's), and its second. */
  held: { event_id: string | null; as_of: string } | null;
  /** What must be on the app bus because of this event; again after a crash. */
  plan_events: PlanEvent[];
}

/** The events of one second cannot decide: ask Stripe, then apply again with the ticket. Nothing was changed. */
export interface Undecidable {
  outcome: 'undecidable';
  reason: string;
  ticket: number;
  as_of: string | null;
  subscription_id: string;
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

/** The database, as the handlers see it: one round trip a call. */
export interface PlanStore {
  /**
   * Applies events in one transaction, all of them or none; the answers come back in the same order.
   * @throws {PipelineError} `database_…`, sorted into later and never.
   */
  apply(applications: readonly Application[]): Promise<(Settled | Undecidable)[]>;
  /** Which of these events the ledger lacks, and which of these subscriptions we hold, as we hold them. Changes nothing. */
  compare(wanted: {
    event_ids: string[];
    subscription_ids: string[];
    customer_ids?: string[];
    user_ids?: string[];
  }): Promise<Comparison>;
  /** Users whose plan changed by time alone, at most so many. */
  dueUsers(most: number): Promise<string[]>;
  /** Deletes ledger rows that are older than they are kept (`billing.retention`), at most so many; answers how many. */
  trimLedger(most: number): Promise<number>;
}

/** Reads Stripe's API where the events of one second cannot decide. */
export interface StripeReader {
  /**
   * The subscription as it is now.
   * @throws {PipelineError} later: no key, no answer, throttled; never: Stripe does not know it.
   */
  subscription(id: string): Promise<unknown>;
}

/** What tells one piece of work from another: a replay of the same event is work of its own. */
export interface WorkKey {
  event_id: string;
  replay_name: string | null;
}

/** Runs `work` unless the same key was done before; then answers what it answered, and `again` is true. */
export type Idempotently = <Answer extends object>(
  key: WorkKey,
  work: () => Promise<Answer>,
) => Promise<{ answer: Answer; again: boolean }>;
