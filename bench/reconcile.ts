import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations } from '../adapters/postgres/migrations.ts';
import { planStore } from '../adapters/postgres/plan-store.ts';
import { stripeClient } from '../adapters/stripe.ts';
import { workerOf } from '../core/event-routes.ts';
import type { Worker } from '../core/workers.ts';
import { startPostgres } from '../local/backends/postgres-server.ts';
import { processEvent } from '../pipeline/process-event.ts';
import { type AccountEvent, StripeAccount } from '../stripe-simulator/account.ts';
import type { StripeCustomer } from '../stripe-simulator/customer.ts';
import { startStripeServer } from '../stripe-simulator/server.ts';
import { envelope, testProcessor } from '../test/support/event-processor.ts';
import type { RunAnswer, RunRequest } from './reconcile-run.ts';

/**
 * Moving in, and a gap of ten days, at size: `npm run bench:reconcile [-- subscriptions]` (default 20,000).
 *
 * A simulated Stripe answers after 100 ms, with 429 above 25 requests a second and a 500 now and then. `ops backfill` from an empty database, killed
 * halfway, while live events flow; ten days of which no event reaches us; rows edited and deleted; then the comparison. Every plan state must
 * end as Stripe has it. Prints the figures of docs/operations.md.
 */
const size = Number(process.argv[2] ?? 20_000);
const DAY = 86_400;
const realNow = Math.floor(Date.now() / 1000);
const movingIn = realNow - 10 * DAY;
let now = movingIn;

const folder = mkdtempSync(join(tmpdir(), 'bench-reconcile-'));
const postgres = await startPostgres();
const admin = new pg.Pool({ connectionString: postgres.url, max: 4 });
await admin.query(readFileSync(join(import.meta.dirname, '../supabase/local-shim.sql'), 'utf8'));
const client = await admin.connect();
await applyMigrations(client);
client.release();
const writerUrl = postgres.url.replace('postgres@', 'stripe_writer@');
const writer = new pg.Pool({ connectionString: writerUrl, max: 4 });

const account = new StripeAccount();
const server = await startStripeServer({ account, now: () => now * 1000 });
const customers: { name: string; customer: StripeCustomer; ended: boolean }[] = [];
console.log(`A Stripe account of ${size} subscriptions …`);
for (let n = 0; n < size; n += 1) {
  const age = 40 + ((n * 7919) % 690);
  const customer = account.customer(`c${n}`);
  const began = movingIn - age * DAY;
  const subscription = customer.signUp({ at: began, periodEnd: movingIn });
  const renewed = movingIn - 30 + ((n * 7907) % (29 * DAY)) - 29 * DAY;
  customer.renew(subscription, { at: renewed, periodEnd: renewed + 30 * DAY });
  const ended = n % 5 === 0;
  if (ended) customer.end(subscription, renewed + 3600 * 2);
  customers.push({ name: `c${n}`, customer, ended });
  // Older than Stripe lists them.
  if (n % 1000 === 0) account.events = account.events.filter(({ created }) => created > movingIn - 31 * DAY);
}
account.events = account.events.filter(({ created }) => created > movingIn - 31 * DAY);
const objects = Object.values(account.objects).reduce((sum, map) => sum + map.size, 0);
console.log(`${objects} objects, ${account.events.length} events that Stripe still lists\n`);
Object.assign(server.faults, { latencyMs: 100, limitPerSecond: 25, failEvery: 211 });

const results: Record<string, unknown>[] = [];
const subscriptionOf = (name: string) => account.subscriptions.get(`sub_${name}1`)!;

// 1. Backfill, killed halfway, while live events flow.
const stopLive = liveEvents();
const killed = await run({ work: 'backfill' }, 0.5);
const resumed = await run({ work: 'backfill' });
await stopLive();
note('backfill, killed halfway and resumed', objects, [killed, resumed]);
await judge('after the backfill');

// 2. Ten days without a single event, of customers who renew, cancel and are refunded.
const quiet = account.events.length;
for (const [n, { name, customer, ended }] of customers.entries()) {
  if (ended || n % 3 !== 1) continue;
  const at = movingIn + 3600 + ((n * 7901) % (9 * DAY));
  customer.renew(subscriptionOf(name), { at, periodEnd: at + 30 * DAY });
  if (n % 9 === 1) customer.cancelAtPeriodEnd(subscriptionOf(name), at + 7200);
  if (n % 12 === 1) customer.refundLastCharge(at + 9000);
}
now = realNow;
console.log(`${account.events.length - quiet} events of ten days reach nobody`);
await admin.query(`
  update billing.subscriptions set status = 'past_due', user_id = 'user_mallory' where subscription_id like 'sub_c_01%';
  update billing.payments set amount_minor = 1 where payment_id like 'ch_c_02%';
  update billing.customers set metadata_user_id = 'user_mallory' where customer_id like 'cus_c_03%';
  update billing.invoices set status = 'void' where invoice_id like 'in_c_04%';
  delete from billing.subscriptions where subscription_id like 'sub_c_05%';
  delete from billing.invoices where invoice_id like 'in_c_06%';
  delete from billing.payments where payment_id like 'ch_c_07%';`);
const found = await run({ work: 'reconcile' });
note('comparison after ten days and edits', objects + (account.events.length - quiet), [found]);
console.log(`workers settle ${found.queued} messages …`);
await settleQueued();
const again = await run({ work: 'reconcile' });
note('comparison that finds nothing', objects + (account.events.length - quiet), [again]);
await judge('after the comparison');
if (again.missed !== 0 || again.drifted !== 0) fail(`${again.missed} events and ${again.drifted} rows were left`);

console.table(results);
await server.close();
await Promise.all([admin.end(), writer.end()]);
await postgres.remove();
rmSync(folder, { recursive: true, force: true });

/** One run in a process of its own, so that its memory is its own. @param killAt share of its work at which it is killed */
async function run(request: Pick<RunRequest, 'work'>, killAt = 2): Promise<RunAnswer> {
  const file = join(folder, 'queued.ndjson');
  const asked: RunRequest = { ...request, writerUrl, stripeUrl: server.url, key: server.key, now, queueFile: file };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'reconcile-run.ts'), JSON.stringify(asked)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last: RunAnswer | undefined;
  let rest = '';
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop()!;
    for (const line of lines) last = JSON.parse(line) as RunAnswer;
    if (last && last.share >= killAt) child.kill('SIGKILL');
  });
  const [code] = await once(child, 'close');
  if (last === undefined || (code !== 0 && killAt > 1)) throw new Error(`${request.work} ended with ${code}`);
  return last;
}

function note(what: string, count: number, answers: RunAnswer[]): void {
  const seconds = answers.reduce((sum, answer) => sum + answer.seconds, 0);
  results.push({
    what,
    objects: count,
    seconds: Math.round(seconds),
    'seconds per 1,000': Number(((seconds / count) * 1000).toFixed(2)),
    requests: answers.reduce((sum, answer) => sum + answer.requests, 0),
    'most requests a second': server.measured.peakPerSecond,
    '429': server.measured.throttled,
    '500': server.measured.failed,
    'memory MiB': Math.max(...answers.map(({ rssMiB }) => rssMiB)),
  });
  Object.assign(server.measured, { requests: 0, throttled: 0, failed: 0, peakPerSecond: 0 });
}

/** Somebody changes something at Stripe several times a second, and the event reaches us, until told to stop. */
function liveEvents(): () => Promise<void> {
  let stopped = false;
  const flowing = (async () => {
    for (let n = 1; !stopped; n += 1) {
      const { name, customer, ended } = customers[(n * 31) % size]!;
      if (ended) continue;
      const before = account.events.length;
      customer.update(subscriptionOf(name), now, { cancel_at_period_end: n % 2 === 0 });
      for (const event of account.events.slice(before)) await deliver(event);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return async () => {
    stopped = true;
    await flowing;
  };
}

async function deliver(event: AccountEvent): Promise<void> {
  const worker = workerOf(event.type);
  if (worker) await settle(worker, envelope(event, { time: new Date().toISOString() }));
}

async function settle(worker: Worker, body: string): Promise<void> {
  const stripe = await stripeClient(server.key, server.url);
  await processEvent(
    testProcessor(writer, {
      worker,
      store: planStore(writer),
      stripe: { subscription: (id) => stripe.subscriptions.retrieve(id) },
    }),
    body,
  );
}

async function settleQueued(): Promise<void> {
  Object.assign(server.faults, { latencyMs: 0, limitPerSecond: Number.POSITIVE_INFINITY, failEvery: 0 });
  const lines = readFileSync(join(folder, 'queued.ndjson'), 'utf8').trim().split('\n').filter(Boolean);
  for (const line of lines) {
    const { worker, envelope: body } = JSON.parse(line) as { worker: Worker; envelope: object };
    await settle(worker, JSON.stringify(body));
  }
  rmSync(join(folder, 'queued.ndjson'));
  Object.assign(server.faults, { latencyMs: 100, limitPerSecond: 25, failEvery: 211 });
}

/** Every subscription as Stripe has it, by a comparison of its own; and no plan event of a quiet backfill. */
async function judge(when: string): Promise<void> {
  const { rows } = await admin.query(
    'select subscription_id, status, user_id, cancel_at_period_end, latest_invoice_id from billing.subscriptions',
  );
  const held = new Map(rows.map((row) => [row.subscription_id, row]));
  let wrong = 0;
  for (const { name, customer } of customers) {
    const theirs = subscriptionOf(name);
    const ours = held.get(theirs.id);
    const same =
      ours?.status === theirs.status &&
      ours.user_id === customer.userId &&
      ours.cancel_at_period_end === theirs.cancel_at_period_end &&
      ours.latest_invoice_id === theirs.latest_invoice;
    if (!same) wrong += 1;
  }
  const { rows: sums } = await admin.query(
    `select coalesce(sum(amount_minor), 0)::bigint as sum from billing.payments where object = 'charge' and status = 'succeeded'`,
  );
  const charged = [...account.objects.charges.values()].reduce(
    (sum, charge) => sum + (charge as never as { amount: number }).amount,
    0,
  );
  console.log(
    `${when}: ${wrong} of ${size} subscriptions wrong, ${charged - Number(sums[0].sum)} cents of money wrong`,
  );
  if (wrong > 0 || charged !== Number(sums[0].sum)) fail(when);
}

function fail(what: string): void {
  process.exitCode = 1;
  appendFileSync('/dev/stderr', `NOT AS STRIPE HAS IT: ${what}\n`);
}
