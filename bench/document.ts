import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const document = join(import.meta.dirname, '../docs/performance.md');

/** Puts what was measured between its markers in docs/performance.md, and nowhere else. @throws {Error} when the markers are not there. */
export function writePart(name: string, text: string): void {
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- end of ${name} -->`];
  const before = readFileSync(document, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(
      `docs/performance.md has no place for ${name}: put the lines ${begin} and ${end} where it shall stand.`,
    );
  writeFileSync(document, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
}
