import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { planStore } from '../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../adapters/postgres/reconcile-store.ts';
import { requestShare, requestsPerSecond } from '../adapters/request-share.ts';
import { stripeClient, stripeReader } from '../adapters/stripe.ts';
import { stripeLists } from '../adapters/stripe-lists.ts';
import { backfill, THE_BEGINNING } from '../pipeline/backfill/backfill.ts';
import { reconcile } from '../pipeline/reconcile/reconcile.ts';
import { catalogue } from '../test/support/catalogue.ts';
import { source } from '../test/support/event-processor.ts';

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

/** A line on standard output every now and then; the last one is the result. */
export interface RunAnswer {
  share: number;
  seconds: number;
  requests: number;
  rssMiB: number;
  missed: number;
  drifted: number;
  queued: number;
}

const request = JSON.parse(process.argv[2]!) as RunRequest;
const startedAt = performance.now();
const database = new pg.Pool({ connectionString: request.writerUrl, max: 4 });
const client = await stripeClient(request.key, request.stripeUrl);
const share = requestShare(requestsPerSecond.live);
const stripe = stripeLists(client, share);
const answer: RunAnswer = { share: 0, seconds: 0, requests: 0, rssMiB: 0, missed: 0, drifted: 0, queued: 0 };
const say = () => {
  answer.seconds = (performance.now() - startedAt) / 1000;
  answer.requests = share.requests();
  answer.rssMiB = Math.max(answer.rssMiB, Math.round(process.memoryUsage().rss / 2 ** 20));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};
const sampling = setInterval(say, 500);

if (request.work === 'backfill') {
  const state = await backfill(
    {
      stripe,
      store: { ...reconcileStore(database), apply: planStore(database).apply },
      reader: stripeReader(async () => client),
      catalogue,
      publish: async () => {},
      livemode: false,
      now: request.now,
      stop: () => false,
      progress(done) {
        answer.share = done;
      },
    },
    { since: THE_BEGINNING, notify: false },
  );
  if (!state.done || state.failed.length > 0)
    throw new Error(`Not everything was brought: ${JSON.stringify(state.failed)}`);
} else {
  const report = await reconcile(
    {
      stripe,
      store: reconcileStore(database),
      catalogue,
      waiting: async () => ({ payments: 0, billing: 0 }),
      enqueue: async (worker, envelopes) =>
        appendFileSync(
          request.queueFile,
          envelopes.map((envelope) => `${JSON.stringify({ worker, envelope })}\n`).join(''),
        ),
      keepHealed: async () => {},
      source,
      runId: `bench-${Date.now()}`,
      livemode: false,
      now: request.now,
      sleep: async () => {},
      stop: () => false,
    },
    { scope: 'all', heal: true, beforeUs: true },
  );
  answer.missed = report.missed_events;
  answer.drifted = report.drifted_rows;
  answer.queued = Object.values(report.queued).reduce((sum, count) => sum + count, 0);
}
answer.share = 1;
clearInterval(sampling);
say();
await database.end();
