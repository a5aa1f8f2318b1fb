import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { applyMigrations } from '../adapters/postgres/migrations.ts';
import { planStore } from '../adapters/postgres/plan-store.ts';
import { workerOf } from '../core/event-routes.ts';
import { startPostgres } from '../local/backends/postgres-server.ts';
import { queueDue } from '../pipeline/clock.ts';
import type { AccountEvent } from '../stripe-simulator/account.ts';
import { type StripeServer, startStripeServer } from '../stripe-simulator/server.ts';
import { envelope, source } from '../test/support/event-processor.ts';
import { Saas } from '../test/support/saas/account.ts';
import { addPhantoms, damage, phantoms } from '../test/support/saas/damage.ts';
import { judgePlanEvents, judgeRows } from '../test/support/saas/judge.ts';
import { Queue } from './reconcile/queue.ts';
import type { RunAnswer, RunRequest } from './reconcile/run.ts';

/**
 * Moving in, and a gap of ten days, at size: `npm run bench:reconcile [-- --sizes 1000,20000 --write-docs]`.
 *
 * A Stripe of our own answers after 100 ms, every 43rd time with 429, every 67th with 500. Backfill from an empty database, its process killed halfway
 * and started again, while live events flow; then ten days of which no event reaches us, every column of every table edited, rows deleted on either side, changes that
 * Stripe tells no event of; then the hourly comparison, its process killed halfway too, with workers and live events, until it finds nothing. Every row
 * must end as a model of its own has it; every plan event is published once. Exit 1 if not.
 */
const { values } = parseArgs({
  options: { sizes: { type: 'string', default: '1000,20000' }, 'write-docs': { type: 'boolean', default: false } },
});
const DAY = 86_400;
/** What Lambda gives the function: its heap must do with it. */
const HEAP_MIB = 400;
const misbehaviour = { latencyMs: 100, throttleEvery: 43, failEvery: 67 };

interface Figures {
  what: string;
  objects: number;
  seconds: number;
  requests: number;
  /** The most within any second of the server's clock. */
  mostPerSecond: number;
  refused: string;
  rssMiB: number;
  heapMiB: number;
}

const sizes = values.sizes.split(',').map(Number);
const measured: { size: number; saas: string; figures: Figures[]; rows: number; wrong: number }[] = [];
for (const size of sizes) measured.push(await moveIn(size));
const table = tableOf();
console.log(`\n${table}`);
if (values['write-docs']) writeDocs(table);
if (measured.some(({ wrong }) => wrong > 0)) process.exitCode = 1;

async function moveIn(size: number) {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'bench-reconcile-'));
  const postgres = await startPostgres();
  const admin = new pg.Pool({ connectionString: postgres.url, max: 4 });
  await admin.query(readFileSync(join(import.meta.dirname, '../supabase/local-shim.sql'), 'utf8'));
  const client = await admin.connect();
  await applyMigrations(client);
  client.release();
  const writerUrl = postgres.url.replace('postgres@', 'stripe_writer@');
  const writer = new pg.Pool({ connectionString: writerUrl, max: 2 });

  // Ten days ago, until the gap is over.
  let offset = -10 * DAY;
  const now = () => Math.floor(Date.now() / 1000) + offset;
  const say = (text: string) =>
    console.log(`${String(Math.round((performance.now() - started) / 1000)).padStart(5)} s  ${text}`);
  const movedIn = now();
  const saas = new Saas(size, movedIn - 3600);
  say(`${size} customers: ${saas.objects()} objects at Stripe, ${saas.account.events.length} events`);
  // Two addresses of one Stripe: what the runs ask is counted apart from what the workers ask.
  const [server, workersServer] = (await Promise.all(
    [1, 2].map(() => startStripeServer({ account: saas.account, now: () => now() * 1000 })),
  )) as [StripeServer, StripeServer];
  for (const { faults } of [server, workersServer]) Object.assign(faults, misbehaviour);

  const queueFile = join(folder, 'queued.ndjson');
  const queue = new Queue(queueFile, writer, workersServer);
  const working = queue.run();
  const figures: Figures[] = [];
  const known = Object.values(phantoms);
  let forgotten: ReadonlySet<string> = new Set();
  let wrong = 0;
  let rows = 0;

  async function judge(when: string): Promise<void> {
    await queue.drained();
    // Grace periods and cancellations that ended meanwhile: what the function's clock does every five minutes.
    await queueDue({
      store: planStore(writer),
      waiting: async () => 0,
      enqueue: async (worker, envelopes) => envelopes.forEach((each) => void queue.send(worker, JSON.stringify(each))),
      source,
      runId: when,
      livemode: false,
      now: now(),
    });
    await queue.drained();
    const found = await judgeRows(admin, saas, now(), known);
    const faultsFound = [
      ...found.wrong,
      ...(await judgePlanEvents(admin, queue.published, forgotten)),
      ...queue.failures,
    ];
    rows = found.rows;
    wrong += faultsFound.length;
    say(`${when}: ${found.rows} rows, ${faultsFound.length} faults; ${queue.published.length} plan events published`);
    for (const fault of faultsFound.slice(0, 40)) console.log(`         ${fault}`);
  }

  /** One run in a process of its own, so that its memory is its own. @param killWhen asked every half second; then it is killed */
  async function run(work: RunRequest['work'], killWhen: (answer: RunAnswer) => boolean = () => false) {
    const request: RunRequest = { work, writerUrl, stripeUrl: server.url, key: server.key, now: now(), queueFile };
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${HEAP_MIB}`, join(import.meta.dirname, 'reconcile/run.ts'), JSON.stringify(request)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let last: RunAnswer | undefined;
    let killed = false;
    let rest = '';
    child.stdout.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop()!;
      for (const line of lines) last = JSON.parse(line) as RunAnswer;
      if (last && !last.finished && killWhen(last)) killed = child.kill('SIGKILL');
    });
    const [code] = await once(child, 'close');
    if (last === undefined || (code !== 0 && !killed)) throw new Error(`${work} ended with ${code}`);
    say(`${work} ${killed ? 'killed' : 'ended'}: ${JSON.stringify(last)}`);
    return last;
  }

  function note(what: string, objects: number, runs: readonly RunAnswer[]): void {
    const { peakPerSecond, throttled, failed } = server.measured;
    figures.push({
      what,
      objects,
      seconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
      requests: runs.reduce((sum, { requests }) => sum + requests, 0),
      mostPerSecond: peakPerSecond,
      refused: `${throttled}, ${failed}`,
      rssMiB: Math.max(...runs.map(({ rssMiB }) => rssMiB)),
      heapMiB: Math.max(...runs.map(({ heapMiB }) => heapMiB)),
    });
    Object.assign(server.measured, { requests: 0, throttled: 0, failed: 0, peakPerSecond: 0 });
  }

  function deliver(events: readonly AccountEvent[]): void {
    for (const event of events) {
      const worker = workerOf(event.type);
      if (worker) queue.send(worker, envelope(event, { time: new Date(event.created * 1000).toISOString() }));
    }
  }

  /** Somebody changes something at Stripe five times a second, and the event reaches us. */
  async function whileLive<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    let over = false;
    const flowing = (async () => {
      for (let turn = 1; !over; turn += 1) {
        deliver(saas.change(turn, now()));
        await sleep(200);
      }
    })();
    try {
      return await work();
    } finally {
      over = true;
      await flowing;
    }
  }

  const moving = await whileLive(async () => [
    await run('backfill', ({ share }) => share > 0.5),
    await run('backfill'),
  ]);
  note('backfill from empty, killed halfway, run again', saas.objects(), moving);
  await judge('after the backfill');

  const lost = saas.tenDays(now());
  const silently = saas.changeSilently(now() + 2 * DAY);
  offset = 0;
  const { edited, deleted, users } = await damage(admin);
  forgotten = new Set(users);
  await addPhantoms(admin);
  saas.forget(now());
  say(
    `${lost.length} events of ten days reach nobody, ${silently} changes without one; ${Object.keys(edited).length} columns edited in ${Object.values(edited).reduce((sum, count) => sum + count, 0)} rows, ${deleted} rows deleted; ${saas.account.events.length} events listed`,
  );
  const compared = saas.objects() + lost.length;
  Object.assign(server.measured, { requests: 0, throttled: 0, failed: 0, peakPerSecond: 0 });
  const healing = await whileLive(async () => [
    await run('reconcile', ({ requests }) => requests > compared / 100 / 2),
    await run('reconcile'),
  ]);
  note('comparison after ten days and damage, killed halfway, run again', compared, healing);
  await queue.drained();
  say(`${queue.settled} messages settled; workers asked Stripe ${workersServer.measured.requests} times`);
  for (let runs = 1; runs <= 3; runs += 1) {
    offset += DAY;
    const again = await run('reconcile');
    note(`comparison a day later${runs === 1 ? '' : `, ${runs}`}`, compared, [again]);
    await queue.drained();
    if (again.missed === 0 && again.drifted === known.length) break;
    if (runs === 3) wrong += 1;
  }
  await judge('in the end');

  queue.stop();
  await working;
  await Promise.all([server.close(), workersServer.close()]);
  await Promise.all([admin.end(), writer.end()]);
  await postgres.remove();
  rmSync(folder, { recursive: true, force: true });
  return {
    size,
    saas: `${saas.members.length} customers, ${saas.account.subscriptions.size} subscriptions, ${saas.objects()} objects, ${saas.account.events.length} events listed, ${lost.length} of them lost`,
    figures,
    rows,
    wrong,
  };
}

function tableOf(): string {
  const head =
    '| customers | what | objects and events | seconds | seconds per 1,000 | requests | most requests a second | 429, 500 | memory: resident, heap after a collection, MiB |';
  const lines = measured.flatMap(({ size, figures }) =>
    figures.map(({ what, objects, seconds, requests, mostPerSecond, refused, rssMiB, heapMiB }) =>
      [
        '',
        size.toLocaleString('en'),
        what,
        objects.toLocaleString('en'),
        Math.round(seconds),
        ((seconds / objects) * 1000).toFixed(2),
        requests.toLocaleString('en'),
        mostPerSecond,
        refused,
        `${rssMiB}, ${heapMiB}`,
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  );
  const ends = measured.map(
    ({ saas, rows, wrong }) => `${saas}: ${rows.toLocaleString('en')} rows judged, ${wrong} faults.`,
  );
  return [head, `|${'---|'.repeat(9)}`, ...lines, '', ...ends].join('\n');
}

function writeDocs(text: string): void {
  const file = join(import.meta.dirname, '../docs/operations.md');
  const [begin, end] = ['<!-- bench:reconcile -->', '<!-- bench:reconcile ends -->'];
  const page = readFileSync(file, 'utf8');
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || after < 0) throw new Error(`docs/operations.md: "${begin}" and "${end}" are not there.`);
  writeFileSync(file, `${page.slice(0, before + begin.length)}\n${text}\n${page.slice(after)}`);
}
