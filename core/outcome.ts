/**
 * How an event ended; the same word in the log, the metric, the ledger and the CLI.
 *
 * - `applied`: something we hold changed
 * - `duplicate`: we had it already; nothing changed
 * - `stale`: we hold something later; nothing changed
 * - `refetched`: the events of one second could not decide, so Stripe was asked and its answer stored
 * - `ignored`: not ours to apply (a connected account, the wrong mode, a type that carries no plan state)
 * - `parked`: it can never be applied as it is; it waits in the failed queue with its reason
 */
export const outcomes = ['applied', 'duplicate', 'stale', 'refetched', 'ignored', 'parked'] as const;

export type Outcome = (typeof outcomes)[number];
