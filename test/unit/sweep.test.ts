import type { StripePage, TimeRange } from '../../pipeline/reconcile/ports.ts';
import { sweep } from '../../pipeline/reconcile/sweep.ts';

/** A list of Stripe's: `count` objects, one every ten seconds from second 0 on, three a page. */
function listOf(count: number) {
  const all = Array.from({ length: count }, (_, n) => ({ id: `o${n}`, created: n * 10 })).reverse();
  let asked = 0;
  let running = 0;
  let most = 0;
  return {
    asked: () => asked,
    sideBySide: () => most,
    async page({ from, to }: TimeRange, after?: string): Promise<StripePage> {
      asked += 1;
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      const inRange = all.filter(({ created }) => created >= from && created <= to);
      const rest = inRange.slice(after === undefined ? 0 : inRange.findIndex(({ id }) => id === after) + 1);
      return { items: rest.slice(0, 3), more: rest.length > 3, asOf: 0 };
    },
  };
}

const whole = () => new Set([{ from: 0, to: 1_000_000 }]);

it('takes every object exactly once, several pages side by side', async () => {
  const list = listOf(100);
  const taken: string[] = [];
  const ranges = whole();
  const done = await sweep({
    ranges,
    lanes: 4,
    page: list.page,
    take: async ({ items }) => void taken.push(...items.map(({ id }) => id)),
    stop: () => false,
  });
  expect(done).toBe(true);
  expect(ranges.size).toBe(0);
  expect(taken).toHaveLength(100);
  expect(new Set(taken).size).toBe(100);
  expect(list.sideBySide()).toBe(4);
});

it('covers every second once, so that a row whose object is not listed stands in one span', async () => {
  const spans: TimeRange[] = [];
  await sweep({
    ranges: new Set([{ from: 0, to: 400 }]),
    lanes: 3,
    page: listOf(40).page,
    take: async (_page, span) => void spans.push(span),
    stop: () => false,
  });
  const seconds = spans.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
  expect(seconds.sort((one, other) => one - other)).toEqual(Array.from({ length: 401 }, (_, n) => n));
});

it('goes on from what is left, and reads no more than a page of each lane again', async () => {
  const list = listOf(90);
  const taken: string[] = [];
  const ranges = whole();
  const part = (stop: () => boolean) =>
    sweep({
      ranges,
      lanes: 3,
      page: list.page,
      take: async ({ items }) => void taken.push(...items.map(({ id }) => id)),
      stop,
    });
  expect(await part(() => list.asked() >= 10)).toBe(false);
  const before = taken.length;
  expect(before).toBeGreaterThan(0);
  const kept = JSON.parse(JSON.stringify([...ranges])) as TimeRange[];
  ranges.clear();
  for (const range of kept) ranges.add(range);
  expect(await part(() => false)).toBe(true);
  expect(new Set(taken).size).toBe(90);
  // The second on which a page ended is read again; here each second has one object.
  expect(taken.length - 90).toBeLessThanOrEqual(3);
});

it('throws what a page threw, and keeps as left what was not taken', async () => {
  const ranges = whole();
  await expect(
    sweep({
      ranges,
      lanes: 2,
      page: async () => {
        throw new Error('stripe is down');
      },
      take: async () => {},
      stop: () => false,
    }),
  ).rejects.toThrow('stripe is down');
  expect([...ranges]).toEqual([{ from: 0, to: 1_000_000 }]);
});
