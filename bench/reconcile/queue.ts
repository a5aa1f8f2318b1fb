import { existsSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSRecord } from 'aws-lambda';
import type pg from 'pg';
import { stripeClient, stripeReader } from '../../adapters/stripe.ts';
import { type Worker, workers } from '../../core/workers.ts';
import { processBatch } from '../../pipeline/process-batch.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { testProcessor } from '../../test/support/event-processor.ts';

const BATCH = 10;
const BATCHES_AT_ONCE = 2;

/**
 * The work queues and their workers: a file that any process appends to, a line a message, and the event processor in batches of ten, as Lambda
 * runs it. A file, because a run that is killed must not take with it what it queued.
 */
export class Queue {
  readonly #file: string;
  readonly #writer: pg.Pool;
  readonly #stripe: { url: string; key: string };
  readonly #waiting: { worker: Worker; body: string }[] = [];
  readonly #published: string[] = [];
  #descriptor: number | undefined;
  #read = 0;
  #rest = '';
  #stopped = false;
  #busy = 0;
  #settled = 0;
  readonly failures: string[] = [];

  constructor(file: string, writer: pg.Pool, stripe: { url: string; key: string }) {
    this.#file = file;
    this.#writer = writer;
    this.#stripe = stripe;
  }

  get published(): readonly string[] {
    return this.#published;
  }
  get settled(): number {
    return this.#settled;
  }

  send(worker: Worker, body: string): void {
    this.#waiting.push({ worker, body });
  }

  /** Settles what comes until {@link stop}. */
  async run(): Promise<void> {
    const client = await stripeClient(this.#stripe.key, this.#stripe.url);
    const processors = new Map(
      workers.map((worker) => [
        worker,
        testProcessor(this.#writer, {
          worker,
          stripe: stripeReader(async () => client),
          publish: async (planEvents) => void this.#published.push(...planEvents.map(({ id }) => id)),
        }),
      ]),
    );
    const lane = async (): Promise<void> => {
      while (!this.#stopped) {
        this.#pull();
        const worker = this.#waiting[0]?.worker;
        if (worker === undefined) {
          await sleep(50);
          continue;
        }
        const batch: string[] = [];
        while (batch.length < BATCH && this.#waiting[0]?.worker === worker) batch.push(this.#waiting.shift()!.body);
        this.#busy += 1;
        const records = batch.map((body, n) => ({ messageId: `${n}`, body, attributes: {} }) as SQSRecord);
        await processBatch(
          records,
          processors.get(worker)!,
          ({ body }, applyOne) => processEvent(processors.get(worker)!, body, applyOne),
          { defer: async ({ body }) => this.send(worker, body), park: async () => {} },
          {
            settled: () => {
              this.#settled += 1;
            },
            parked: (_record, error) => void this.failures.push(error.message),
            deferred: () => {},
          },
        );
        this.#busy -= 1;
      }
    };
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, lane));
  }

  /** Waits until nothing waits and nobody works. */
  async drained(): Promise<void> {
    for (;;) {
      this.#pull();
      if (this.#waiting.length === 0 && this.#busy === 0) return;
      await sleep(50);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** At most so much at once, and only while little waits: the rest stays in the file. */
  #pull(): void {
    if (this.#waiting.length > 1000 || !existsSync(this.#file)) return;
    const { size } = statSync(this.#file);
    if (size === this.#read) return;
    this.#descriptor ??= openSync(this.#file, 'r');
    const chunk = Buffer.alloc(Math.min(size - this.#read, 4 * 2 ** 20));
    const bytes = readSync(this.#descriptor, chunk, 0, chunk.length, this.#read);
    this.#read += bytes;
    const lines = `${this.#rest}${chunk.subarray(0, bytes).toString('latin1')}`.split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const { worker, envelope } = JSON.parse(Buffer.from(line, 'latin1').toString()) as {
        worker: Worker;
        envelope: object;
      };
      this.#waiting.push({ worker, body: JSON.stringify(envelope) });
    }
  }
}
