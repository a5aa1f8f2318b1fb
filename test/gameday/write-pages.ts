import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from '../deploy/deployment.ts';
import { root } from '../deploy/deployment.ts';
import { faults, schemaBehind } from './faults.ts';
import type { Round } from './play.ts';

/** docs/runbooks/gameday.md: how to play, and a line for each fault. docs/gameday.md: what was typed and printed. */
export function writePages(rounds: readonly Round[], deployment: Deployment): void {
  const plain = plainOf(deployment);
  writeFileSync(join(root, 'docs/runbooks/gameday.md'), page(rounds, plain));
  writeFileSync(join(root, 'docs/gameday.md'), transcripts(rounds, plain));
}

const page = (rounds: readonly Round[], plain: (text: string) => string): string => `# A night on call, to practise

\`npm run gameday\` deploys the stack with the CDK CLI into an AWS emulator on your machine, with customers who go on buying, and breaks something without saying what. You repair it with
the verbs and these pages only; then it says what it was, and compares every customer with its own account of what they did. \`--only rule-disabled,mapping-off\` plays some.
\`--auto\` plays itself: it asks \`ops diagnose\`, does what that and its page say, and confirms with \`ops watch\`. It takes half an hour, Python 3.10 and the AWS CLI.

The last run of \`npm run gameday -- --auto --write-docs\`, in its random order; every word that was printed: [docs/gameday.md](../gameday.md).

| fault | status said (after) | diagnose: cause, page | repaired with | watch confirmed after | customers right |
|---|---|---|---|---|---|
${rounds
  .map(({ fault, told, cause, page, typed, recovered_s, customers }) =>
    [
      '',
      fault,
      told
        ? `${told.word.toUpperCase()}: ${plain(told.reason)} (${told.after_s} s)`
        : 'nothing: seen by comparing both ends only',
      `${cause}, [${page.split('/').at(-1)}](${page.split('/').at(-1)})`,
      repairs(typed)
        .map((command) => `\`${plain(command)}\``)
        .join('<br>'),
      `${recovered_s} s`,
      `all ${customers}`,
      '',
    ]
      .join(' | ')
      .trim(),
  )
  .join('\n')}

${notReached(rounds)}Never played: a price that no plan has (its repair is a change of \`config/plans.yaml\` and a deployment), and what the emulator does not model: dead-letter queues of rules, \`cdk drift\` and
\`--revert-drift\`, ages of messages, composite alarms. \`status\` does not ask Stripe, so a disabled destination and a revoked key show in \`diagnose\`, and in \`silence\` or \`drift\` later.
`;

const notReached = (rounds: readonly Round[]): string => {
  const missing = [schemaBehind, ...faults]
    .map(({ id }) => id)
    .filter((id) => !rounds.some(({ fault }) => fault === id));
  return missing.length === 0 ? '' : `That run did not come through ${missing.join(', ')}.\n\n`;
};

/** What changed something; of a recipe of many lines, its last. */
const repairs = (typed: Round['typed']): string[] =>
  typed
    .map(({ command }) => command.trim().split('\n').at(-1)!)
    .filter((command) => !/ops -- (status|diagnose|watch)/.test(command));

const transcripts = (rounds: readonly Round[], plain: (text: string) => string): string =>
  [
    '# What was typed and printed on a practice night',
    '',
    'Made by `npm run gameday -- --auto --write-docs`; none of it is written by hand. How to play: [runbooks/gameday.md](runbooks/gameday.md).',
    '',
    ...rounds.flatMap(({ fault, typed }) => [
      `## ${fault}`,
      '',
      '```console',
      ...typed.flatMap(({ command, output, code }) => [
        `$ ${plain(command.trim())}`,
        plain(output),
        `exit ${code}`,
        '',
      ]),
      '```',
      '',
    ]),
  ].join('\n');

const plainOf =
  ({ folder, emulator }: Deployment) =>
  (text: string): string =>
    text
      .replaceAll(`${folder}/`, '')
      .replaceAll(`${root}/`, '')
      .replaceAll(emulator.url, 'http://localhost')
      .replace(/(127\.0\.0\.1|localhost):\d+/g, '$1:5432')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .trim();
