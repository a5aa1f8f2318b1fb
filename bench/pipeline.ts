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
  functions: Record<string, { kind: 'worker' | 'audit'; processes: number[] }>;
}

const PORT = 4077;
/** Events of one post. */
const LINES = 500;

/**
 * `npm run bench -- pipeline`: a burst into the local run (`npm start`), which runs the deployed bundles; how fast it drains, and what it
 * holds in memory. Then the audit trail by itself, on a queue that was filled before.
 */
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
    for (const size of quick ? [500] : [2_000, 10_000, 10_000]) rows.push(await burst(size, run.pid!, rows.length));
    const bursts = table(
      [
        'events',
        's until accepted',
        's until the workers are done',
        's until the audit is',
        'events/s, workers',
        'events/s, audit',
        'MB of the main process',
        'MB of all functions',
      ],
      rows,
    );
    return `${bursts}\n\n${await auditAlone(quick ? 500 : 4_000, rows.length)}`;
  } finally {
    run.kill('SIGTERM');
    await once(run, 'exit');
  }
}

async function burst(size: number, pid: number, round: number): Promise<(string | number)[]> {
  const before = (await state())!;
  const seconds = stopwatch();
  const lines = await post(size, round);
  const accepted = seconds();
  const settled = ({ outcomes }: State) => Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  await until(async () => settled((await state())!) >= settled(before) + lines);
  const worked = seconds();
  await until(async () => (await state())!.audited >= before.audited + lines);
  const audited = seconds();
  return [
    `${lines}`,
    accepted,
    worked,
    audited,
    lines / worked,
    lines / audited,
    megabytes(pid),
    figure(childrenOf(pid).reduce((sum, child) => sum + megabytes(child), 0)),
  ];
}

/** How fast the audit function empties its queue while nothing else works, and what that is made of: so many batches at a time, of ten events. */
async function auditAlone(size: number, round: number): Promise<string> {
  const { functions, ...before } = (await state())!;
  for (const name of Object.keys(functions)) await fault({ what: 'pause', function: name });
  const lines = await post(size, round);
  const [audit, { processes }] = Object.entries(functions).find(([, { kind }]) => kind === 'audit')!;
  const seconds = stopwatch();
  await fault({ what: 'resume', function: audit });
  await until(async () => (await state())!.audited >= before.audited + lines);
  const took = seconds();
  const batches = processes.length;
  return [
    'The audit trail alone, with the workers paused and all events in its queue before it begins:',
    '',
    table(
      ['events', 's until all are in the bucket', 'events/s', 'batches of ten at a time', 'ms a batch'],
      [[`${lines}`, took, lines / took, `${batches}`, (1000 * took * 10 * batches) / lines]],
    ),
  ].join('\n');
}

/** @returns how many events were posted. Those of each round have other ids. */
async function post(size: number, round: number): Promise<number> {
  const { signUps } = workload({ customers: Math.ceil(size / 5), warmUp: 0, measured: 0 });
  const lines = signUps
    .slice(0, size)
    .map(({ event }) => JSON.stringify(event).replaceAll(/"(evt|cus|sub|in|pi|ch|cs|inpay)_/g, `"$1_r${round}`));
  for (let from = 0; from < lines.length; from += LINES)
    await send('/stripe', 'application/x-ndjson', lines.slice(from, from + LINES).join('\n'));
  return lines.length;
}

const fault = (what: object): Promise<void> => send('/fault', 'application/json', JSON.stringify(what));

async function send(path: string, type: string, body: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  if (response.status !== 202) throw new Error(`The local run answered ${response.status}: ${await response.text()}`);
}

/** Seconds since it was started. */
function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => (performance.now() - startedAt) / 1000;
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
  return Number(/VmRSS:\s+(\d+) kB/.exec(fileOf(`${pid}`, 'status'))?.[1] ?? 0) / 1024;
}

/** The functions' processes, below the local run. */
function childrenOf(pid: number): number[] {
  const statuses = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ child: Number(name), status: fileOf(name, 'status') }));
  const below = (parent: number): number[] =>
    statuses
      .filter(({ status }) => status.includes(`\nPPid:\t${parent}\n`))
      .flatMap(({ child }) => [child, ...below(child)]);
  return below(pid).filter((child) => fileOf(`${child}`, 'cmdline').includes('function-child'));
}

/** Empty for a process that is gone, or where the system has no such files. */
function fileOf(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
