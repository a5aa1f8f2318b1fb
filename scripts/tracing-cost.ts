import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readPlans } from '../lib/config-files.ts';
import { writeBundle } from '../lib/handler-code.ts';

/**
 * What each way of tracing adds to a worker's bundle and to its start: `node scripts/tracing-cost.ts [<folder with @opentelemetry>]`.
 *
 * Each is bundled as the handlers are, then loaded in fresh processes. Processor time rather than the clock's, and the least of `runs`, because
 * other work on the machine can only add. What it costs in Lambda is more (a slower core), in the same proportion.
 */
const runs = 21;
const root = join(import.meta.dirname, '..');
const folder = join(root, '.local', 'tracing-cost');
const [openTelemetry] = process.argv.slice(2);

const worker = `import { handler } from '${join(root, 'lambdas/billing/handler.ts')}'; export { handler };`;
const ways: Record<string, string> = {
  'no tracing code (Lambda alone)': worker,
  'our own documents (adapters/aws/xray.ts)': `import { traceEvent, traced } from '${join(root, 'adapters/aws/xray.ts')}'; ${worker} export const use = [traceEvent, traced];`,
  'Powertools Tracer': `import { Tracer } from '@aws-lambda-powertools/tracer'; ${worker} export const tracer = new Tracer();`,
  ...(openTelemetry && {
    'OpenTelemetry SDK + OTLP over HTTP': `import { NodeTracerProvider, BatchSpanProcessor } from '${openTelemetry}/node_modules/@opentelemetry/sdk-trace-node'; import { OTLPTraceExporter } from '${openTelemetry}/node_modules/@opentelemetry/exporter-trace-otlp-http'; ${worker} export const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });`,
  }),
};

const env = Object.fromEntries(
  'ENVIRONMENT STRIPE_EVENT_SOURCE_NAMES SECRET_ID IDEMPOTENCY_TABLE APP_BUS_NAME WORK_QUEUE_URL FAILED_QUEUE_URL'
    .split(' ')
    .map((name) => [name, 'http://localhost/x']),
);
const bundles = Object.entries(ways).map(([name, source], index) => {
  const out = join(folder, String(index));
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'entry.ts'), source);
  writeBundle(relative(root, join(out, 'entry.ts')), out, {
    BUNDLED_CATALOGUE: JSON.stringify(readPlans([])),
    BUNDLED_DATABASE_CA: 'null',
  });
  return { name, file: join(out, 'index.js'), took: [] as number[] };
});
// In turns, so that whatever else this machine does hits all of them alike.
for (let run = 0; run < runs; run++) {
  for (const { file, took } of bundles) {
    const script = `const before = process.cpuUsage(); require(${JSON.stringify(file)}); const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000); process.exit()`;
    took.push(
      Number(
        execFileSync(process.execPath, ['-e', script], { env: { ...process.env, ...env, AWS_REGION: 'eu-central-1' } }),
      ),
    );
  }
}
const least = (values: number[]) => Math.min(...values);
const base = bundles[0]!;
for (const { name, file, took } of bundles) {
  const kilobytes = statSync(file).size / 1024;
  console.log(
    `${name.padEnd(40)} ${kilobytes.toFixed(0).padStart(5)} KB (+${(kilobytes - statSync(base.file).size / 1024).toFixed(0)})  ${least(took).toFixed(1).padStart(6)} ms CPU to load (+${(least(took) - least(base.took)).toFixed(1)})`,
  );
}
rmSync(folder, { recursive: true, force: true });
