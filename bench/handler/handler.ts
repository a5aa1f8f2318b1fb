import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { auditEnv, workerEnv } from '../../lambdas/env.ts';
import { readPlans } from '../../lib/config-files.ts';
import { loadedAtFirstUse, writeBundle } from '../../lib/handler-code.ts';
import { source } from '../../test/support/event-processor.ts';
import { systems } from '../apply/systems.ts';
import { type Size, workload } from '../apply/workload.ts';
import type { BenchOptions } from '../options.ts';
import { createDatabase, migrate, startMeasuredPostgres } from '../postgres.ts';
import { median, spread, table } from '../table.ts';
import { awsAnswers } from './aws-answers.ts';
import type { HandlerRequest, HandlerTook } from './run.ts';

const sizes: Record<'quick' | 'full', Size> = {
  quick: { customers: 160, warmUp: 100, measured: 60 },
  full: { customers: 500, warmUp: 200, measured: 200 },
};

/** `npm run bench -- handler`: what the deployed bundle of the billing function needs for an event, warm, beside the least that a function needs. */
export async function handlerPart({ quick, runs }: BenchOptions): Promise<string> {
  const size = sizes[quick ? 'quick' : 'full'];
  const folder = mkdtempSync(join(tmpdir(), 'bench-handler-'));
  const server = await startMeasuredPostgres();
  const template = await createDatabase(server, 'template_handler');
  await migrate(template);
  const system = await systems.ours(template, 4);
  for (const message of workload(size).signUps) await system.apply(message);
  await system.close();
  const aws = await awsAnswers({
    DATABASE_URL: template.replace('postgres@', 'stripe_writer@').replace(/[^/]+$/, 'handler'),
    STRIPE_SECRET_KEY: 'sk_test_unused',
  });
  try {
    const define = { BUNDLED_CATALOGUE: JSON.stringify(readPlans([])), BUNDLED_DATABASE_CA: 'null' };
    writeBundle('bench/handler/floor.ts', join(folder, 'floor'), define, []);
    writeBundle('lambdas/billing/handler.ts', join(folder, 'billing'), define, loadedAtFirstUse.billing);
    const settings = ['floor', 'billing'].flatMap((name) =>
      [1, 10].map((batch) => ({ name, batch, took: [] as Took[] })),
    );
    for (let run = 0; run < runs; run += 1) {
      for (const { name, batch, took } of settings) {
        await createDatabase(server, 'handler', 'template_handler');
        took.push(await inOwnProcess({ file: join(folder, name, 'index.js'), batch, size }, aws.url));
      }
    }
    const rows = settings.map(({ name, batch, took }) => {
      const floor = settings.find((other) => other.name === 'floor' && other.batch === batch)!;
      return [
        name,
        `${batch}`,
        median(took.map(({ cpu }) => cpu)),
        spread(took.map(({ cpu }, run) => cpu / floor.took[run]!.cpu)),
        median(took.map(({ p50 }) => p50)),
        median(took.map(({ logBytes }) => logBytes)),
      ];
    });
    return table(
      [
        'handler',
        'messages of an invocation',
        'processor µs for each event',
        '÷ floor',
        'ms of an invocation, p50',
        'bytes of log for each event',
      ],
      rows,
    );
  } finally {
    aws.close();
    await server.remove();
    rmSync(folder, { recursive: true });
  }
}

interface Took extends HandlerTook {
  logBytes: number;
}

async function inOwnProcess(request: HandlerRequest, awsUrl: string): Promise<Took> {
  const names = Object.fromEntries([...workerEnv, ...auditEnv].map((name) => [name, `${awsUrl}/${name}`]));
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'run.ts'), JSON.stringify(request)],
    {
      env: {
        PATH: process.env.PATH,
        ...names,
        ENVIRONMENT: 'dev',
        STRIPE_EVENT_SOURCE_NAMES: source,
        VERIFY_EVENTS: 'false',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'a',
        AWS_SECRET_ACCESS_KEY: 'b',
        AWS_ENDPOINT_URL: awsUrl,
        POWERTOOLS_SERVICE_NAME: 'stripe-bench',
        POWERTOOLS_METRICS_NAMESPACE: 'bench',
        POWERTOOLS_LOG_LEVEL: 'INFO',
      },
      maxBuffer: 100e6,
    },
  );
  const took = JSON.parse(stderr.trim().split('\n').pop()!) as HandlerTook;
  return { ...took, logBytes: Buffer.byteLength(stdout.slice(stdout.indexOf('\0') + 1)) / took.events };
}
