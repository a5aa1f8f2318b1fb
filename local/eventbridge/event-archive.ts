import { createReadStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { linesOf } from '../lines.ts';
import type { EventEnvelope } from './event-envelope.ts';
import type { Matches } from './event-pattern.ts';

/** Every live event that the archive's pattern takes, in a file of the run's own folder: a long run must not fill the memory. */
export class EventArchive {
  readonly #file: string;
  readonly #takes: Matches;
  #written: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(file: string, takes: Matches) {
    this.#file = file;
    this.#takes = takes;
  }

  get count(): number {
    return this.#count;
  }

  /** Keeps the events; what carries a `replay-name` is not archived again, as on AWS. */
  keep(envelopes: EventEnvelope[]): Promise<void> {
    const kept = envelopes.filter((envelope) => envelope['replay-name'] === undefined && this.#takes(envelope));
    if (kept.length === 0) return Promise.resolve();
    this.#count += kept.length;
    this.#written = this.#written.then(() =>
      appendFile(this.#file, kept.map((envelope) => `${JSON.stringify(envelope)}\n`).join('')),
    );
    return this.#written;
  }

  /**
   * The events of a time range by slices of one minute, shuffled within each: EventBridge replays minute by minute, in no order.
   * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
   */
  async *slices(from: Date, to: Date): AsyncGenerator<EventEnvelope[]> {
    await this.#written;
    if (this.#count === 0) return;
    let slice: EventEnvelope[] = [];
    let minute = '';
    for await (const line of linesOf(createReadStream(this.#file))) {
      const envelope = JSON.parse(line) as EventEnvelope;
      const time = new Date(envelope.time);
      if (time < from || time > to) continue;
      const itsMinute = envelope.time.slice(0, 16);
      if (itsMinute !== minute && slice.length > 0) {
        yield shuffle(slice);
        slice = [];
      }
      minute = itsMinute;
      slice.push(envelope);
    }
    if (slice.length > 0) yield shuffle(slice);
  }
}

/** In place, every order equally likely. */
export function shuffle<Item>(items: Item[], random = Math.random): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
