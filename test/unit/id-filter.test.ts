import { IdFilter } from '../../pipeline/reconcile/id-filter.ts';

it('knows every id that was added, and takes few others for one', () => {
  const filter = new IdFilter();
  const ids = Array.from({ length: 100_000 }, (_, n) => `sub_1Q${n.toString(36)}AbC${(n * 7919).toString(36)}`);
  for (const id of ids) filter.add(id);
  expect(ids.every((id) => filter.has(id))).toBe(true);
  const others = Array.from({ length: 100_000 }, (_, n) => `in_1Q${n.toString(36)}AbC${(n * 7907).toString(36)}`);
  expect(others.filter((id) => filter.has(id)).length).toBeLessThan(100);
});
