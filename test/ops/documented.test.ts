import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProgram, everyCommand } from '../../ops/cli/command-line.ts';
import { stripeRights } from '../../ops/doctor/stripe-rights.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

const root = join(import.meta.dirname, '../..');
const files = [
  'README.md',
  ...globSync('{docs,lib,core,adapters,lambdas,pipeline,supabase,local,ops}/**/*.{md,ts,sql}', {
    cwd: root,
    // What was decided once may name what is to come, or what is gone.
    exclude: ['docs/decisions/**'],
  }),
];

/** Every command line that somebody may copy from a page, a comment or a verb's output, with its placeholders filled. */
const commands = [
  ...new Set(
    files.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const found = [
        ...text.matchAll(/npm run ops -- (?!<|\\|…)([^`'"#|()\n;,&$\\]+?)(?=\s{2,}|[`'"#|()\n;,&]|\. |\.$|: )/g),
        ...text.matchAll(/\.verb\([`']([^`']+)/g),
        ...text.matchAll(/\\?`ops ([^`\\$]+)\\?`/g),
      ];
      return found.map(([, command]) =>
        command!
          .trim()
          // What the code puts in: a value after an option or an id, else a name that may be left out.
          .replace(/(--[\w-]+ |^event )\$\{[^}]*\}?/g, '$1x')
          .replace(/\$\{[^}]*\}?/g, '')
          .replace(/(--from|--to) (<[^>]*>|…)/g, '$1 2026-11-20T08:00')
          .replace(/(cus|sub|evt)_…/g, '$1_1')
          .replace(/<verb>/g, 'status')
          .replace(/<[^>]*>/g, 'x')
          .replace(/(--(?!apply)[\w-]+) …/g, '$1 x')
          .replace(/\s?…/g, ''),
      );
    }),
  ),
].sort();

const program = describeProgram({ out: () => {}, err: () => {} }, async () => {});
const everyVerb = program.commands.map((command) => command.name());
/** Each verb that can be run, with what it cannot go without. */
const everyCommandLine = program.commands.flatMap(everyCommand).flatMap((command) => {
  if (command.commands.length > 0) return [];
  const group = command.parent === program ? '' : `${command.parent!.name()} `;
  const required = command.options.filter(({ mandatory }) => mandatory);
  const operands = command.registeredArguments.filter(({ required }) => required).map(() => 'x');
  return [
    [`${group}${command.name()}`, ...required.map(({ long }) => `${long} 2026-11-20T08:00`), ...operands].join(' '),
  ];
});

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

it('names in its own texts the environment of the run', () => {
  const bare = globSync('ops/**/*.ts', { cwd: root }).flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\*|\/\*|\/\/)/.test(line) && /npm run ops|npx cdk /.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(bare.filter((line) => !/^ops\/cli\/command-lines?\.ts:/.test(line))).toEqual([]);
});

it('names in every document the environment of a deployment', () => {
  const bare = globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/npx cdk [^`\n]*/g)].map(([line]) => `${file}: ${line}`),
  );
  expect(bare.length).toBeGreaterThan(20);
  expect(bare.filter((line) => !/-c environment=\S/.test(line))).toEqual([]);
});

it.each(commands)('npm run ops -- %s is a command that exists', async (command) => {
  const words = [...command.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
  const { err } = await pipeline.run(...words);
  // A mention, `ops replay`, need not say all that the verb cannot go without.
  expect(err).not.toMatch(
    command.includes(' ') ? /^error:/m : /^error: (?!required option|missing required argument)/m,
  );
});

describe('docs/operations.md', () => {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const transcripts = [...page.matchAll(/<!-- transcript: ([\w-]+) -->\n([\s\S]*?)<!-- end -->/g)];
  const rights = /\| verb \| AWS actions \|\n[\s\S]*?\n\n/.exec(page)![0];

  it.each(transcripts.map(([, name, text]) => [name!, text!]))('has run "%s"', (_name, text) => {
    expect(text).toMatch(/^```console\n\$ npm run ops -- [\s\S]+\nexit [012]\n```\n$/);
  });

  it.each(stripeRights)('says who needs the right of the Stripe key to read $name', ({ name }) => {
    expect(page).toMatch(new RegExp(`^\\| ${name}: read \\| .+ \\|$`, 'm'));
  });

  describe.each(everyVerb)('%s', (verb) => {
    it('is listed at the top under its moment', () => {
      expect(page.slice(0, page.indexOf('**Plans first.**'))).toMatch(new RegExp(`\\[[^\\]]*${verb}\\b`));
    });
    it('has a section of its own', () => {
      expect(page).toMatch(new RegExp(`^### (.*[ ,])?${verb}\\b`, 'm'));
    });
    it('has a line that says whose rights it needs', () => {
      expect(rights).toMatch(new RegExp(`^\\| ([^|]*, )?${verb}[ ,]`, 'm'));
    });
    it('is shown at work', () => {
      expect(transcripts.some(([, , text]) => text!.includes(`$ npm run ops -- ${verb}`))).toBe(true);
    });
  });
});

describe.each(everyCommandLine)('%s', (commandLine) => {
  it('answers --json with one document', async () => {
    const { json } = await pipeline.run(...commandLine.split(' '), '--json');
    expect(json).toMatchObject({ verb: commandLine.replace(/ (-|x\b).*/, ''), environment: 'dev' });
  });
});
