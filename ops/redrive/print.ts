import { type Formatting, moment } from '../cli/formatting.ts';
import type { DeadLetter } from './dead-letters.ts';
import type { RedrivePlan, RedriveResult } from './redrive.ts';
import { wayBackName } from './way-back.ts';

export function printRedrivePlan({ queues, groups }: RedrivePlan, format: Formatting): string {
  const table = format.table(
    ['queue', 'waiting', 'looked at'],
    queues.map(({ name, waiting, looked_at }) => [name, waiting, looked_at]),
  );
  if (groups.length === 0) return `${table}\n\n${format.good('Nothing is lost, as far as was asked.')}`;
  return [
    table,
    '',
    ...groups.flatMap(({ queue, reason, event_type, count, example, example_detail, oldest, back_to }) => [
      `${format.bold(`${count} × ${reason}`)} in ${queue}${event_type ? `, ${event_type}` : ''}, since ${moment(oldest)}`,
      `    for example ${example}${example_detail ? `: ${example_detail}` : ''}`,
      format.dim(`    goes back to ${back_to}`),
    ]),
  ].join('\n');
}

export const printRedriveResult = ({ sent_back, discarded, kept, file }: RedriveResult, format: Formatting): string =>
  [
    ...(file === null
      ? [format.good(`${sent_back} sent back.`)]
      : [format.good(`${discarded} saved to ${file} and deleted.`)]),
    ...(kept > 0 ? [format.wrong(`${kept} stay where they are.`)] : []),
  ].join('\n');

/** One message, whole. */
export function printDeadLetter(message: DeadLetter, format: Formatting): string {
  const attributes = Object.entries(message.attributes).map(([name, { StringValue }]) => `  ${name}: ${StringValue}`);
  return [
    `${format.bold(message.event_id ?? message.message_id)} in ${message.queue.name}, since ${moment(message.since)}`,
    `reason: ${message.reason}${message.detail ? `: ${message.detail}` : ''}`,
    `goes back to ${wayBackName(message.back_to)}`,
    ...(attributes.length > 0 ? ['attributes:', ...attributes] : []),
    'body:',
    pretty(message.body),
  ].join('\n');
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Not JSON: shown as it is.
    return body;
  }
}
