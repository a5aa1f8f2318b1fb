import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Deployment, type Ran, root } from './deployment.ts';

const page = join(root, 'docs/operations.md');

/** What the verbs printed, by the name under which docs/operations.md shows it. */
export class Transcripts {
  readonly #kept = new Map<string, { command: string; ran: Ran }>();

  readonly keep = (name: string, command: string, ran: Ran): void => {
    this.#kept.set(name, { command, ran });
  };

  /**
   * Puts every transcript between its marks in docs/operations.md, `<!-- transcript: name -->` to `<!-- end -->`.
   * @throws {Error} naming the marks without a transcript and the transcripts without marks.
   */
  write(deployment: Deployment): void {
    const text = readFileSync(page, 'utf8');
    const marks = /(<!-- transcript: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g;
    const shown = [...text.matchAll(marks)].map(([, , name]) => name!);
    const unknown = shown.filter((name) => !this.#kept.has(name));
    const unshown = [...this.#kept.keys()].filter((name) => !shown.includes(name));
    if (unknown.length > 0 || unshown.length > 0)
      throw new Error(
        `docs/operations.md has no transcript for ${unknown.join(', ') || 'nothing'}, and does not show ${unshown.join(', ') || 'nothing'}`,
      );
    const written = text.replaceAll(
      marks,
      (_whole, opening: string, name: string, end: string) =>
        `${opening}${block(this.#kept.get(name)!, deployment)}${end}`,
    );
    writeFileSync(page, written);
    console.log('Wrote the transcripts into docs/operations.md');
  }
}

function block({ command, ran }: { command: string; ran: Ran }, { folder, emulator }: Deployment): string {
  const plain = (text: string) =>
    text
      .replaceAll(`${folder}/`, '')
      .replaceAll(`${root}/`, '')
      .replaceAll(emulator.url, 'http://localhost')
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:5432');
  const lines = plain(ran.output)
    .split('\n')
    .map((line) => line.trimEnd());
  return ['```console', `$ npm run ops -- ${plain(command)}`, ...lines, `exit ${ran.code}`, '```', ''].join('\n');
}
