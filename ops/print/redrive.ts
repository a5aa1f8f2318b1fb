import { destinationName, type LostMessage } from '../lost-messages.ts';
import type { RedrivePlan, RedriveResult } from '../redrive.ts';
import { moment, type Paint } from './paint.ts';

export function printRedrivePlan({ queues, groups }: RedrivePlan, paint: Paint): string {
  const table = paint.table(
    ['queue', 'waiting', 'looked at'],
    queues.map(({ name, waiting, looked_at }) => [name, waiting, looked_at]),
  );
  if (groups.length === 0) return `${table}\n\n${paint.good('Nothing is lost, as far as was asked.')}`;
  return [
    table,
    '',
    ...groups.flatMap(({ queue, reason, event_type, count, example, example_detail, oldest, back_to }) => [
      `${paint.bold(`${count} × ${reason}`)} in ${queue}${event_type ? `, ${event_type}` : ''}, since ${moment(oldest)}`,
      `    for example ${example}${example_detail ? `: ${example_detail}` : ''}`,
      paint.dim(`    goes back to ${back_to}`),
    ]),
  ].join('\n');
}

export const printRedriveResult = ({ sent_back, discarded, kept, file }: RedriveResult, paint: Paint): string =>
  [
    ...(file === null
      ? [paint.good(`${sent_back} sent back.`)]
      : [paint.good(`${discarded} saved to ${file} and deleted.`)]),
    ...(kept > 0 ? [paint.wrong(`${kept} stay where they are.`)] : []),
  ].join('\n');

/** One message, whole. */
export function printLost(message: LostMessage, paint: Paint): string {
  const attributes = Object.entries(message.attributes).map(([name, { StringValue }]) => `  ${name}: ${StringValue}`);
  return [
    `${paint.bold(message.event_id ?? message.message_id)} in ${message.queue.name}, since ${moment(message.since)}`,
    `reason: ${message.reason}${message.detail ? `: ${message.detail}` : ''}`,
    `goes back to ${destinationName(message.back_to)}`,
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
