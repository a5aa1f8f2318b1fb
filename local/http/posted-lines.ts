import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { envelopeOf } from '../eventbridge/event-envelope.ts';
import { LineSplitter, linesOf } from '../lines.ts';
import { type PostedEvent, readPostedEvent, type ShapeProblem } from './stripe-event-shape.ts';

/** SQS's limit for a message, EventBridge's for an event: what counts is the event in its envelope. */
const LONGEST_ENVELOPE_BYTES = 1024 * 1024;
/** The envelope around an event needs some of it: its own fields, the type once more. */
const LONGEST_EVENT_BYTES = LONGEST_ENVELOPE_BYTES - 1024;
/**
 * Up to this size no event can be too long in its envelope, so that its length need not be worked out: JSON written anew is at most five
 * times as long (`1e20` becomes 21 digits), and the type stands in it twice.
 */
const SURELY_SHORT_BYTES = LONGEST_ENVELOPE_BYTES / 16;

/** What JSON.parse takes, JSON.stringify cannot write from some four thousand levels on; Stripe's events have a dozen. */
const DEEPEST_EVENT = 1000;

/** So many lines go to the file at a time. */
const LINES_PER_WRITE = 100;

/** The body is not what `POST /stripe` takes; nothing of it was accepted. */
export class UnreadablePost extends Error {
  readonly line: number;
  readonly problems: ShapeProblem[];

  constructor(line: number, problems: ShapeProblem[]) {
    super(`line ${line}: ${problems.map(({ field, message }) => `${field}: ${message}`).join('; ')}`);
    this.line = line;
    this.problems = problems;
  }
}

/**
 * One Stripe event as JSON, laid out as one likes.
 * @throws {UnreadablePost}
 */
export async function readOneEvent(body: AsyncIterable<Buffer>): Promise<PostedEvent> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > LONGEST_EVENT_BYTES) throw tooLong(1);
    chunks.push(chunk);
  }
  return readEvent(Buffer.concat(chunks).toString());
}

/**
 * Many Stripe events as NDJSON: all of them, or none.
 *
 * The lines go to a file while they are checked, and are read from it again once the last one is good: a bad line at the end must
 * not leave the lines before it accepted, and a hundred thousand events must not lie in memory.
 * @returns how many there are, and the events; to be read once, the file goes with the last one.
 * @throws {UnreadablePost} for the first bad line.
 */
export async function readManyEvents(
  body: AsyncIterable<Buffer>,
  folder: string,
): Promise<{ count: number; events: AsyncGenerator<PostedEvent> }> {
  const file = join(folder, `posted-${crypto.randomUUID()}.ndjson`);
  const spool = await open(file, 'w');
  let count = 0;
  try {
    let line = 0;
    const waiting: string[] = [];
    for await (const text of boundedLinesOf(body)) {
      line += 1;
      if (text.trim() === '') continue;
      readEvent(text, line);
      count += 1;
      waiting.push(`${text}\n`);
      if (waiting.length === LINES_PER_WRITE) await spool.appendFile(waiting.splice(0).join(''));
    }
    if (count === 0) {
      throw new UnreadablePost(1, [{ field: '(the whole)', message: 'wanted at least one Stripe event; got nothing' }]);
    }
    await spool.appendFile(waiting.join(''));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await spool.close();
  }
  return { count, events: eventsOf(file) };
}

async function* eventsOf(file: string): AsyncGenerator<PostedEvent> {
  try {
    for await (const text of linesOf(createReadStream(file))) yield JSON.parse(text) as PostedEvent;
  } finally {
    await rm(file, { force: true });
  }
}

/** @param line which one it is of many; without it the text is one event over several lines */
function readEvent(text: string, line?: number): PostedEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new UnreadablePost(line ?? lineOfProblem(text, message), [
      { field: '(the whole)', message: `not JSON: ${message}` },
    ]);
  }
  // A level takes two characters at least, so most texts need no look.
  if (text.length > 2 * DEEPEST_EVENT && isDeeper(value, DEEPEST_EVENT)) {
    const message = `wanted at most ${DEEPEST_EVENT} levels of objects and lists in each other`;
    throw new UnreadablePost(line ?? 1, [{ field: '(the whole)', message }]);
  }
  const event = readPostedEvent(value);
  if (Array.isArray(event)) throw new UnreadablePost(line ?? 1, event);
  if (Buffer.byteLength(text) > SURELY_SHORT_BYTES && envelopeBytes(event) > LONGEST_ENVELOPE_BYTES)
    throw tooLong(line ?? 1);
  return event;
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));

/** The line that keeps a text from being JSON: V8 says it for some problems, and for others the shortest beginning that is broken tells. */
function lineOfProblem(text: string, message: string): number {
  const stated = /\(line (\d+) column/.exec(message)?.[1];
  if (stated !== undefined) return Number(stated);
  const lines = text.split('\n');
  let [good, broken] = [0, lines.length];
  while (broken - good > 1) {
    const middle = Math.floor((good + broken) / 2);
    if (isBroken(lines.slice(0, middle).join('\n'))) broken = middle;
    else good = middle;
  }
  return broken;
}

/** Wrong as far as it goes, and not only unfinished. */
function isBroken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return (error as Error).message.startsWith('Unexpected token');
  }
}

/** @throws {UnreadablePost} before a line without end fills the memory. */
async function* boundedLinesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  let line = 1;
  for await (const chunk of body) {
    for (const text of splitter.push(chunk)) {
      yield text;
      line += 1;
    }
    if (splitter.pendingBytes > LONGEST_EVENT_BYTES) throw tooLong(line);
  }
  yield* splitter.end();
}

const envelopeBytes = (event: PostedEvent): number =>
  Buffer.byteLength(JSON.stringify(envelopeOf('aws.partner/stripe.com/'.padEnd(256), event.type, event)));

const tooLong = (line: number) =>
  new UnreadablePost(line, [
    {
      field: '(the whole)',
      message: `longer than ${LONGEST_EVENT_BYTES} bytes, or than ${LONGEST_ENVELOPE_BYTES} in its envelope, which EventBridge would refuse`,
    },
  ]);
