/**
 * What it costs in time, beside what one would take otherwise and the least that is possible: `npm run bench [-- --quick] [part …]`.
 *
 * Prints the tables and, unless `--quick`, writes them into docs/performance.md. `--before <checkout>` sets another checkout of this repository
 * beside this one (with its packages installed); `--runs N` repeats what takes turns (5). Ratios and processor time are what to compare: both survive a busy machine, milliseconds do not.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { applyPart } from './apply/apply.ts';
import { writePart } from './document.ts';
import { growthPart } from './growth.ts';
import { handlerPart } from './handler/handler.ts';
import type { BenchOptions } from './options.ts';
import { pipelinePart } from './pipeline.ts';
import { startPart } from './start.ts';

/** Each measures, and answers what stands in the document. */
const parts: Record<string, (options: BenchOptions) => Promise<string>> = {
  apply: applyPart,
  growth: growthPart,
  start: startPart,
  handler: handlerPart,
  pipeline: pipelinePart,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' }, before: { type: 'string' } },
});
const runs = Number(values.runs ?? (values.quick ? 1 : 5));
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`--runs is "${values.runs}": pass how often to measure, such as 5.`);
  process.exit(2);
}
const unknown = positionals.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(
    `There is nothing to measure called ${unknown.join(', ')}: pass some of ${Object.keys(parts).join(', ')}.`,
  );
  process.exit(2);
}

for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) {
  const startedAt = Date.now();
  const loadBefore = load();
  const result = await parts[name]!({ quick: values.quick, runs, before: values.before });
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  const text = `${result}\n\n*${new Date().toISOString().slice(0, 10)}, ${commit()}: ${cpus().length} × ${cpus()[0]!.model.trim()}, Node ${process.versions.node}, load ${loadBefore} before and ${load()} after, ${minutes} minutes.*`;
  console.log(`\n## ${name}\n\n${text}`);
  if (!values.quick) writePart(name, text);
}

/** Processes that wanted to run in the last minute, ours among them. */
function load(): string {
  return loadavg()[0]!.toFixed(1);
}

function commit(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
}
