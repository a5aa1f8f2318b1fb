import type { TimeRange } from '../reconcile/ports.ts';

/**
 * Which share of a time was read, given what is left of it: all that can be said of a list that names no total. Time before the oldest object
 * that was seen does not count: nothing is there.
 */
export function coveredShare(left: readonly TimeRange[], all: TimeRange): number {
  const length = Math.max(1, all.to - all.from);
  const open = left.reduce(
    (sum, { from, to }) => sum + Math.max(0, Math.min(to, all.to) - Math.max(from, all.from)),
    0,
  );
  return Math.min(1, Math.max(0, 1 - open / length));
}
