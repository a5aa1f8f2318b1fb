import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byWorker, functionNames } from '../core/workers.ts';
import { auditEnv, reconcileEnv, workerEnv } from '../lambdas/env.ts';
import { readPlans } from '../lib/config-files.ts';
import { loadedAtFirstUse, writeBundle } from '../lib/handler-code.ts';
import type { BenchOptions } from './options.ts';
import { median, table } from './table.ts';

/** Any name and address will do: loading calls nobody. */
const environment = Object.fromEntries(
  [...workerEnv, ...auditEnv, ...reconcileEnv].map((name) => [name, 'https://localhost/1/2']),
);
const script = `const from = performance.now(), cpu = process.cpuUsage(); require(process.argv[1]);
const { user, system } = process.cpuUsage(cpu); console.log(performance.now() - from, (user + system) / 1000); process.exit(0)`;

/**
 * How long each function's code takes to load, in a fresh process, against the limit: `npm run bench -- start`.
 *
 * The processes of all functions take turns, so that a busy machine slows them alike. Medians, and ratios of medians.
 */
export async function startPart({ quick }: BenchOptions): Promise<string> {
  const runs = quick ? 3 : 15;
  const problems: string[] = [];
  const define = { BUNDLED_CATALOGUE: JSON.stringify(readPlans(problems)), BUNDLED_DATABASE_CA: 'null' };
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const folder = mkdtempSync(join(tmpdir(), 'bench-start-'));
  try {
    const bundles = [
      { name: 'limit', entry: 'bench/limit.ts', later: [] as readonly string[] },
      ...functionNames.map((name) => ({ name, entry: `lambdas/${name}/handler.ts`, later: loadedAtFirstUse[name] })),
    ].map(({ name, entry, later }) => {
      const output = join(folder, name);
      writeBundle(entry, output, define, later);
      return {
        name,
        file: join(output, 'index.js'),
        kilobytes: Math.round(sizeOf(output) / 1024),
        wall: [] as number[],
        cpu: [] as number[],
      };
    });
    // The first of each reads from the disk.
    for (let run = 0; run <= runs; run++) {
      for (const { file, wall, cpu } of bundles) {
        const [milliseconds, ofProcessor] = execFileSync(process.execPath, ['-e', script, file], {
          env: {
            PATH: process.env.PATH,
            AWS_REGION: 'us-east-1',
            AWS_ACCESS_KEY_ID: 'a',
            AWS_SECRET_ACCESS_KEY: 'b',
            ...environment,
            WORK_QUEUE_URLS: JSON.stringify(byWorker(() => 'https://localhost/1/2')),
          },
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        }).split(' ');
        if (run === 0) continue;
        wall.push(Number(milliseconds));
        cpu.push(Number(ofProcessor));
      }
    }
    const limit = bundles[0]!;
    const rows = bundles.map(({ name, file, kilobytes, wall, cpu }) => {
      const cells = [wall, cpu].flatMap((times, column) => [
        median(times).toFixed(1),
        (median(times) / median(column === 0 ? limit.wall : limit.cpu)).toFixed(2),
      ]);
      return [name, `${Math.round(statSync(file).size / 1024)} of ${kilobytes}`, ...cells];
    });
    return `${runs} fresh processes each, medians.\n\n${table(['function', 'first file of all, KB', 'ms to load', '÷ limit', 'ms of processor', '÷ limit'], rows)}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sizeOf(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);
}
