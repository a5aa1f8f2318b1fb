import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What became of one message at one attempt: the log line that says it. */
export interface Line {
  message: 'event settled' | 'event deferred';
  outcome?: string;
  reason?: string;
  code?: string;
  detail?: string;
  sqs_message_id: string;
}

/** One function's process; started again when it ends, as Lambda does. */
export class RunningFunction {
  readonly #start: () => ChildProcess;
  readonly #lines = new Map<string, Line[]>();
  readonly #crashes: string[];
  readonly #see: (shown: string) => void;
  #child: ChildProcess;
  #lastWords: string[] = [];
  #answered: ((answer: string | undefined) => void) | undefined;

  constructor(folder: string, env: Record<string, string>, see: (shown: string) => void, crashes: string[]) {
    this.#crashes = crashes;
    this.#see = see;
    this.#start = () =>
      spawn(
        join(import.meta.dirname, '../../node_modules/.bin/node'),
        [join(import.meta.dirname, 'function.ts'), folder],
        { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env },
      );
    this.#child = this.#begin();
  }

  #begin(): ChildProcess {
    const child = this.#start();
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.#read(line));
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => this.#answered?.(line));
    // Writing to one that ended is answered by its end.
    child.stdin!.on('error', () => {});
    child.on('close', () => this.#answered?.(undefined));
    return child;
  }

  #read(line: string): void {
    this.#see(line);
    this.#lastWords = [...this.#lastWords.slice(-20), line];
    if (!line.startsWith('{')) return;
    const said = JSON.parse(line) as Line;
    if (said.sqs_message_id !== undefined)
      this.#lines.set(said.sqs_message_id, [...(this.#lines.get(said.sqs_message_id) ?? []), said]);
  }

  /** Answers the ids of the messages that were given back. */
  async invoke(records: { messageId: string }[]): Promise<Set<string>> {
    const before = records.map(({ messageId }) => this.linesOf(messageId).length);
    const answer = await new Promise<string | undefined>((resolve) => {
      this.#answered = resolve;
      if (this.#child.exitCode !== null) resolve(undefined);
      this.#child.stdin!.write(`${JSON.stringify({ Records: records })}\n`);
    });
    if (answer === undefined) {
      this.#crashes.push(`the process ended (${this.#child.exitCode ?? this.#child.signalCode})`);
      if (this.#lines.size === 0) throw new Error(`The function does not start:\n${this.#lastWords.join('\n')}`);
      this.#child = this.#begin();
      return new Set();
    }
    const { batchItemFailures, polluted } = JSON.parse(answer) as {
      batchItemFailures: { itemIdentifier: string }[];
      polluted: boolean;
    };
    if (polluted) this.#crashes.push('the prototype of all objects was changed');
    // What it printed comes by another pipe, and may come later than its answer.
    const latest = Date.now() + 5_000;
    const missing = () => records.some(({ messageId }, index) => this.linesOf(messageId).length === before[index]);
    while (missing() && Date.now() < latest) await new Promise((resolve) => setTimeout(resolve, 1));
    return new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  }

  linesOf(messageId: string): Line[] {
    return this.#lines.get(messageId) ?? [];
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
