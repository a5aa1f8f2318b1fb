import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresServer } from '../../local/backends/postgres-server.ts';
import type { BenchOptions } from '../options.ts';
import { connected, createDatabase, databaseUrl, migrate, startMeasuredPostgres } from '../postgres.ts';
import { reference } from '../reference/reference.ts';
import { figure, median, spread, table } from '../table.ts';
import type { Measured, MeasureRequest } from './measure.ts';
import { applyPicture } from './picture.ts';
import type { ApplyResult, Setting } from './result.ts';
import { slowLine } from './slow-line.ts';
import { floorSchema, type SystemName, systems } from './systems.ts';
import { type Size, workload } from './workload.ts';

const sizes: Record<'quick' | 'full', Size> = {
  quick: { customers: 500, warmUp: 100, measured: 60 },
  full: { customers: 2_500, warmUp: 300, measured: 300 },
};

/** `npm run bench -- apply` */
export async function applyPart({ quick, runs, before }: BenchOptions): Promise<string> {
  const results = await apply({ runs, size: sizes[quick ? 'quick' : 'full'], before });
  if (!quick) writeFileSync(join(import.meta.dirname, '../../docs/images/apply.svg'), applyPicture(results));
  return applyTable(results);
}

/**
 * The same events through us, the reference and the floor, in turns: each measurement in a process and a database of its own, the order
 * rotated, so that what else the machine does meets all of them alike.
 *
 * @param before another checkout of this product to set beside it
 */
async function apply(options: { runs: number; size: Size; before: string | undefined }) {
  const server = await startMeasuredPostgres();
  try {
    const names: SystemName[] = ['floor', 'reference', 'ours', ...(options.before ? ['before' as const] : [])];
    for (const name of names) await template(server, name, options.size, options.before);
    const line = await slowLine(server.port, 5);
    const results: ApplyResult[] = settingsOf(names).map((setting) => ({ setting, runs: [] }));
    for (let run = 0; run < options.runs; run += 1) {
      const turn = results.map((_, n) => results[(n + run * 3) % results.length]!);
      for (const { setting, runs } of turn) {
        const adminUrl = await createDatabase(server, 'measured', `template_${setting.system}`);
        const url = setting.away > 0 ? adminUrl.replace(`:${server.port}/`, `:${line.port}/`) : adminUrl;
        runs.push(
          await inOwnProcess({
            system: setting.system,
            url,
            adminUrl,
            inFlight: setting.inFlight,
            batch: setting.batch,
            size: options.size,
            ...(setting.system === 'before' && { checkout: options.before! }),
          }),
        );
      }
    }
    line.close();
    return results;
  } finally {
    await server.remove();
  }
}

function settingsOf(names: readonly SystemName[]): Setting[] {
  const near = names.flatMap((system) => [
    ...[1, 8, 32].map((inFlight) => ({ system, batch: 1, inFlight, away: 0 })),
    ...(systems[system] === systems.ours ? [1, 3].map((inFlight) => ({ system, batch: 10, inFlight, away: 0 })) : []),
  ]);
  const far = names.map((system) => ({
    system,
    ...(systems[system] === systems.ours ? { batch: 10, inFlight: 1 } : { batch: 1, inFlight: 2 }),
    away: 5,
  }));
  return [...near, ...far];
}

async function template(server: PostgresServer, name: SystemName, size: Size, checkout?: string): Promise<void> {
  const url = await createDatabase(server, `template_${name}`);
  if (name === 'floor') await connected(url, (client) => client.query(floorSchema));
  else if (name === 'reference') await (await reference()).migrate(url);
  else await migrate(url, name === 'before' ? checkout : undefined);
  const system = await systems[name](url, 8, name === 'before' ? checkout : undefined);
  const { signUps } = workload(size);
  const lane = async () => {
    for (let message = signUps.shift(); message; message = signUps.shift()) await system.apply(message);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await system.close();
  await connected(databaseUrl(server, `template_${name}`), (client) => client.query('vacuum analyze'));
}

async function inOwnProcess(request: MeasureRequest): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, 'measure.ts'),
    JSON.stringify(request),
  ]);
  return JSON.parse(stdout);
}

/** Of each repetition's own pair, so that what slowed both slows the ratio of neither. */
const ratios = (ours: readonly number[], theirs: readonly number[]): number[] =>
  ours.map((value, run) => value / theirs[run]!);

function applyTable(results: readonly ApplyResult[]): string {
  const of = (system: SystemName, atOnce: number, away: number) =>
    results.find(
      ({ setting }) =>
        setting.system === system && setting.batch === 1 && setting.inFlight === atOnce && setting.away === away,
    );
  const nearest = { 1: 1, 10: 8, 30: 32, 8: 8, 32: 32, 2: 2 } as Record<number, number>;
  const rows = results.map(({ setting, runs }) => {
    const atOnce = nearest[setting.batch * setting.inFlight]!;
    const [reference, floor] = [
      of('reference', setting.away ? 2 : atOnce, setting.away),
      of('floor', setting.away ? 2 : atOnce, setting.away),
    ];
    const speed = runs.map(({ perSecond }) => perSecond);
    const against = (other: ApplyResult | undefined) =>
      other === undefined
        ? '–'
        : spread(
            ratios(
              speed,
              other.runs.map(({ perSecond }) => perSecond),
            ),
          );
    const cpu = (run: Measured) => run.process + run.postgres;
    return [
      setting.system,
      setting.batch > 1 ? `${setting.inFlight} × ${setting.batch}` : `${setting.inFlight}`,
      setting.away ? `${setting.away} ms` : '',
      spread(speed),
      median(runs.map(({ p50 }) => p50)),
      median(runs.map(({ p99 }) => p99)),
      figure(median(runs.map(({ process }) => process))),
      figure(median(runs.map(({ postgres }) => postgres))),
      figure(median(runs.map(({ walBytes }) => walBytes))),
      against(reference),
      against(floor),
      reference === undefined ? '–' : spread(ratios(reference.runs.map(cpu), runs.map(cpu))),
    ];
  });
  return table(
    [
      'system',
      'in flight',
      'database away',
      'events/s',
      'p50 ms',
      'p99 ms',
      'process µs',
      'Postgres µs',
      'WAL bytes',
      '÷ reference',
      '÷ floor',
      'processor: reference ÷ it',
    ],
    rows,
  );
}
