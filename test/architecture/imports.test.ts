import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Imports flow one way (docs/architecture.md). */

const root = join(import.meta.dirname, '../..');
const rooms = ['bin', 'lib', 'lambdas', 'core', 'adapters', 'ops', 'local', 'stripe-simulator'];

interface Import {
  from: string;
  to: string;
}

const files = rooms.flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file)),
);

/** Relative imports as paths from the root; packages by name. */
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  return [...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|import\('([^']+)'\)/gm)].map((match) => {
    const target = (match[1] ?? match[2])!;
    return { from, to: target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target };
  });
});

const room = (path: string) => path.split('/')[0]!;
const told = (found: Import[]) => found.map(({ from, to }) => `${from} imports ${to}`);
const importsOf = (name: string) => imports.filter(({ from }) => room(from) === name);

it('finds the imports of every room', () => {
  for (const name of rooms) expect(importsOf(name).length).toBeGreaterThan(0);
});

it('core imports nothing but core, a validator and a schema checker: no clock, network, SQL or AWS', () => {
  const allowed = ['zod/mini', 'ajv'];
  expect(told(importsOf('core').filter(({ to }) => room(to) !== 'core' && !allowed.includes(to)))).toEqual([]);
  const impure = files.filter(
    (file) =>
      room(file) === 'core' &&
      /\bDate\.now\(|new Date\(\)|Math\.random\(|process\.env/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(impure).toEqual([]);
});

it('adapters import core, and packages', () => {
  expect(
    told(
      importsOf('adapters').filter(({ to }) => rooms.includes(room(to)) && !['core', 'adapters'].includes(room(to))),
    ),
  ).toEqual([]);
});

it('handlers import core and adapters, never what deploys or runs them', () => {
  expect(told(importsOf('lambdas').filter(({ to }) => ['lib', 'ops', 'local', 'bin'].includes(room(to))))).toEqual([]);
});

it("lib imports of the rest only core and the handlers' environment", () => {
  const allowed = (to: string) =>
    ['lib', 'core'].includes(room(to)) || to === 'lambdas/env.ts' || !rooms.includes(room(to));
  expect(told(importsOf('lib').filter(({ to }) => !allowed(to)))).toEqual([]);
});

it('nothing that is deployed or handles money imports the local run', () => {
  expect(
    told(imports.filter(({ from, to }) => room(to) === 'local' && !['local', 'bin'].includes(room(from)))),
  ).toEqual([]);
});

it('the Stripe simulator imports core and packages, and only the local run and tests import it', () => {
  expect(
    told(
      importsOf('stripe-simulator').filter(
        ({ to }) => rooms.includes(room(to)) && !['core', 'stripe-simulator'].includes(room(to)),
      ),
    ),
  ).toEqual([]);
  expect(
    told(
      imports.filter(
        ({ from, to }) => room(to) === 'stripe-simulator' && !['local', 'stripe-simulator'].includes(room(from)),
      ),
    ),
  ).toEqual([]);
});

it('has no two files that import each other in a circle', () => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of imports) if (rooms.includes(room(to))) edges.set(from, [...(edges.get(from) ?? []), to]);
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});
