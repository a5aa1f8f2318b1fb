import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineState } from '../../local/pipeline-state.ts';

/** The local run as a person starts it: a process, its output, its address. */
export interface LocalRun {
  url: string;
  child: ChildProcess;
  output(): string;
  state(): Promise<PipelineState>;
  post(events: object[]): Promise<Response>;
  send(path: string, body: string, contentType?: string): Promise<Response>;
  /** Until nothing is under way. @throws with the state, when that takes too long. */
  idle(seconds?: number): Promise<PipelineState>;
  until(what: string, condition: (state: PipelineState) => boolean, seconds?: number): Promise<PipelineState>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const repository = join(import.meta.dirname, '../..');
/** Slow machines with a full test run beside it; a fast one is ready in five seconds. */
export const LONGEST_START_MS = 180_000;

/** Starts `node bin/local.ts` with next to no environment: no home folder, no credentials, no DATABASE_URL. */
export function spawnLocalRun(
  args: string[],
  env: Record<string, string> = {},
): { child: ChildProcess; output(): string } {
  const child = spawn(process.execPath, ['bin/local.ts', ...args], {
    cwd: repository,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // What a test that fails leaves behind must not outlive the tests.
  process.once('exit', () => child.kill());
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  return { child, output: () => printed };
}

/** @returns once it serves. */
export async function startLocalRun(args: string[], env: Record<string, string> = {}): Promise<LocalRun> {
  const { child, output } = spawnLocalRun(args, env);
  const url = await readyUrl(child, output);
  // Whoever asks it later sees only that nobody answers.
  child.on('exit', (code, signal) => {
    if (code !== 0) process.stderr.write(`The local run ended with ${code ?? signal}:\n${output()}`);
  });
  const state = async () => (await (await fetch(`${url}/state`)).json()) as PipelineState;
  const until: LocalRun['until'] = async (what, condition, seconds = 60) => {
    const latest = Date.now() + seconds * 1000;
    for (;;) {
      const now = await state();
      if (condition(now)) return now;
      if (Date.now() > latest)
        throw new Error(
          `${what}: not within ${seconds} s.\n${JSON.stringify({ ...now, plans: now.plans.length }, null, 1)}\n${output()}`,
        );
      await sleep(100);
    }
  };
  const send: LocalRun['send'] = (path, body, contentType = 'application/json') =>
    fetch(url + path, { method: 'POST', headers: { 'content-type': contentType }, body });
  return {
    url,
    child,
    output,
    state,
    until,
    send,
    post: (events) => send('/stripe', events.map((event) => JSON.stringify(event)).join('\n'), 'application/x-ndjson'),
    idle: (seconds) => until('idle', ({ idle }) => idle, seconds),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null) return child.exitCode;
      const ended = once(child, 'exit');
      child.kill(signal);
      return ((await ended) as [number | null])[0];
    },
  };
}

async function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  const latest = Date.now() + LONGEST_START_MS;
  for (;;) {
    const url = /^Ready: (\S+)$/m.exec(output())?.[1];
    if (url) return url;
    if (child.exitCode !== null || Date.now() > latest) {
      child.kill('SIGKILL');
      throw new Error(`The local run did not come up:\n${output()}`);
    }
    await sleep(50);
  }
}

/** Sum of the outcomes: what `posted` must equal once idle. */
export const settledCount = ({ outcomes }: PipelineState): number =>
  Object.values(outcomes).reduce((sum, count) => sum + count, 0);
