import { RunTerminal } from '../../local/run-terminal.ts';
import { processTerminal } from '../../ops/cli/terminal.ts';
import { characters } from './hostile-values.ts';

/** The last look before a person's terminal: whatever printing forgot to escape ends here. */

const hostile = characters.join(' ');
let written: string;
beforeEach(() => {
  written = '';
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
});
afterEach(() => jest.restoreAllMocks());

it.each([
  ['a verb says', (text: string) => processTerminal().out(text)],
  ['a verb complains', (text: string) => processTerminal().err(text)],
  ['the local run says', (text: string) => new RunTerminal().say(text)],
  ['the local run complains', (text: string) => new RunTerminal().fail(text)],
  ['the local run shows in a table', (text: string) => new RunTerminal().table(['plan'], [[text]])],
])('%s nothing that moves, hides or turns what a terminal shows', (_who, print) => {
  print(hostile);
  expect(written).toContain('drop schema');
  expect(written.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
});
