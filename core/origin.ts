/**
 * Why we work on an event; the same word in the ledger, the log line and the plan events.
 *
 * - `webhook`: Stripe has just sent it
 * - `replay`: an engineer sends a range of the archive again
 * - `reconcile`: the comparison with Stripe found that we lacked it, or that a row differs
 * - `backfill`: it is older than this pipeline
 * - `clock`: nothing happened at Stripe, but a moment has come that ends something
 */
export const origins = ['webhook', 'replay', 'reconcile', 'backfill', 'clock'] as const;
export type Origin = (typeof origins)[number];

/** What our own envelopes say of themselves; the bus delivers none of them. */
const ownOrigins = ['reconcile', 'backfill', 'clock'] as const satisfies readonly Origin[];

/** By what the envelope carries: ours name their origin, EventBridge names a replay. */
export function originOf(envelope: { origin?: unknown; 'replay-name'?: unknown }): Origin {
  const own = ownOrigins.find((origin) => origin === envelope.origin);
  return own ?? (typeof envelope['replay-name'] === 'string' ? 'replay' : 'webhook');
}
