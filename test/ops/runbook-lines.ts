import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const runbooksFolder = join(import.meta.dirname, '../../docs/runbooks');

/** Something on a page that somebody may type: a piece of inline code of several words, or a line of a block. */
export interface RunbookLine {
  /** `queue-deleted.md:26` */
  where: string;
  page: string;
  text: string;
  /** A line of a shell block under `<!-- recipe: … -->`: `npm run test:deploy` runs all of the block. */
  recipe: boolean;
}

/** Written by `npm run gameday` from what it ran. */
const made = ['gameday.md'];

/** Every such line of every runbook, top to bottom. */
export const runbookLines = (): RunbookLine[] =>
  readdirSync(runbooksFolder)
    .filter((page) => !made.includes(page))
    .flatMap((page) => linesOf(page, runbooksFolder));

/** Every such line of one page. */
export function linesOf(page: string, folder: string): RunbookLine[] {
  const lines = readFileSync(join(folder, page), 'utf8').split('\n');
  let block: 'none' | 'recipe' | 'plain' = 'none';
  return lines.flatMap((line, index) => {
    const where = `${page}:${index + 1}`;
    if (line.trim().startsWith('```')) {
      const marked = line === '```sh' && lines[index - 1]?.startsWith('<!-- recipe: ');
      block = block !== 'none' ? 'none' : marked ? 'recipe' : 'plain';
      return [];
    }
    if (block !== 'none')
      return line.trim() === '' ? [] : [{ where, page, text: line.trim(), recipe: block === 'recipe' }];
    return [...line.matchAll(/`([^`]+)`/g)]
      .filter(([, code]) => /\s/.test(code!))
      .map(([, text]) => ({ where, page, text: text!.trim(), recipe: false }));
  });
}

/** One call of the AWS CLI, with the options that are its own and not those of a command within it. */
export interface AwsCall {
  service: string;
  operation: string;
  options: string[];
}

/** Every call of the AWS CLI in a shell line, those within `$(…)` and functions included. */
export function awsCallsIn(line: string): AwsCall[] {
  return [...line.matchAll(/(?<![\w-])aws ([a-z0-9]+) ([a-z0-9-]+)/g)].map((match) => ({
    service: match[1]!,
    operation: match[2]!,
    options: ownOptions(line.slice(match.index + match[0].length)),
  }));
}

/** The `--options` up to the end of the command: not those in quotes, nor those of a command within it. */
function ownOptions(rest: string): string[] {
  const within: string[] = [];
  let own = '';
  for (let at = 0; at < rest.length; at++) {
    const top = within.at(-1);
    const character = rest[at]!;
    if (top === "'" ? character === "'" : top === '"' ? character === '"' : character === ')' && top === '(') {
      within.pop();
    } else if (top !== "'" && rest.startsWith('$(', at)) {
      within.push('(');
      at += 1;
    } else if (top !== "'" && top !== '"' && /["']/.test(character)) {
      within.push(character);
    } else if (within.length === 0) {
      if (/[;|)}]/.test(character)) break;
      own += character;
    }
  }
  return own.match(/(?<=\s)--[a-z][a-z0-9-]*/g) ?? [];
}
