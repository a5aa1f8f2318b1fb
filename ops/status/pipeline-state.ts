import type { StripeEnd } from '../../core/stripe/stripe-end.ts';
import type { LiveRule } from '../deployment/live-rules.ts';
import type { LossKind } from '../deployment/queue-depths.ts';
import type { SliWindow, Window } from './window.ts';
import type { WorkerNow } from './worker-now.ts';

/** Worst first. `unknown`: there was nothing to judge by. */
export type HealthWord = 'critical' | 'degraded' | 'paused' | 'healthy' | 'unknown';

/** The pipeline as `ops status` sees it. */
export interface Status {
  health: HealthWord;
  /** Why not `healthy`, one sentence each, worst first. */
  reasons: string[];
  at: string;
  /** The code that is deployed, and when the stack last changed. */
  code: { version: string; deployed_at: string | null };
  /** What the word comes from. */
  last_5_minutes: Window;
  last_hour: Window;
  slo: { target: number; within_ms: number; last_5_minutes: SliWindow; last_hour: SliWindow; last_30_days: SliWindow };
  queues: {
    name: string;
    kind: 'work' | LossKind;
    /** Null: there is no such queue. */
    waiting: number | null;
    in_flight: number;
    oldest_s: number | null;
  }[];
  workers: WorkerNow[];
  rules: Pick<LiveRule, 'name' | 'feeds' | 'state'>[];
  /** Values of the secret without which nothing can be settled, and which are empty. */
  secret_empty: string[];
  /** What Stripe answers, asked with the key of the secret. */
  stripe: StripeEnd;
  /** Events of the last five minutes whose price config/plans.yaml lacks. */
  unknown_prices: number;
  /** Customers whose subscription entitles them and whom no user is known for; null when no comparison counted them for a day. */
  entitled_without_user: number | null;
  last_event_at: string | null;
  alarms: string[];
}
