import type { FetchedKindName, FetchedObject } from '../../core/stripe/fetched-object.ts';
import { byWorker, type Worker } from '../../core/workers.ts';
import type { Finding } from './compare-objects.ts';
import type { DayThatDiffers } from './money-by-day.ts';
import type { Unlinked } from './ports.ts';

/** So many of a kind are named; all are counted, and those that are healed are kept field by field. */
const NAMED = 50;

/** What one run compared, found, queued and left out. Its size does not grow with the account. */
export class ReconcileReport {
  readonly run_id: string;
  /** ISO 8601. */
  readonly at: string;
  /** Whether everything was read that this run set out to read. */
  finished = true;
  requests = 0;
  events_compared = 0;
  /** The seconds whose events each worker was compared in; `to` null: nothing can be said while its queue is behind. */
  readonly windows = {} as Record<Worker, { from: number; to: number | null; waiting: number }>;
  /** Objects compared, by kind. */
  readonly compared: Partial<Record<FetchedKindName, number>> = {};
  missed_events = 0;
  readonly missed: { id: string; type: string }[] = [];
  drifted_rows = 0;
  readonly drifted: { kind: FetchedKindName | 'user_plan'; id: string; fields: string[] }[] = [];
  /** Objects that Stripe has and we had no row of; among the drifted. */
  new_rows = 0;
  /** Rows that Stripe has no object of, as far as they are named; subscriptions are ended, money is only reported. */
  readonly unknown_to_stripe: { kind: FetchedKindName; id: string }[] = [];
  unknown_rows = 0;
  /** Days of which Stripe's sum of money is not ours, as far as they are named; null: not every charge, refund and dispute was read in this run. */
  money: DayThatDiffers[] | null = null;
  days_that_differ = 0;
  /** Objects that cannot be read, as far as they are named. */
  readonly unreadable: { kind: FetchedKindName; id: string; problem: string }[] = [];
  unreadable_objects = 0;
  /** Events that may still be on their way, and how many of them are not in the ledger yet. */
  readonly left_out = { events: 0, not_in_ledger: 0 };
  /** Objects from before our first event, of which we hold nothing: `ops backfill`. */
  before_us = 0;
  /** What entitles somebody nobody knows: neither our rows nor Stripe, nor an event on its way, as far as this run asked. */
  entitled_without_user = 0;
  /** Those of which Stripe does not say whose they are either, as far as they are named. */
  readonly without_user: Unlinked[] = [];
  readonly queued: Record<Worker, number> = byWorker(() => 0);

  constructor(runId: string, now: number) {
    this.run_id = runId;
    this.at = new Date(now * 1000).toISOString();
  }

  miss(events: readonly FetchedObject[]): void {
    this.missed_events += events.length;
    for (const { id, type } of events.slice(0, NAMED - this.missed.length))
      this.missed.push({ id, type: String(type) });
  }

  cannotRead(kind: FetchedKindName, objects: readonly { id: string; problem: string }[]): void {
    this.unreadable_objects += objects.length;
    for (const each of objects.slice(0, NAMED - this.unreadable.length)) this.unreadable.push({ kind, ...each });
  }

  nobodys(of: Unlinked): void {
    if (this.without_user.length < NAMED) this.without_user.push(of);
  }

  unknown(kind: FetchedKindName, id: string): void {
    this.unknown_rows += 1;
    if (this.unknown_to_stripe.length < NAMED) this.unknown_to_stripe.push({ kind, id });
  }

  addMoney(days: readonly DayThatDiffers[]): void {
    this.days_that_differ += days.length;
    this.money = [...(this.money ?? []), ...days].slice(0, NAMED);
  }

  /** Users of whom the apps were notified of another plan than our rows give. */
  otherPlan(users: readonly string[]): void {
    this.drifted_rows += users.length;
    this.drifted.push(
      ...users
        .slice(0, NAMED - this.drifted.length)
        .map((id) => ({ kind: 'user_plan' as const, id, fields: ['state'] })),
    );
  }

  differ({ kind, id, known, differences }: Finding): void {
    this.drifted_rows += 1;
    if (!known) this.new_rows += 1;
    if (this.drifted.length < NAMED)
      this.drifted.push({ kind, id, fields: known ? differences.map(({ field }) => field) : [] });
  }
}
