import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Outcome } from '../../core/outcome.ts';
import type { PlanState } from '../../core/plans/plan-event.generated.ts';
import { callsTo, type Database } from './calls.ts';
import { databaseError } from './pool.ts';

/** A row of the ledger: one Stripe event, and how it ended. Times are ISO 8601, here and below. */
export interface LedgerRow {
  event_id: string;
  type: string;
  created: string;
  worker: string;
  origin: string;
  replay_name: string | null;
  customer_id: string | null;
  object_id: string | null;
  outcome: Outcome;
  reason: string | null;
  held_event_id: string | null;
  held_as_of: string | null;
  arrived_at: string;
  committed_at: string;
}

/** What one event told of a subscription. */
export interface ToldSnapshot {
  subscription_id: string;
  as_of: string;
  source_event_id: string;
  status: string;
  price_id: string | null;
  plan_id: string | null;
  tier: string | null;
  quantity: number | null;
  cancel_at: string | null;
  cancellation_reason: string | null;
}

/** What the apps were notified of. */
export interface NotifiedPlan {
  event_type: string;
  user_id: string;
  version: number;
  occurred_at: string;
  plan: PlanState;
  source_event_id: string;
  replay_name: string | null;
  created_at: string;
}

/** A subscription as the apps see it, and what support asks for beside that. */
export interface StoriedSubscription extends PlanState {
  subscription_id: string;
  customer_id: string;
  user_id: string | null;
  as_of: string | null;
  price_id: string | null;
  cancellation_reason: string | null;
  canceled_at: string | null;
  ended_at: string | null;
}

/** What was paid for once, as the apps see it. */
export interface StoriedPurchase extends PlanState {
  invoice_id: string;
  subscription_id: null;
  customer_id: string;
  user_id: string | null;
  price_id: string;
}

/** All that we hold of a user or of some customers; ledger and plan events newest first. */
export interface Story {
  customers: {
    customer_id: string;
    user_id: string | null;
    metadata_user_id: string | null;
    session_user_id: string | null;
  }[];
  plans: { user_id: string; version: number; state: PlanState; notified: PlanState | null }[];
  /** The one that stands for the plan first. */
  subscriptions: StoriedSubscription[];
  /** The one that stands before the others first. */
  purchases: StoriedPurchase[];
  unpaid_invoices: { invoice_id: string; problem: string | null; attempt_count: number; created: string }[];
  ledger: (LedgerRow & { told: ToldSnapshot | null })[];
  plan_events: NotifiedPlan[];
}

/** One event; null and empty where we never settled it. */
export interface EventStory {
  ledger: LedgerRow | null;
  told: ToldSnapshot | null;
  /** What Stripe told of the subscription before and after, by its own seconds. */
  before: ToldSnapshot | null;
  after: ToldSnapshot | null;
  held_now: StoriedSubscription | null;
  held_event: LedgerRow | null;
  plan_events: NotifiedPlan[];
}

/** One currency's month (UTC), in minor units. */
export interface MoneyOfMonth {
  currency: string;
  gross_minor: number;
  refunded_minor: number;
  disputed_minor: number;
  net_minor: number;
  payments: number;
  refunds: number;
  disputes_lost: number;
  opening_minor: number;
  new_minor: number;
  expansion_minor: number;
  contraction_minor: number;
  churn_minor: number;
  reactivation_minor: number;
  closing_minor: number;
  /** Who paid something when the month began. */
  opening_customers: number;
  new_customers: number;
  churned_customers: number;
  reactivated_customers: number;
}

export interface StoryStore {
  /** @param most of the ledger and of the plan events, each */
  storyOf(whose: { user: string | null; customers: readonly string[] }, most: number): Promise<Story>;
  storyOfEvent(id: string): Promise<EventStory>;
}

/** The database as support, on-call and finance ask it. Reads only. @throws {PipelineError} `database_…` */
export function storyStore(database: Database): StoryStore {
  const call = callsTo(database);
  return {
    storyOf: ({ user, customers }, most) => call('story_of($1, $2, $3)', user, customers, most),
    storyOfEvent: (id) => call('story_of_event($1)', id),
  };
}

/** Under which name the rows of a customer who was erased stand: as `billing.pseudonym_of` makes it. */
export const pseudonymOf = (customer: string): string =>
  `erased_${createHash('sha256').update(customer).digest('hex').slice(0, 32)}`;

/** A month is made of the whole history: a second or two as a rule, a minute for years of a hundred thousand subscriptions. */
const LONGEST_COUNT_S = 120;

/**
 * A month's money. Works beside the role's time limit, which is a handler's.
 * @param month its first day, `2026-10-01`
 * @throws {PipelineError} `database_…`
 */
export async function moneyOf(pool: pg.Pool, month: string, livemode: boolean): Promise<MoneyOfMonth[]> {
  try {
    const client = await pool.connect();
    try {
      // A transaction, since a pooler may give the next statement another connection.
      await client.query('begin read only');
      await client.query(`set local statement_timeout = '${LONGEST_COUNT_S}s'`);
      const question = {
        text: 'select billing.money_of($1, $2) as answer',
        values: [month, livemode],
        query_timeout: LONGEST_COUNT_S * 1000,
      };
      const { rows } = await client.query(question);
      await client.query('commit');
      return rows[0].answer;
    } finally {
      // Closed, whatever state it is in: nobody asks twice.
      client.release(true);
    }
  } catch (error) {
    throw databaseError(error);
  }
}
