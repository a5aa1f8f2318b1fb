import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pipeline, startPipeline } from './pipeline.ts';

const root = join(import.meta.dirname, '../..');
const files = [
  'README.md',
  ...globSync('{docs,lib,core,adapters,lambdas,supabase,local,ops}/**/*.{md,ts,sql}', { cwd: root }),
];

/** Every `npm run ops -- …` that somebody may copy, with its placeholders filled. */
const commands = [
  ...new Set(
    files.flatMap((file) =>
      [
        ...readFileSync(join(root, file), 'utf8').matchAll(
          /npm run ops -- (?!<|\\|…)([^`'"#|()\n;,&$\\]+?)(?=\s{2,}|[`'"#|()\n;,&]|\. |\.$|: )/g,
        ),
      ].map(([, command]) =>
        command!
          .trim()
          .replace(/(--from|--to) (<[^>]*>|…)/g, '$1 2026-11-20T08:00')
          .replace(/(cus|sub|evt)_…/g, '$1_1')
          .replace(/<[^>]*>/g, 'x')
          .replace(/\s…/g, ''),
      ),
    ),
  ),
].sort();

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline();
  // Only the words are tried: without a stack, every verb stops before it does anything.
  pipeline.aws.stacks.clear();
});
afterAll(() => pipeline.close());

it('finds the commands in the documents', () => {
  expect(commands.length).toBeGreaterThan(20);
});

it.each(commands)('npm run ops -- %s is a command that exists', async (command) => {
  const { err } = await pipeline.run(...command.split(/\s+/));
  expect(err).not.toMatch(/^error:/m);
});

describe('docs/operations.md', () => {
  const book = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const transcripts = [...book.matchAll(/<!-- transcript: ([\w-]+) -->\n([\s\S]*?)<!-- end -->/g)];

  it.each(transcripts.map(([, name, text]) => [name!, text!]))('has run "%s"', (_name, text) => {
    expect(text).toMatch(/^```console\n\$ npm run ops -- [\s\S]+\nexit [012]\n```\n$/);
  });

  it.each([
    'doctor',
    'status',
    'replay',
    'redrive',
    'pause',
    'resume',
    'sync',
    'reconcile',
    'destination',
    'secrets',
    'migrate',
    'rollback',
  ])('shows %s at work', (verb) => {
    expect(transcripts.some(([, , text]) => text!.includes(`$ npm run ops -- ${verb}`))).toBe(true);
  });
});
