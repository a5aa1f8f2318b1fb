import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What somebody who comes in looks things up by: one name, one thing; the field's words; files that fit on a few screens. */

const root = join(import.meta.dirname, '../..');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const product = globSync('{core,pipeline,adapters,lambdas,lib,ops,local,stripe-simulator}/**/*.ts', { cwd: root });

/** A verb's command and what it does have one name, in one folder; every function of Lambda is a `handler`. */
const mayShare = (name: string, files: readonly string[]) =>
  name === 'handler' || new Set(files.map((file) => file.split('/').slice(0, 2).join('/'))).size === 1;

/** Names of two things, each known by its room: why neither is renamed. */
const twoThings: Record<string, string> = {
  backfill: 'the verb, and the application that it runs',
  BackfillOptions: 'what each of the two takes',
  reconcile: 'the verb, and the application that it runs',
  ReconcileOptions: 'what each of the two takes',
  count: 'a field of an object of Stripe, and how many messages',
  text: 'a field of a request to the simulator, and of an object of Stripe',
  wholeNumber: 'a setting, and an option of a verb: each reads its own kind of input',
};

it('has one thing to a name: what two rooms export is two names', () => {
  const places = new Map<string, string[]>();
  for (const file of product)
    for (const [, name] of text(file).matchAll(/^export (?:async )?(?:const|function|class|interface|type) (\w+)/gm))
      places.set(name!, [...(places.get(name!) ?? []), file]);
  const shared = [...places].filter(([name, files]) => files.length > 1 && !mayShare(name, files));
  expect(shared.filter(([name]) => twoThings[name] === undefined)).toEqual([]);
  expect(shared.map(([name]) => name).sort()).toEqual(Object.keys(twoThings).sort());
});

it.each(product.filter((file) => text(file).split('\n').length > 300))(
  '%s has over 300 lines, and says why',
  (file) => {
    // Above the part that is long.
    expect(text(file)).toMatch(/^ \* .*Long, because/m);
  },
);

/** A private language that this code once had: the field's word is beside it. */
const privateWords = {
  door: 'entry point, event processor',
  world: 'command context',
  patience: 'progress reporter',
  mend: 'repair',
  'lost messages': 'dead letters',
};

it('uses the words of the field', () => {
  const pages = globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: root });
  const found = [...product, ...pages].flatMap((file) =>
    Object.entries(privateWords).flatMap(([word, instead]) =>
      new RegExp(`\\b${word}(s|ed|ing)?\\b`, 'i').test(text(file)) ? [`${file}: ${word}. Write ${instead}.`] : [],
    ),
  );
  expect(found).toEqual([]);
});
