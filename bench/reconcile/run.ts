import { appendFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { requestShare, requestsPerSecond } from '../../adapters/request-share.ts';
import { stripeClient, stripeReader } from '../../adapters/stripe.ts';
import { stripeLists } from '../../adapters/stripe-lists.ts';
import { catalogueForDatabase } from '../../core/plans/catalogue.ts';
import { byWorker } from '../../core/workers.ts';
import { backfill } from '../../pipeline/backfill/backfill.ts';
import { reconcile } from '../../pipeline/reconcile/reconcile.ts';
import { THE_BEGINNING } from '../../pipeline/reconcile/sweep.ts';
import { catalogue } from '../../test/support/catalogue.ts';
import { source } from '../../test/support/event-processor.ts';

/** What bench/reconcile.ts asks of this process. */
export interface RunRequest {
  work: 'backfill' | 'reconcile';
  writerUrl: string;
  stripeUrl: string;
  key: string;
  /** Unix seconds. */
  now: number;
  /** Where the comparison's messages go, a line each. */
  queueFile: string;
}

/** A line on standard output every half second; the last one is the result. */
export interface RunAnswer {
  /** Of the work, 0 to 1; a backfill knows. */
  share: number;
  seconds: number;
  requests: number;
  /** The most that this process ever held. */
  rssMiB: number;
  /** The most that was still held after a full garbage collection: what it needs, whatever the machine lets it use. */
  heapMiB: number;
  missed: number;
  drifted: number;
  unknown: number;
  finished: boolean;
}

const request = JSON.parse(process.argv[2]!) as RunRequest;
const startedAt = performance.now();
const database = new pg.Pool({ connectionString: request.writerUrl, max: 2 });
const client = await stripeClient(request.key, request.stripeUrl);
const share = requestShare(requestsPerSecond.live);
const stripe = stripeLists(client, share);
const answer: RunAnswer = {
  share: 0,
  seconds: 0,
  requests: 0,
  rssMiB: 0,
  heapMiB: 0,
  missed: 0,
  drifted: 0,
  unknown: 0,
  finished: false,
};
const say = () => {
  answer.seconds = (performance.now() - startedAt) / 1000;
  answer.requests = share.requests();
  answer.rssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};
const sampling = setInterval(say, 500);
new PerformanceObserver((entries) => {
  const full = entries
    .getEntries()
    .some(
      (entry) => (entry as unknown as { detail: { kind: number } }).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR,
    );
  if (full) answer.heapMiB = Math.max(answer.heapMiB, Math.round(process.memoryUsage().heapUsed / 2 ** 20));
}).observe({ entryTypes: ['gc'] });

if (request.work === 'backfill') {
  const state = await backfill(
    {
      stripe,
      store: { ...reconcileStore(database), apply: planStore(database, catalogueForDatabase(catalogue)).apply },
      reader: stripeReader(async () => client),
      catalogue,
      publish: async () => {
        throw new Error('A quiet backfill published a plan event.');
      },
      livemode: false,
      now: request.now,
      stop: () => false,
      progress(done) {
        answer.share = done;
      },
    },
    { since: THE_BEGINNING, notify: false },
  );
  if (state.failed.length > 0) throw new Error(`Not everything was brought: ${JSON.stringify(state.failed)}`);
  answer.finished = state.done;
} else {
  const report = await reconcile(
    {
      stripe,
      store: reconcileStore(database),
      catalogue,
      waiting: async () => byWorker(() => 0),
      enqueue: async (worker, envelopes) =>
        appendFileSync(
          request.queueFile,
          envelopes.map((envelope) => `${JSON.stringify({ worker, envelope })}\n`).join(''),
        ),
      keepHealed: async () => {},
      source,
      runId: `bench-${request.now}`,
      livemode: false,
      now: request.now,
      sleep,
      stop: () => performance.now() - startedAt > 13 * 60_000,
    },
    { scope: 'scheduled', heal: true },
  );
  answer.missed = report.missed_events;
  answer.drifted = report.drifted_rows;
  answer.unknown = report.unknown_to_stripe.length;
  answer.finished = report.finished;
  if (report.unreadable.length > 0) throw new Error(`Not everything was read: ${JSON.stringify(report.unreadable)}`);
}
answer.share = 1;
clearInterval(sampling);
say();
await database.end();
