import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { causes } from '../../ops/diagnose/causes.ts';
import { recipes } from '../deploy/runbook-commands.ts';
import { faults, schemaBehind } from './faults.ts';

const root = join(import.meta.dirname, '../..');
const all = [schemaBehind, ...faults];

it('plays at least ten faults, each once', () => {
  const ids = all.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThanOrEqual(10);
});

it.each(all)('$id has a cause that diagnose knows, with a page', ({ cause }) => {
  const known = causes.find(({ id }) => id === cause);
  expect(known).toBeDefined();
  expect(existsSync(join(root, 'docs/runbooks', `${known!.page}.md`))).toBe(true);
});

it('repairs by recipes that stand on a page', () => {
  const text = readFileSync(join(import.meta.dirname, 'faults.ts'), 'utf8');
  const used = [...text.matchAll(/recipe\('([\w-]+)'\)/g)].map(([, name]) => name!);
  expect(used.length).toBeGreaterThan(0);
  for (const name of used) expect([...recipes().keys()]).toContain(name);
});
