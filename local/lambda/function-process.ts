import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FunctionBlueprint } from '../cloudformation/functions.ts';
import { LineSplitter } from '../lines.ts';
import { endMark, type FunctionAnswer, type Invocation } from './function-protocol.ts';

/** How one invocation ended, and every line that was printed meanwhile. */
export interface Invoked {
  lines: string[];
  milliseconds: number;
  outcome: { result: unknown } | { error: string };
}

/** A process that runs one function's bundle, one invocation at a time; started on demand, and again after it died. */
export class FunctionProcess {
  readonly #blueprint: FunctionBlueprint;
  readonly #variables: Record<string, string>;
  readonly #onStrayLine: (line: string) => void;
  #child: ChildProcess | undefined;
  #ready: Promise<void> | undefined;
  #current:
    | { lines: string[]; marks: number; requestId: string; answer?: FunctionAnswer; finish: (error?: string) => void }
    | undefined;
  #stopped = false;

  constructor(blueprint: FunctionBlueprint, variables: Record<string, string>, onStrayLine: (line: string) => void) {
    this.#blueprint = blueprint;
    this.#variables = variables;
    this.#onStrayLine = onStrayLine;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it if it does not run. @throws {Error} when its bundle does not load. */
  start(): Promise<void> {
    this.#ready ??= this.#spawn();
    return this.#ready;
  }

  /** Never rejects for what the function does: a failure, a timeout and a death are outcomes. */
  async invoke(event: unknown): Promise<Invoked> {
    const began = Date.now();
    try {
      await this.start();
    } catch (error) {
      return { lines: [], milliseconds: Date.now() - began, outcome: { error: (error as Error).message } };
    }
    const requestId = crypto.randomUUID();
    const deadline = Date.now() + this.#blueprint.timeoutSeconds * 1000;
    return new Promise((resolve) => {
      let timedOut: string | undefined;
      const timeout = setTimeout(() => {
        timedOut = `Task timed out after ${this.#blueprint.timeoutSeconds} seconds`;
        this.#child?.kill('SIGKILL');
      }, deadline - Date.now());
      const finish = (error?: string) => {
        const current = this.#current!;
        this.#current = undefined;
        clearTimeout(timeout);
        const { answer, lines } = current;
        const outcome =
          answer?.kind === 'answer'
            ? { result: answer.result }
            : { error: timedOut ?? error ?? (answer?.kind === 'failure' ? answer.message : 'no answer') };
        resolve({ lines, milliseconds: Date.now() - began, outcome });
      };
      this.#current = { lines: [], marks: 0, requestId, finish };
      const invocation: Invocation = { requestId, event, deadline, traceId: traceId() };
      // A send that fails means the process is gone; its end is what finishes the invocation.
      this.#child?.send(invocation, () => {});
    });
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  #spawn(): Promise<void> {
    if (this.#stopped) return Promise.reject(new Error('the local run is stopping'));
    const { name, codeFolder, handler } = this.#blueprint;
    const child = spawn(process.execPath, [join(import.meta.dirname, 'function-child.ts'), name, codeFolder, handler], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: this.#variables,
    });
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      const splitter = new LineSplitter();
      const readAll = (lines: Iterable<string>) => {
        for (const line of lines) this.#read(line);
      };
      stream.on('data', (chunk: Buffer) => readAll(splitter.push(chunk)));
      stream.on('end', () => readAll(splitter.end()));
    }
    return new Promise((resolve, reject) => {
      child.on('message', (answer: FunctionAnswer) => {
        if (answer.kind === 'ready') resolve();
        else if (answer.kind === 'broken') reject(new Error(`${name} does not load: ${answer.message}`));
        else this.#answer(answer);
      });
      // `close` comes after the last line of both pipes, `exit` may come before.
      child.once('close', (code, signal) => {
        this.#ready = undefined;
        this.#child = undefined;
        const error = `The process of ${name} ended (${signal ?? `code ${code}`}) before it answered`;
        reject(new Error(error));
        this.#current?.finish(error);
      });
      child.once('error', reject);
    });
  }

  #read(line: string): void {
    const current = this.#current;
    if (current && `${line}\n` === endMark(current.requestId)) {
      current.marks += 1;
      this.#finishIfComplete();
    } else if (current) {
      current.lines.push(line);
    } else if (!line.startsWith('\u0001')) {
      this.#onStrayLine(line);
    }
  }

  #answer(answer: FunctionAnswer): void {
    if (this.#current && 'requestId' in answer && answer.requestId === this.#current.requestId) {
      this.#current.answer = answer;
      this.#finishIfComplete();
    }
  }

  #finishIfComplete(): void {
    if (this.#current?.answer && this.#current.marks === 2) this.#current.finish();
  }
}

/** A sampled-out X-Ray header, so that code that reads it finds its shape. */
function traceId(): string {
  const hex = crypto.randomUUID().replaceAll('-', '');
  return `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${hex.slice(0, 24)};Parent=${hex.slice(0, 16)};Sampled=0`;
}
