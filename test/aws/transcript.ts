import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Ran } from '../deploy/deployment.ts';

/** What was done, what answered, and what was not to be seen: one Markdown file, written anew after every act. */
export class Transcript {
  readonly file: string;
  readonly #lines: string[];

  constructor(file: string, title: string) {
    this.file = file;
    this.#lines = [`# ${title}`, '', `Begun ${new Date().toISOString()}.`];
  }

  act(title: string): void {
    this.#add('', `## ${title}`);
    console.log(`\n${title}`);
  }

  says(sentence: string): void {
    this.#add('', sentence);
    console.log(`  ${sentence}`);
  }

  ran(command: string, { code, output }: Ran): void {
    this.#add('', '```console', `$ ${command}`, ...output.split('\n'), `exit ${code}`, '```');
    console.log(`  $ ${command}  → exit ${code}`);
  }

  #add(...lines: string[]): void {
    this.#lines.push(...lines);
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(this.file, `${this.#lines.join('\n')}\n`);
  }
}
