import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logFields } from '../../core/log-lines.ts';
import { functionNames, workers } from '../../core/workers.ts';
import { savedQueries } from '../../lib/watch/saved-queries.ts';
import { root, synthesise } from './synthesis.ts';

/** What a worker's line holds, with what Powertools and Logs Insights add. */
const fields = new Set([...logFields, 'message', 'service', 'level', 'xray_trace_id']);

it('keeps the questions of the runbooks in a folder of the console', () => {
  const names = synthesise()
    .all('AWS::Logs::QueryDefinition')
    .map(([, { Properties }]) => Properties.Name);
  expect(names.sort()).toEqual(savedQueries.map(({ name }) => `huntaze-stripe-dev/${name}`).sort());
});

it.each(savedQueries)('"$name" asks only for fields that the functions write', ({ lines }) => {
  const text = lines.join('\n').replaceAll(/'[^']*'|\/[^/\n]+\//g, '');
  const words = [...text.matchAll(/(?<!@)\b[a-z]+_[a-z_]+\b/g)].map(([word]) => word);
  const own = [...text.matchAll(/\bas (\w+)/g)].map(([, name]) => name!);
  const functions = ['count_distinct'];
  expect(words.filter((word) => !fields.has(word) && !own.includes(word) && !functions.includes(word))).toEqual([]);
});

it('a runbook names only queries that exist', () => {
  const folder = join(root, 'docs', 'runbooks');
  const known: string[] = savedQueries.map(({ name }) => name);
  for (const file of readdirSync(folder)) {
    const asked = [...readFileSync(join(folder, file), 'utf8').matchAll(/(?<!--)quer(?:y|ies) "([^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect([file, asked.filter((name) => !known.includes(name))]).toEqual([file, []]);
  }
});

it('asks the workers for what only they write, and every function for the rest', () => {
  const groups = (name: string) =>
    synthesise().one('AWS::Logs::QueryDefinition', ({ Name }) => Name === `huntaze-stripe-dev/${name}`).Properties
      .LogGroupNames;
  expect(groups('slowest events')).toHaveLength(workers.length);
  expect(groups('crashes and timeouts')).toHaveLength(functionNames.length);
});
