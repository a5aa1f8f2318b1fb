import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmKinds } from '../../lib/watch/planned-alarm.ts';
import { describeProgram } from '../../ops/cli/command-line.ts';
import { root } from './synthesis.ts';

const folder = join(root, 'docs', 'runbooks');
const runbooks = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));

it.each(runbooks)('$file fits on a page', ({ text }) => {
  expect(text.split('\n').length).toBeLessThanOrEqual(60);
});

it.each(alarmKinds)(
  '%s says what is seen, what customers notice, where to look, what to do, how to confirm, and whom to wake',
  (kind) => {
    const text = readFileSync(join(folder, `${kind}.md`), 'utf8');
    expect(text.match(/^## .*$/gm)).toEqual(['## Look', '## Fix', '## Afterwards', '## Wake']);
    expect(text).toMatch(/^\*\*Symptom\.\*\* /m);
    expect(text).toMatch(/^\*\*Customers notice\.\*\* /m);
  },
);

it.each(runbooks)('$file links only files that exist', ({ text }) => {
  const links = [...text.matchAll(/\]\(([^)#]+\.md)\)/g)].map(([, link]) => link!);
  expect(links.filter((link) => !existsSync(join(folder, link)))).toEqual([]);
});

it.each(runbooks)('$file tells only commands that the operators’ CLI takes', async ({ text }) => {
  const commands = [...text.matchAll(/npm run ops -- ([^`\n]+)/g)].map(([, command]) => command!.trim());
  const refused: string[] = [];
  for (const command of commands) {
    const problem = await parsed(command);
    if (problem) refused.push(`${command}: ${problem}`);
  }
  expect(refused).toEqual([]);
});

/** Reads a command as the CLI would, without doing anything; what refused it, if anything did. */
async function parsed(command: string): Promise<string | undefined> {
  const program = describeProgram({ out: () => {}, err: () => {} }, async () => {});
  const words = command
    .replaceAll(/<first event>|<now - 10 min>|<time>|(?<=--(?:from|to) )…/g, '2026-11-20T08:00:00Z')
    .match(/"[^"]*"|\S+/g)!
    .map((word) => word.replaceAll('"', ''));
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
