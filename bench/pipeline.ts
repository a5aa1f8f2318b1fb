import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { workload } from './apply/workload.ts';
import type { BenchOptions } from './options.ts';
import { figure, table } from './table.ts';

interface State {
  posted: number;
  outcomes: Record<string, number>;
  audited: number;
  idle: boolean;
}

const PORT = 4077;
/** Events of one post. */
const LINES = 500;

/** `npm run bench -- pipeline`: a burst into the local run (`npm start`), which runs the deployed bundles; how fast it drains, and what it holds in memory. */
export async function pipelinePart({ quick }: BenchOptions): Promise<string> {
  const run = spawn(
    process.execPath,
    [join(import.meta.dirname, '../bin/local.ts'), '--no-demo', '--port', String(PORT)],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  try {
    await until(async () => (await state()) !== undefined);
    const rows: (string | number)[][] = [];
    for (const size of quick ? [500] : [500, 2_000]) rows.push(await burst(size, run.pid!, rows.length));
    return table(
      [
        'events',
        's until accepted',
        's until the workers are done',
        's until the audit is',
        'events/s, workers',
        'MB of the main process',
        'MB of all functions',
      ],
      rows,
    );
  } finally {
    run.kill('SIGTERM');
    await once(run, 'exit');
  }
}

async function burst(size: number, pid: number, round: number): Promise<(string | number)[]> {
  const { signUps } = workload(Math.ceil(size / 10));
  // Events of another burst have other ids.
  const lines = signUps
    .slice(0, size)
    .map(({ event }) => JSON.stringify(event).replaceAll(/"(evt|cus|sub|in|pi|ch|cs|inpay)_/g, `"$1_r${round}`));
  const before = (await state())!;
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  for (let from = 0; from < lines.length; from += LINES) {
    const response = await fetch(`http://127.0.0.1:${PORT}/stripe`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.slice(from, from + LINES).join('\n'),
    });
    if (response.status !== 202) throw new Error(`The local run answered ${response.status}: ${await response.text()}`);
  }
  const accepted = seconds();
  const settled = ({ outcomes }: State) => Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  await until(async () => settled((await state())!) >= settled(before) + lines.length);
  const worked = seconds();
  await until(async () => (await state())!.audited >= before.audited + lines.length);
  const audited = seconds();
  return [
    `${lines.length}`,
    accepted,
    worked,
    audited,
    lines.length / worked,
    megabytes(pid),
    figure(childrenOf(pid).reduce((sum, child) => sum + megabytes(child), 0)),
  ];
}

async function state(): Promise<State | undefined> {
  const response = await fetch(`http://127.0.0.1:${PORT}/state`).catch(() => undefined);
  return response?.ok ? ((await response.json()) as State) : undefined;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 300_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > giveUpAt) throw new Error('The local run did not get there within five minutes.');
    await sleep(200);
  }
}

/** Of memory that is resident; 0 where the system does not say. */
function megabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(statusOf(`${pid}`))?.[1] ?? 0) / 1024;
}

/** The functions' processes: all Node processes below the local run. */
function childrenOf(pid: number): number[] {
  const statuses = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ child: Number(name), status: statusOf(name) }));
  const below = (parent: number): number[] =>
    statuses
      .filter(({ status }) => status.includes(`\nPPid:\t${parent}\n`))
      .flatMap(({ child }) => [child, ...below(child)]);
  return below(pid).filter((child) => /^Name:\tnode/.test(statusOf(`${child}`)));
}

/** Empty for a process that is gone, or where the system has no such files. */
function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
