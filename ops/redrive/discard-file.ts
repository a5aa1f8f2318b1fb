import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Refusal } from '../cli/refusal.ts';
import type { DeadLetter } from './dead-letters.ts';

/** A new file of one JSON object a line; each line is on the disk before the message is deleted. */
export function newDiscardFile(path: string) {
  let file: number;
  try {
    // `x`: never over an earlier save.
    file = openSync(path, 'ax', 0o600);
  } catch (cause) {
    throw new Refusal(
      'discard_file',
      `Cannot create ${path}: ${(cause as Error).message}`,
      'Give another path with --file.',
      { cause },
    );
  }
  return {
    write({ queue, receipt: _receipt, ...message }: DeadLetter) {
      writeSync(file, `${JSON.stringify({ queue: queue.name, ...message })}\n`);
      fsyncSync(file);
    },
    close: () => closeSync(file),
  };
}

/**
 * The Stripe events of a file that `redrive --discard` wrote.
 * @throws {Refusal} when it cannot be read, naming the line.
 */
export function readDiscarded(path: string): Set<string> {
  const events = new Set<string>();
  const lines = textOf(path).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const id = eventIdIn(line);
    if (id === undefined)
      throw new Refusal(
        'discard_file',
        `${path}, line ${index + 1}: not what \`redrive --discard\` writes, one JSON object with an event_id a line.`,
        'Give the file that it named.',
      );
    if (id !== null) events.add(id);
  }
  return events;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Refusal(
      'discard_file',
      `Cannot read ${path}: ${(cause as Error).message}`,
      'Give the file that `redrive --discard` named.',
      { cause },
    );
  }
}

/** Null for a message of which nobody could read which event it is; undefined when the line is no such message. */
function eventIdIn(line: string): string | null | undefined {
  try {
    const { event_id } = JSON.parse(line) as { event_id?: unknown };
    return typeof event_id === 'string' || event_id === null ? event_id : undefined;
  } catch {
    return undefined;
  }
}
