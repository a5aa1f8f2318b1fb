import { type Formatting, moment } from '../cli/formatting.ts';
import type { ShownCause } from './causes.ts';
import type { DiagnosedPipeline } from './diagnose.ts';
import type { RecordedChange } from './recent-changes.ts';

export function printDiagnosed(diagnosed: DiagnosedPipeline, format: Formatting): string {
  const { health, cause, also, reasons, crashes, changes, unseen, confirm } = diagnosed;
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', format.bold(title), ...lines.map((line) => `  - ${line}`)];
  return [
    ...(cause
      ? [
          `${format.wrong('CAUSE')}    ${cause.says}`,
          ...cause.changed.slice(0, 3).map((change) => `         ${said(change)}`),
          `${format.bold('PAGE')}     ${cause.page}`,
          `${format.bold('COMMAND')}  ${cause.command}`,
          `${format.bold('THEN')}     ${confirm}`,
        ]
      : [format.good(`Nothing is wrong that can be seen from here (${health ?? 'status unknown'}).`)]),
    ...list('Also', also.map(lineOf)),
    ...list(`Status: ${(health ?? 'unknown').toUpperCase()}`, cause ? reasons : []),
    ...list(
      'Crashes',
      crashes.map(({ worker, says }) => `${worker}: ${says}`),
    ),
    ...list('Changed by hand in the last hour', changes.slice(0, 10).map(said)),
    ...list('Could not be looked at', unseen),
  ].join('\n');
}

const lineOf = ({ says, page, command }: ShownCause): string => `${says} ${page}, \`${command}\``;
const said = ({ at, who, action, on }: RecordedChange): string => `${moment(at)} ${who}: ${action} ${on}`;
