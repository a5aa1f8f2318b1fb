/** An event younger than this may still be on its way: Stripe delivers late at times, and a message is tried again with growing pauses. */
export const ON_ITS_WAY_SECONDS = 15 * 60;
/** While messages wait, some of them may have been deferred that long: only older ones are looked for. */
const MAY_BE_DEFERRED_SECONDS = 75 * 60;

/**
 * Up to which second whatever is not in the ledger cannot be in the worker's queue either; null: nothing can be said.
 *
 * An empty queue holds nothing back. One that is worked off holds what arrived while it lagged; one that nobody works off (a paused worker, a
 * database that is down) may hold anything. SQS counts approximately, right within a minute: less than an event is given here.
 * @param waiting messages in the queue, those in flight included
 * @param lagSeconds median from the bus to the commit of what was committed in the last ten minutes; null: nothing was
 */
export function settledUntil(now: number, { waiting, lagSeconds }: { waiting: number; lagSeconds: number | null }) {
  if (waiting === 0) return now - ON_ITS_WAY_SECONDS;
  if (lagSeconds === null || lagSeconds > ON_ITS_WAY_SECONDS) return null;
  return now - MAY_BE_DEFERRED_SECONDS;
}
