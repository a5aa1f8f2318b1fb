import { settledUntil } from '../../pipeline/reconcile/settled-until.ts';

const now = 1_000_000;

it.each([
  ['an empty queue holds nothing back', { waiting: 0, lagSeconds: null }, now - 15 * 60],
  ['nor if it was behind before', { waiting: 0, lagSeconds: 80_000 }, now - 15 * 60],
  ['one that is worked off in time may hold what was deferred', { waiting: 12, lagSeconds: 2 }, now - 75 * 60],
  ['one that is behind may hold anything', { waiting: 40_000, lagSeconds: 7200 }, null],
  ['so may one that nobody works off', { waiting: 1, lagSeconds: null }, null],
])('%s', (_why, queue, expected) => {
  expect(settledUntil(now, queue)).toBe(expected);
});
