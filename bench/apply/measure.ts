/**
 * Applies one workload to one system in a process of its own, and prints what it took: a line of JSON. Started by bench/apply/apply.ts.
 */
import { connected, serverUse } from '../postgres.ts';
import { quantile } from '../table.ts';
import { type SystemName, systems } from './systems.ts';
import { type Message, type Size, workload } from './workload.ts';

export interface MeasureRequest {
  system: SystemName;
  /** Where the system connects; through a slow line, or as `adminUrl`. */
  url: string;
  adminUrl: string;
  /** Messages (or batches, if there is a size) that are under way at once. */
  inFlight: number;
  /** Messages of one batch; 1: each alone. */
  batch: number;
  size: Size;
  checkout?: string;
}

export interface Measured {
  perSecond: number;
  /** Milliseconds of one message, or of one batch. */
  p50: number;
  p99: number;
  /** Microseconds of processor for each event: of the process that applies, and of Postgres. */
  process: number;
  postgres: number;
  walBytes: number;
}

if (process.argv[2] !== undefined) {
  process.stdout.write(`${JSON.stringify(await measure(JSON.parse(process.argv[2])))}\n`);
}

async function measure(request: MeasureRequest): Promise<Measured> {
  const system = await systems[request.system](request.url, request.inFlight, request.checkout);
  const { warmUp, measured } = workload(request.size);
  await run(system, warmUp, request);
  return connected(request.adminUrl, async (admin) => {
    const before = await serverUse(admin);
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    const took = await run(system, measured, request);
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system: kernel } = process.cpuUsage(cpu);
    const after = await serverUse(admin);
    await system.close();
    const count = measured.length;
    return {
      perSecond: count / seconds,
      p50: quantile(took, 0.5),
      p99: quantile(took, 0.99),
      process: (user + kernel) / count,
      postgres: (after.micros - before.micros) / count,
      walBytes: (after.walBytes - before.walBytes) / count,
    };
  });
}

/** Answers what each message, or batch, took in milliseconds. */
async function run(
  system: Awaited<ReturnType<(typeof systems)[SystemName]>>,
  messages: readonly Message[],
  { inFlight, batch }: MeasureRequest,
): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  const lane = async () => {
    while (next < messages.length) {
      const work = messages.slice(next, next + batch);
      next += batch;
      const startedAt = performance.now();
      await (batch > 1 ? system.applyBatch!(work) : system.apply(work[0]!));
      took.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return took;
}
