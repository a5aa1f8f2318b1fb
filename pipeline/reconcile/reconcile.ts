import { byWorker, type Worker, workers } from '../../core/workers.ts';
import type { BackfillState } from '../backfill/backfill.ts';
import type { ReconcileOptions, ReconcileParts, StripeList } from './ports.ts';
import { type Job, QUEUED_REMEMBERED, Reconciliation, type Underived } from './reconciliation.ts';
import { ReconcileReport } from './report.ts';
import { settledUntil } from './settled-until.ts';
import { THE_BEGINNING } from './sweep.ts';

/** Stripe lists events for 30 days; an hour less, so that none is gone while it is compared. @see https://docs.stripe.com/api/events/list */
const LISTED_SECONDS = 30 * 86_400 - 3600;
/** Ended subscriptions, customers and money change rarely without an event, and are many. */
const FULL_EVERY_SECONDS = 24 * 3600;
/** Links are asked for one by one, two requests each: the rest has its turn in the next run. */
const LINKS_PER_RUN = 500;

const running: StripeList[] = ['subscription'];
const everything: StripeList[] = [
  'customer',
  'checkout',
  'subscription',
  'ended_subscription',
  'schedule',
  'invoice',
  'charge',
  'invoice_payment',
  'refund',
  'dispute',
];

/** What a scheduled run keeps for the next one. */
interface Cursor {
  /** Up to which second each worker's events were compared. */
  eventsTo: Record<Worker, number>;
  /** Events that were queued, the last ones, and the second of the oldest of all: while they wait, their objects are still to change. */
  queued: string[];
  queuedFrom: number;
  /** Since when events reach us; what is older is a backfill's. */
  since: number;
  lastFull: number;
  /** What the comparison of objects still has to read. */
  unfinished: Job[];
  linkedTo: string;
  /** What our own rows still have to be held against each other of. */
  underived: Underived;
}

/**
 * Compares Stripe with what we hold, and queues what is missing or different for the workers: missed events first, since they carry their own
 * second; then objects that differ still. It writes no plan state itself.
 *
 * What waits in a queue is not missed, and what moves meanwhile is left to the next run; the report says what was left out.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions): Promise<ReconcileReport> {
  const { store, now } = parts;
  const report = new ReconcileReport(parts.runId, now);
  const scheduled = options.scope === 'scheduled';
  // Before Stripe is asked: what reaches a queue later is younger than all that is called settled.
  const waiting = await parts.waiting();
  const standing = await store.standing();
  const cursor = {
    ...firstCursor(now, standing.first_event),
    ...(await store.cursor<Cursor>('reconcile')),
  };
  const backfilled = await store.cursor<Backfilled>('backfill');
  const run = new Reconciliation(parts, options, report, options.beforeUs ? 0 : knownSince(cursor, backfilled));

  const queued = new Set(scheduled ? await store.missingEvents(cursor.queued) : []);
  for (const worker of workers) {
    const settled = options.young
      ? now
      : settledUntil(now, { waiting: waiting[worker], lagSeconds: standing.lag[worker] });
    const since = Math.max(
      scheduled ? cursor.eventsTo[worker] : 0,
      options.beforeUs ? 0 : cursor.since,
      containedUntil(backfilled),
    );
    const from = Math.max(options.from ?? since, now - LISTED_SECONDS);
    const complete = await run.events(worker, { from, settled, queued, queuedFrom: cursor.queuedFrom });
    report.windows[worker] = { from, to: settled, waiting: waiting[worker] };
    if (complete && settled !== null) cursor.eventsTo[worker] = Math.max(cursor.eventsTo[worker], settled);
  }
  cursor.queuedFrom = Math.min(queued.size > 0 ? cursor.queuedFrom : now, run.queuedFrom);
  cursor.queued = [...queued, ...run.queuedEvents].slice(-QUEUED_REMEMBERED);

  const full = !scheduled || now - cursor.lastFull >= FULL_EVERY_SECONDS;
  if (!scheduled || cursor.unfinished.length === 0) {
    if (full) {
      cursor.lastFull = now;
      cursor.underived = { customers: '', plans: '' };
    }
    cursor.unfinished = (full ? everything : running).map((list) => ({
      list,
      ranges: [{ from: THE_BEGINNING, to: now }],
    }));
  }
  const keeps = scheduled && options.heal;
  const keep = async () => void (keeps && (await store.keepCursor('reconcile', cursor)));
  await keep();
  cursor.unfinished = await run.objects(cursor.unfinished, async (unfinished) => {
    cursor.unfinished = unfinished;
    await keep();
  });
  report.finished &&= cursor.unfinished.length === 0;

  const links = scheduled ? LINKS_PER_RUN : Number.POSITIVE_INFINITY;
  cursor.linkedTo = await run.links(scheduled ? cursor.linkedTo : '', links);
  cursor.underived = await run.derived(cursor.underived);
  report.finished &&= cursor.underived.customers === null && cursor.underived.plans === null;
  await run.end();
  await keep();
  const { entitled_without_user } = await store.standing();
  report.entitled_without_user =
    entitled_without_user === 0 ? 0 : Math.max(0, entitled_without_user - (await run.nobodysForTheMoment()));
  report.requests = parts.stripe.requests();
  return report;
}

function firstCursor(now: number, firstEvent: number | null): Cursor {
  return {
    eventsTo: byWorker(() => now - LISTED_SECONDS),
    queued: [],
    queuedFrom: now,
    since: firstEvent ?? now,
    lastFull: 0,
    unfinished: [],
    linkedTo: '',
    underived: { customers: null, plans: null },
  };
}

/** What a backfill keeps, as far as it concerns us. */
type Backfilled = Pick<BackfillState, 'since' | 'began' | 'done'>;

/** Since when Stripe's objects are ours to know: since our first event, or since when a backfill has brought them. */
const knownSince = ({ since }: Cursor, backfilled: Backfilled | null): number =>
  backfilled?.done ? Math.min(since, backfilled.since) : since;

/**
 * Up to which second a backfill of the whole account has read what its events told: they are not missed, though the ledger lacks them. A minute
 * less, since an answer speaks for a moment before it came.
 */
const containedUntil = (backfilled: Backfilled | null): number =>
  backfilled?.done && backfilled.since === THE_BEGINNING ? backfilled.began - 60 : 0;
