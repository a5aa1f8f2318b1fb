import type { StripePage, TimeRange } from './ports.ts';

/** Before Stripe existed: where a reading of everything ends. */
export const THE_BEGINNING = Date.UTC(2010, 0) / 1000;

export interface Sweep {
  /** What is still to be read; shrinks as pages are taken, so that it is a cursor at any moment. */
  readonly ranges: Set<TimeRange>;
  /** How many pages are asked for side by side. */
  lanes: number;
  page(range: TimeRange, after?: string): Promise<StripePage>;
  /**
   * @param span the seconds of which this page is all there is, but for `before`
   * @param before ids of the page before that were made in the last second of the span
   */
  take(page: StripePage, span: TimeRange, before: ReadonlySet<string>): Promise<void>;
  /** Asked before each page: leave the rest for another time? */
  stop(): boolean;
}

/**
 * Reads all that was created in the ranges, newest first, side by side: whenever a lane is free, the range that is being read is cut in two by
 * time. So nobody needs to know how many objects there are, or since when; memory holds one page a lane.
 *
 * What a page tells is taken before the range shrinks: a run that is cut off reads at most one page of each lane again.
 * @returns whether everything was read; else `ranges` holds what is left
 * @throws what `page` or `take` threw first, once every lane has stopped
 */
export async function sweep({ ranges, lanes, page, take, stop }: Sweep): Promise<boolean> {
  const failures: unknown[] = [];
  const running = new Set<Promise<void>>();
  const begin = (range: TimeRange) => {
    const lane: Promise<void> = walk(range)
      .catch((error) => void failures.push(error))
      .finally(() => running.delete(lane));
    running.add(lane);
  };

  const walk = async (range: TimeRange): Promise<void> => {
    let after: string | undefined;
    let before: ReadonlySet<string> = new Set();
    while (failures.length === 0 && !stop()) {
      const found = await page({ ...range }, after);
      const last = found.items.at(-1);
      if (!found.more || last === undefined) {
        await take(found, { ...range }, before);
        ranges.delete(range);
        return;
      }
      await take(found, { from: last.created + 1, to: range.to }, before);
      before = new Set(found.items.filter(({ created }) => created === last.created).map(({ id }) => id));
      range.to = last.created;
      after = last.id;
      if (running.size < lanes && range.to - range.from > 1) {
        const middle = Math.floor((range.from + range.to) / 2);
        const older = { from: range.from, to: middle };
        range.from = middle + 1;
        ranges.add(older);
        begin(older);
      }
    }
  };

  const waiting = [...ranges];
  for (;;) {
    while (waiting.length > 0 && running.size < lanes && failures.length === 0 && !stop()) begin(waiting.shift()!);
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failures.length > 0) throw failures[0];
  return ranges.size === 0;
}
