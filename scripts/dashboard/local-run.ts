import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Series } from '../../local/cloudwatch/metric-history.ts';

/** Seconds until the demonstration must have ended; it takes well under a minute on a slow machine. */
const longestSeconds = 180;

/** As much as is read here of what `GET /state` says. */
interface State {
  posted: number;
  idle: boolean;
}

/**
 * Runs the demonstration (`npm start`) and hands over what it measured.
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
  try {
    // The demonstration pauses between its scenes: only five idle seconds in a row are its end.
    for (let second = 0, quiet = 0; quiet < 5; second++) {
      const problem =
        child.exitCode !== null ? `ended with ${child.exitCode}` : second > longestSeconds && 'did not come to rest';
      if (problem) throw new Error(`The local run ${problem}:\n${printed.slice(-2000)}`);
      await sleep(1000);
      const state = await stateAt(address);
      quiet = state?.idle && state.posted > 0 ? quiet + 1 : 0;
    }
    return withoutTheWait(await metricsFrom(address));
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await Promise.race([once(child, 'exit'), sleep(10_000)]);
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

/** Up to the last second in which a function ran: queues are measured on, while we wait for the end. */
function withoutTheWait(series: Series[]): Series[] {
  const ran = series.filter(({ namespace }) => namespace === 'AWS/Lambda').flatMap(({ points }) => points);
  const last = ran.reduce((latest, { at }) => (at > latest ? at : latest), '');
  return series.map((one) => ({ ...one, points: one.points.filter(({ at }) => at <= last) }));
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
