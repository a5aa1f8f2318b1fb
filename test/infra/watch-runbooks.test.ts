import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmKinds } from '../../lib/watch/planned-alarm.ts';
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
