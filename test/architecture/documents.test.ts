import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** What documents promise, held where a machine can hold it. */

const root = join(import.meta.dirname, '../..');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const under = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file));

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...under('docs', '.md')];
const scripts = Object.keys((JSON.parse(text('package.json')) as { scripts: object }).scripts);

it.each(pages)('%s links only to files that exist', (page) => {
  const links = [...text(page).matchAll(/\]\((?!https?:|mailto:|#)([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, path]) =>
    normalize(join(dirname(page), path!)),
  );
  expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

it.each(pages)('%s names only scripts of package.json', (page) => {
  const named = [...text(page).matchAll(/\bnpm run ([a-z][\w:]*)/g)].map(([, name]) => name!);
  expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
});

it.each(pages)('%s names the environment in every command of the CDK that somebody may paste', (page) => {
  // With `npx` it is a command; what is only spoken of is written `cdk deploy`.
  const commands = [...text(page).matchAll(/npx cdk (?:deploy|diff|drift|destroy|import|bootstrap|synth)\b[^`\n]*/g)];
  expect(commands.map(([command]) => command).filter((command) => !command.includes('environment='))).toEqual([]);
});

it('every decision has a date and a status, and stands in the index with them', () => {
  const index = text('docs/decisions/README.md');
  for (const file of under('docs/decisions', '.md').filter((name) => !name.endsWith('README.md'))) {
    const [title, , status] = text(file).split('\n');
    const [, number, name] = /^# (\d+)\. (.+)$/.exec(title!) ?? [];
    const [, date, word] = /^\*(\d{4}-\d{2}-\d{2}) · (.+)\*$/.exec(status!) ?? [];
    expect([file, date]).toEqual([file, expect.any(String)]);
    expect(index).toContain(`| ${number} | [${name}](${relative('docs/decisions', file)}) | ${date} | ${word} |`);
  }
});

describe('the workflows', () => {
  const workflows = under('.github/workflows', '.yml');

  it.each(workflows)('%s pins each action by its whole commit, with the version beside it', (file) => {
    const uses = [...text(file).matchAll(/uses: (.+)$/gm)].map(([, action]) => action!);
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((action) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
  });

  it.each(workflows)('%s has no rights but those that a job names', (file) => {
    expect(text(file)).toMatch(/^permissions: \{\}$/m);
  });
});

it('.nvmrc is the Node that the scripts run under', () => {
  const { devDependencies } = JSON.parse(text('package.json')) as { devDependencies: { node: string } };
  expect(text('.nvmrc').trim()).toBe(devDependencies.node.split('.')[0]);
});

it('code refers to pages that are in this repository', () => {
  const folders = [
    'bin',
    'core',
    'adapters',
    'lambdas',
    'lib',
    'ops',
    'local',
    'pipeline',
    'scripts',
    'bench',
    'test',
    'stripe-simulator',
  ];
  const found = folders
    .flatMap((folder) => under(folder, '.ts'))
    .flatMap((file) => [...text(file).matchAll(/\bdocs\/[\w/-]+\.md/g)].map(([page]) => ({ file, page })));
  expect(found.length).toBeGreaterThan(5);
  expect(found.filter(({ page }) => !existsSync(join(root, page)))).toEqual([]);
});
