import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { FetchedKindName, FetchedObject } from '../../core/stripe/fetched-object.ts';
import type { Worker } from '../../core/workers.ts';
import type { DayOfMoney, MoneyKind } from './money-by-day.ts';

/** What the comparison with Stripe and the backfill need of the outside. */

/** Seconds of Stripe's, both ends included. */
export interface TimeRange {
  from: number;
  to: number;
}

/** Events, or objects of one kind. `subscription` lists those that Stripe still bills; `ended_subscription` those that ended. */
export type StripeList = 'event' | 'ended_subscription' | FetchedKindName;

export interface StripePage {
  /** Newest first, at most a hundred. */
  items: FetchedObject[];
  more: boolean;
  /**
   * The second, by Stripe's own clock, for which these objects speak: what happened by then is in them. Earlier than the answer by what an
   * answer may take.
   */
  asOf: number;
}

/** Stripe's API, read under a share of its rate limit; waits and asks again when throttled. */
export interface StripeLists {
  /**
   * A page of what was created in `range`.
   * @param after id of the last item of the page before
   * @param types of events; at most twenty
   */
  page(list: StripeList, range: TimeRange, after?: string, types?: readonly string[]): Promise<StripePage>;
  /** One object as it is now: a page of one, or of none when Stripe does not know it. */
  one(kind: FetchedKindName, id: string): Promise<StripePage>;
  /** The Checkout sessions that made a subscription, or all of a customer's. */
  sessions(of: { subscription: string } | { customer: string }): Promise<StripePage>;
  /** All subscriptions of a customer, those that ended included. */
  subscriptionsOf(customer: string): Promise<StripePage>;
  /** A customer's newest invoices. */
  invoicesOf(customer: string): Promise<StripePage>;
  /** Requests sent so far. */
  requests(): number;
}

/** A row as we hold it; the fields of a fact, and a few of the table's own. */
export type HeldRow = Record<string, unknown> & {
  as_of: string | null;
  /** Derived columns that are not what the row and its neighbours give. */
  not_as_derived?: string[];
  /** Its person was taken out (`ops erase`): who it is about is no difference. */
  erased?: true;
};

export interface HeldRows {
  /** By id. */
  held: Record<string, HeldRow>;
  /** Rows of the time range that are not among the ids: Stripe did not list them. */
  others: Record<string, HeldRow>;
}

export interface Standing {
  /** Subscriptions and purchases that entitle somebody, and nobody knows whom. */
  entitled_without_user: number;
  /** Median seconds from the bus to the commit of a worker's live events of the last ten minutes; null: there were none. */
  lag: Record<Worker, number | null>;
  /** When the first live event reached us, in Unix seconds; null: none did. */
  first_event: number | null;
}

/** What entitles somebody, or may, and nothing says whom: a running subscription, or a purchase by its invoice. */
export interface Unlinked {
  kind: 'subscription' | 'invoice';
  id: string;
  customer_id: string;
}

export interface PlanNotAsDerived {
  /** The user's. */
  id: string;
  /** What the apps were notified of; null: of nothing. */
  held: unknown;
  derived: unknown;
  /** All of the user, and the one that the apps were notified of. */
  subscription_ids: string[];
}

/** The database, as the comparison sees it. Reads; keeps nothing but its own cursor. */
export interface ReconcileStore {
  missingEvents: (ids: readonly string[]) => Promise<string[]>;
  rows(kind: FetchedKindName, ids: readonly string[], range?: TimeRange): Promise<HeldRows>;
  standing(): Promise<Standing>;
  /** Running subscriptions and purchases without a user, in the order of their ids, after one of them. */
  withoutUser(after: string, most: number): Promise<Unlinked[]>;
  /** Customers whose derived columns are not what our other rows give, among the next after an id; `last` null: these were all. */
  customersNotAsDerived(after: string, most: number): Promise<{ last: string | null; wrong: string[] }>;
  /** Users of whom the apps were notified of another plan than our rows give, likewise. */
  plansNotAsDerived(after: string, most: number): Promise<{ last: string | null; wrong: PlanNotAsDerived[] }>;
  /** Our rows of these kinds, added up. */
  moneyByDay(kind: MoneyKind): Promise<DayOfMoney[]>;
  cursor<Cursor>(name: string): Promise<Cursor | null>;
  keepCursor(name: string, cursor: object): Promise<void>;
}

/** Messages of a work queue, waiting or in flight. */
export type Waiting = Record<Worker, number>;

/** One field of a row that a run had corrected, as kept in the audit bucket. */
export interface HealedField {
  /** ISO 8601. */
  at: string;
  run_id: string;
  kind: FetchedKindName | 'user_plan';
  id: string;
  /** false: there was no row. */
  known: boolean;
  field: string;
  before: unknown;
  after: unknown;
}

export interface ReconcileParts {
  stripe: StripeLists;
  store: ReconcileStore;
  catalogue: Catalogue;
  /** Messages in each work queue, those in flight included. */
  waiting(): Promise<Waiting>;
  /** Queues envelopes for a worker, who applies them as any other. */
  enqueue(worker: Worker, envelopes: object[]): Promise<void>;
  /** Keeps what was healed, field by field, where it can be read for years. */
  keepHealed(lines: HealedField[]): Promise<void>;
  /** The configured partner event source. */
  source: string;
  /** Names this run; the same again when the run is tried again, so that nothing is healed twice. */
  runId: string;
  livemode: boolean;
  /** Unix seconds. */
  now: number;
  sleep(ms: number): Promise<void>;
  /** Asked before each page: leave the rest to the next run? */
  stop(): boolean;
}

export interface ReconcileOptions {
  /** Queue what heals; false: only look. */
  heal: boolean;
  /** `scheduled`: goes on from the cursor, looks at everything once a day. `all`: everything now, without the cursor. */
  scope: 'scheduled' | 'all';
  /** Events since this second; without it since the cursor, or as far as Stripe lists them. */
  from?: number;
  /** Also what may still be on its way. */
  young?: boolean;
  /** Also objects from before our first event: a backfill's work, that would notify the apps of old news. */
  beforeUs?: boolean;
}
