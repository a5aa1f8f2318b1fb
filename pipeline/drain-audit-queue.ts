/** An event as it lies in the audit queue. */
export interface AuditMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  /** The envelope, as the bus delivered it. */
  readonly body: string;
}

export interface AuditParts {
  /**
   * At most ten messages, without waiting.
   *
   * FIFO: a group of which messages are in somebody's hands gives no more until those are removed.
   */
  receive(): Promise<AuditMessage[]>;
  /** Writes one object; answers its name. */
  write(bodies: readonly string[]): Promise<string>;
  remove(messages: readonly AuditMessage[]): Promise<void>;
  /** After an object was written and its messages were removed. */
  written(key: string, messages: readonly AuditMessage[]): void;
  /** Until this invocation is ended from outside. */
  timeLeftMs(): number;
}

/** A round asks so often at once: as many groups as the rules make (`lib/audit-trail.ts`), each of which gives ten messages until they are removed. */
const ASKED_AT_ONCE = 10;
const MOST_PER_ROUND = 10 * ASKED_AT_ONCE;

/** What is begun is ended: S3 answers in a twentieth of a second, and the SDK tries a call three times. */
const RESERVE_MS = 10_000;

/** Before compression. An envelope has about 3 KB, so only very large ones reach it. */
const LARGEST_OBJECT_BYTES = 16 * 1024 * 1024;

/** Lambda hands over ten at most. So many at once means that more are behind them. */
const FULL_BATCH = 10;

/**
 * How long what has just come waits for company, in seconds; 0: it is written now.
 *
 * Until the next full `everySeconds` of the clock, the same moment for all groups, so that what came since the last one goes into few objects. Not what
 * came in a full batch, nor what waited before (it was received before, or lay there for as long).
 */
export function secondsToWait(
  batch: readonly { readonly receives: number }[],
  everySeconds: number,
  nowMs: number,
): number {
  if (everySeconds === 0 || batch.length >= FULL_BATCH || batch.some(({ receives }) => receives > 1)) return 0;
  const seconds = nowMs / 1000;
  return Math.max(1, Math.ceil(everySeconds - (seconds % everySeconds)));
}

/**
 * Empties the audit queue: `batch` and all that waits beside it goes into as few objects as can be, and leaves the queue once its object is written.
 *
 * A round takes what every group gives. Whatever fails ends the invocation; what was not removed comes back after the queue's visibility
 * timeout. Then it may be written again: no event is missing, and one may stand there twice (readers know it by the envelope's id).
 * @throws what the queue or the bucket answered.
 */
export async function drainAuditQueue(parts: AuditParts, batch: readonly AuditMessage[]): Promise<void> {
  let busy = true;
  let messages = [...batch];
  do {
    let calls = 1;
    while (busy && messages.length < MOST_PER_ROUND) {
      const answers = await Promise.all(Array.from({ length: calls }, () => parts.receive()));
      messages.push(...answers.flat());
      // Twice as many at a time while every one brings something: little is asked where little waits.
      busy = answers.every(({ length }) => length > 0);
      calls = Math.min(2 * calls, ASKED_AT_ONCE, Math.ceil((MOST_PER_ROUND - messages.length) / FULL_BATCH));
    }
    for (const part of inParts(messages)) {
      const key = await parts.write(part.map(({ body }) => body));
      await parts.remove(part);
      parts.written(key, part);
    }
    messages = [];
  } while (busy && parts.timeLeftMs() > RESERVE_MS);
}

function* inParts(messages: readonly AuditMessage[]): Generator<AuditMessage[]> {
  let part: AuditMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = Buffer.byteLength(message.body);
    if (part.length > 0 && bytes + size > LARGEST_OBJECT_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(message);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
