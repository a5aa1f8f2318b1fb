import type { Origin } from './origin.ts';
import type { Outcome } from './outcome.ts';

/**
 * The lines that functions write about their messages: a protocol, read by the saved queries, by the verbs and by the local run.
 *
 * Ids, words and durations only: no payload, no text of Stripe's. A field is renamed here, and the compiler names who reads it.
 */
export const logLines = {
  /** Exactly one for each message that left the queue, whatever became of it. */
  settled: 'event settled',
  /** One for each attempt that failed and will be repeated. */
  deferred: 'event deferred',
  /** One for each batch that the audit function wrote. */
  audited: 'batch audited',
} as const;

/** What every line of ours says, as far as it is known: an unreadable message has no ids. */
interface MessageFields {
  event_id?: string;
  event_type?: string;
  replay_name: string | null;
  origin: Origin;
  /** How many times SQS has handed the message out. */
  attempt: number;
  sqs_message_id: string;
}

/** The line `event settled`. */
export interface SettledLine extends MessageFields {
  outcome: Outcome;
  reason: string | null;
  /** Why it was parked, in words. */
  detail?: string;
  /** Unix seconds, Stripe's. */
  created?: number;
  customer_id?: string | null;
  subscription_id?: string | null;
  /** How many were published. */
  plan_events?: number;
  total_ms?: number;
  database_ms?: number;
  fetch_ms?: number;
  publish_ms?: number;
  /** From the envelope's `time` to the commit. */
  arrival_to_commit_ms?: number;
  unknown_price?: true;
  unexpected_api_version?: true;
  /** Where in our code a bug is. */
  stack?: string;
}

/** The line `event deferred`. */
export interface DeferredLine extends MessageFields {
  code: string;
  detail: string;
  retry_in_s: number;
}

/** The line `batch audited`. */
export interface AuditedLine {
  count: number;
  /** Name of the object that was written. */
  key: string;
  sqs_message_ids: string[];
}

/** Every field of the workers' two lines, for whoever writes queries: a missing or superfluous one does not compile. */
export const logFields = Object.keys({
  event_id: true,
  event_type: true,
  replay_name: true,
  origin: true,
  attempt: true,
  sqs_message_id: true,
  outcome: true,
  reason: true,
  detail: true,
  created: true,
  customer_id: true,
  subscription_id: true,
  plan_events: true,
  total_ms: true,
  database_ms: true,
  fetch_ms: true,
  publish_ms: true,
  arrival_to_commit_ms: true,
  unknown_price: true,
  unexpected_api_version: true,
  stack: true,
  code: true,
  retry_in_s: true,
} satisfies Record<keyof SettledLine | keyof DeferredLine, true>);

/** A printed record that says it is one of ours; its fields are what a version of this code wrote, hence all optional. */
export type ReadLine<Line> = { [Field in keyof Line]?: unknown } & { message: string };

export const isSettledLine = (record: { message?: unknown }): record is ReadLine<SettledLine> =>
  record.message === logLines.settled;

export const isDeferredLine = (record: { message?: unknown }): record is ReadLine<DeferredLine> =>
  record.message === logLines.deferred;

export const isAuditedLine = (record: { message?: unknown }): record is ReadLine<AuditedLine> =>
  record.message === logLines.audited;
