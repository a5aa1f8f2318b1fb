import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_EVENT_SOURCE } from '../../local/cloudformation/synthesise.ts';
import type { Series } from '../../local/cloudwatch/metric-history.ts';

/** Seconds until the demonstration must have ended; it takes well under a minute on a slow machine. */
const patienceSeconds = 180;

/** As much as is read here of what `GET /state` says. */
interface State {
  posted: number;
  idle: boolean;
  queues: Record<string, { visible: number }>;
}

/**
 * Runs the demonstration (`npm start`) and hands over what it measured, with what AWS would count at the bus and in the queues.
 *
 * @throws {Error} with its last output, when it ends early or never comes to rest.
 */
export async function measureLocalRun(): Promise<Series[]> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/local.ts'), '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const keep = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', keep);
  const address = `http://127.0.0.1:${port}`;
  const counted = new CountedFromOutside();
  try {
    // The demonstration pauses between its scenes: only five idle seconds in a row are its end.
    for (let second = 0, quiet = 0; quiet < 5; second++) {
      const problem =
        child.exitCode !== null ? `ended with ${child.exitCode}` : second > patienceSeconds && 'did not come to rest';
      if (problem) throw new Error(`The local run ${problem}:\n${printed.slice(-2000)}`);
      await sleep(1000);
      const state = await stateAt(address);
      if (state && state.posted > 0) counted.look(state, new Date());
      quiet = state?.idle && state.posted > 0 ? quiet + 1 : 0;
    }
    const reported = await metricsFrom(address);
    const last =
      reported
        .flatMap(({ points }) => points.at(-1)?.at ?? [])
        .sort()
        .at(-1) ?? '';
    return [...reported, ...counted.until(last)];
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await Promise.race([once(child, 'exit'), sleep(10_000)]);
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

/** Arrivals and queue depths, read off once a second as AWS does once a minute. */
class CountedFromOutside {
  readonly #points = new Map<string, Series>();
  #posted = 0;

  /** Without the seconds of waiting for the end. */
  until(last: string): Series[] {
    return [...this.#points.values()].map((series) => ({
      ...series,
      points: series.points.filter(({ at }) => at <= last),
    }));
  }

  look({ posted, queues }: State, now: Date): void {
    this.#add('AWS/Events', 'Events', { EventSourceName: LOCAL_EVENT_SOURCE }, posted - this.#posted, now);
    this.#posted = posted;
    for (const [QueueName, { visible }] of Object.entries(queues)) {
      this.#add('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName }, visible, now);
    }
  }

  #add(namespace: string, name: string, dimensions: Record<string, string>, value: number, now: Date): void {
    const key = JSON.stringify([name, dimensions]);
    const series = this.#points.get(key) ?? { namespace, name, unit: 'Count', dimensions, points: [] };
    this.#points.set(key, series);
    series.points.push({ at: now.toISOString(), values: [value] });
  }
}

/** Undefined while it is still starting. */
async function stateAt(address: string): Promise<State | undefined> {
  try {
    const answer = await fetch(`${address}/state`);
    return answer.ok ? ((await answer.json()) as State) : undefined;
  } catch {
    return undefined;
  }
}

/** What a local run that is going on has measured so far. */
export async function metricsFrom(address: string): Promise<Series[]> {
  const answer = await fetch(new URL('/metrics', address));
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}; is this the address of a local run?`);
  return ((await answer.json()) as { series: Series[] }).series;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
