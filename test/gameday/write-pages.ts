import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from '../deploy/deployment.ts';
import { root } from '../deploy/deployment.ts';
import { faults, schemaBehind } from './faults.ts';
import type { Round } from './play.ts';

const summaryPage = join(root, 'docs/runbooks/gameday.md');
const transcriptsPage = join(root, 'docs/gameday.md');
const ids = [schemaBehind, ...faults].map(({ id }) => id);

/**
 * docs/runbooks/gameday.md: how to play, and a line for each fault. docs/gameday.md: what was typed and printed.
 *
 * A fault that was not played this time keeps what its last round wrote.
 */
export function writePages(rounds: readonly Round[], deployment: Deployment): void {
  const plain = plainOf(deployment);
  const lines = heldBy(summaryPage, /^\| ([a-z-]+) \| .*$/gm);
  const sections = heldBy(transcriptsPage, /^## ([a-z-]+)\n[\s\S]*?(?=^## |(?![\s\S]))/gm);
  for (const round of rounds) {
    lines.set(round.fault, lineOf(round, plain));
    sections.set(round.fault, sectionOf(round, plain));
  }
  const inOrder = (held: ReadonlyMap<string, string>) => ids.flatMap((id) => held.get(id)?.trimEnd() ?? []);
  const missing = ids.filter((id) => !lines.has(id));
  writeFileSync(summaryPage, page(inOrder(lines), missing));
  writeFileSync(transcriptsPage, `${[transcriptsHead, ...inOrder(sections)].join('\n\n')}\n`);
}

/** What a page says of each fault, by the fault's name. */
const heldBy = (file: string, part: RegExp): Map<string, string> =>
  new Map([...readFileSync(file, 'utf8').matchAll(part)].map(([whole, id]) => [id!, whole]));

const page = (lines: readonly string[], missing: readonly string[]): string => `# A night on call, to practise

\`npm run gameday\` deploys the stack with the CDK CLI into an AWS emulator on your machine, with customers who go on buying, and breaks something without saying what. You repair it with
the verbs and these pages only; then it says what it was, and compares every customer with its own account of what they did. \`--only rule-disabled,mapping-off\` plays some.
\`--auto\` plays itself: it asks \`ops diagnose\`, does what that and its page say, and confirms with \`ops watch\`. It takes half an hour, Python 3.10 and the AWS CLI.

The last round of each fault with \`npm run gameday -- --auto --write-docs\`, which plays them in a random order; what was typed and printed: [docs/gameday.md](../gameday.md).

| fault | played | status said (after) | diagnose: cause, page | repaired with | watch confirmed after | customers right |
|---|---|---|---|---|---|---|
${lines.join('\n')}

${missing.length === 0 ? '' : `Not yet come through: ${missing.join(', ')}.\n\n`}Not to be played here, because the emulator does not model it: dead-letter queues of rules, ages of messages, schedules, alarms. What rings is
tried on the template instead: \`npx jest test/infra/watch-conditions\`.
`;

const lineOf = (round: Round, plain: (text: string) => string): string => {
  const { fault, at, told, cause, page, typed, recovered_s, customers } = round;
  const file = page.split('/').at(-1);
  return [
    '',
    fault,
    at.slice(0, 16).replace('T', ' '),
    `${told.word.toUpperCase()}: ${plain(told.reason)} (${told.after_s} s)`,
    `${cause}, [${file}](${file})`,
    repairs(typed)
      .map((command) => `\`${plain(command)}\``)
      .join('<br>'),
    `${recovered_s} s`,
    `all ${customers}`,
    '',
  ]
    .join(' | ')
    .trim();
};

/** What changed something; of a recipe of many lines, its last. */
const repairs = (typed: Round['typed']): string[] =>
  typed
    .map(({ command }) => command.trim().split('\n').at(-1)!)
    .filter((command) => !/ops -- (status|diagnose|watch)/.test(command));

const transcriptsHead = `# What was typed and printed on a practice night

Made by \`npm run gameday -- --auto --write-docs\`; none of it is written by hand. Of \`cdk deploy\` the lines of each asset and resource are left out. How to play: [runbooks/gameday.md](runbooks/gameday.md).`;

const sectionOf = ({ fault, typed }: Round, plain: (text: string) => string): string =>
  [
    `## ${fault}`,
    '',
    '```console',
    ...typed.flatMap(({ command, output, code }) => [`$ ${plain(command.trim())}`, plain(output), `exit ${code}`, '']),
    '```',
  ].join('\n');

const plainOf =
  ({ folder, checkout, emulator }: Deployment) =>
  (text: string): string =>
    text
      .replaceAll(`${checkout}/`, '')
      .replaceAll(`${folder}/`, '')
      .replaceAll(`${root}/`, '')
      .replaceAll(emulator.url, 'http://localhost')
      // What the CDK says of each asset and resource, and of what the emulator's template has not.
      .replace(/^(?:file:.*\n)?(?:INFO|WARNING) .*\n(?: .*\n)*\n?/gm, '')
      .replace(/^(?:Bundling asset .*|huntaze-stripe-dev(?: \||: (?:start|success|creating|deploying)).*)\n/gm, '')
      .replace(/(127\.0\.0\.1|localhost):\d+/g, '$1:5432')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .trim();
