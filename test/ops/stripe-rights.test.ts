import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Stripe from 'stripe';
import { stripeRights } from '../../ops/doctor/stripe-rights.ts';

const root = join(import.meta.dirname, '../..');
const client = new Stripe('sk_test_none');

/** What is asked of Stripe's API by `stripe.<resource>`; other things are called stripe, too. */
const resourcesIn = (text: string): string[] =>
  [...text.matchAll(/\bstripe\.((?:v2\.core|checkout)\.\w+|\w+)/g)].flatMap(([, path]) =>
    isResource(path!) ? path! : [],
  );
function isResource(path: string): boolean {
  const found = path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], client);
  return typeof (found as { list?: unknown } | undefined)?.list === 'function';
}

it('doctor tries a right for everything that functions and verbs read at Stripe', () => {
  const files = globSync('{adapters,lambdas,ops,pipeline}/**/*.ts', { cwd: root });
  const asked = files
    .filter((file) => !file.endsWith('stripe-rights.ts'))
    .flatMap((file) => resourcesIn(readFileSync(join(root, file), 'utf8')));
  const tried = stripeRights.flatMap(({ read }) => resourcesIn(read.toString()));
  expect([...new Set(asked)].sort()).toEqual([...new Set(tried)].sort());
});
