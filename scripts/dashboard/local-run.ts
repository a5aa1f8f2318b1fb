import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Series } from './metric-book.ts';

/** Seconds until the demonstration must have ended; it takes well under a minute on a slow machine. */
const patienceSeconds = 180;

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
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const address = `http://127.0.0.1:${port}`;
  try {
    for (let second = 0, quiet = 0; quiet < 5; second++) {
      if (child.exitCode !== null)
        throw new Error(`The local run ended with ${child.exitCode}:\n${printed.slice(-2000)}`);
      if (second > patienceSeconds)
        throw new Error(`The local run did not come to rest in ${patienceSeconds} s:\n${printed.slice(-2000)}`);
      await sleep(1000);
      // The demonstration pauses between its scenes: only five idle seconds in a row are its end.
      const state = await fetch(`${address}/state`).then(
        (answer) => answer.json(),
        () => undefined,
      );
      quiet =
        (state as { idle?: boolean; posted?: number } | undefined)?.idle && (state as { posted: number }).posted > 0
          ? quiet + 1
          : 0;
    }
    return await metricsFrom(address);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await Promise.race([once(child, 'exit'), sleep(10_000)]);
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

/** What a local run that is going on has measured so far. */
export async function metricsFrom(address: string): Promise<Series[]> {
  const answer = await fetch(new URL('/metrics', address));
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}; is this the address of a local run?`);
  return ((await answer.json()) as { metrics: Series[] }).metrics;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
