import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { readSubscription } from '../../core/stripe/facts/subscription.ts';
import { type FetchedKindName, fetchedKinds, fetchedType, readFetched } from '../../core/stripe/fetched-object.ts';
import type { Application, Delivery, PlanStore, StripeReader } from '../ports.ts';
import { compareObjects, type Finding } from '../reconcile/compare-objects.ts';
import type { ReconcileStore, StripeList, StripeLists, TimeRange } from '../reconcile/ports.ts';
import { sweep } from '../reconcile/sweep.ts';
import { coveredShare } from './covered-share.ts';

export interface BackfillParts {
  stripe: StripeLists;
  store: ReconcileStore & Pick<PlanStore, 'apply'>;
  /** Asked where a live event of the same second leaves it open. */
  reader: StripeReader;
  catalogue: Catalogue;
  publish(planEvents: readonly PlanEvent[]): Promise<void>;
  livemode: boolean;
  /** Unix seconds. */
  now: number;
  /** Asked before each page: leave the rest for another time? */
  stop(): boolean;
  /** @param share of the work that is done, 0 to 1 */
  progress(share: number, what: string): void;
}

export interface BackfillOptions {
  /** Unix seconds; objects created before stay unknown. */
  since: number;
  /** Tell the apps of each plan that this changes. @default quiet */
  notify: boolean;
}

/** What was done so far; kept in Postgres, so that a run that was killed goes on. */
export interface BackfillState {
  since: number;
  /** Unix seconds, when it was begun first: what happened before is in what it reads. */
  began: number;
  run_id: string;
  done: boolean;
  left: { list: StripeList; ranges: TimeRange[] }[];
  /** Objects compared, and those among them that were written, by kind. */
  compared: Partial<Record<FetchedKindName, number>>;
  written: Partial<Record<FetchedKindName, number>>;
  notified: number;
  /** The first hundred objects that could not be applied. */
  failed: { kind: FetchedKindName; id: string; problem: string }[];
}

/**
 * What was bought before who bought it through Checkout: a session alone would show its subscription as pending, and the apps would hear so. What is
 * scheduled before both, since it waits for its subscription: the first message shows all of it.
 */
export const backfillLists: readonly StripeList[] = [
  'customer',
  'schedule',
  'subscription',
  'ended_subscription',
  'checkout',
  'invoice',
  'charge',
  'invoice_payment',
  'refund',
  'dispute',
];

/** With 0.1–0.3 s an answer, so many keep our share of requests busy (adapters/request-share.ts). */
const LANES = 6;
/** One call of the apply function has ten seconds; fifty objects take a fraction of one. */
const APPLIED_TOGETHER = 50;
const FAILURES_KEPT = 100;

/** Where a backfill stands: an unfinished one that began at the same second goes on, anything else begins anew. */
export async function backfillState(
  { store, now }: Pick<BackfillParts, 'store' | 'now'>,
  since: number,
): Promise<BackfillState & { resumed: boolean }> {
  const kept = await store.cursor<BackfillState>('backfill');
  if (kept && !kept.done && kept.since === since) return { ...kept, resumed: true };
  return {
    since,
    began: now,
    run_id: `${now}`,
    done: false,
    left: backfillLists.map((list) => ({ list, ranges: [{ from: since, to: now }] })),
    compared: {},
    written: {},
    notified: 0,
    failed: [],
    resumed: false,
  };
}

/**
 * Brings what Stripe holds and we do not: object by object, through the same apply function as the events, each speaking for the second in which
 * Stripe was read. A live event of a later second wins over it, one of an earlier second is contained in it: so it is safe while events flow.
 *
 * Quiet unless told otherwise: plan states are written, the apps hear nothing of what was so for months.
 */
export async function backfill(parts: BackfillParts, { since, notify }: BackfillOptions): Promise<BackfillState> {
  const { resumed: _resumed, ...state } = await backfillState(parts, since);
  const open = state.left.map(({ list, ranges }) => ({ list, ranges: new Set(ranges.map((range) => ({ ...range }))) }));
  const keep = async () => {
    state.left = open
      .filter(({ ranges }) => ranges.size > 0)
      .map(({ list, ranges }) => ({ list, ranges: [...ranges] }));
    await parts.store.keepCursor('backfill', state);
  };
  let oldest = parts.now;
  for (const { list, ranges } of open) {
    const kind = list === 'ended_subscription' ? 'subscription' : (list as FetchedKindName);
    await sweep({
      ranges,
      lanes: LANES,
      stop: parts.stop,
      page: (range, after) => parts.stripe.page(list, range, after),
      async take(page) {
        const found = await compareObjects({ ...parts, moving: new Set() }, kind, page);
        count(state.compared, kind, found.compared);
        for (const { id, problem } of found.unreadable) fail(state, { kind, id, problem });
        for (let first = 0; first < found.findings.length; first += APPLIED_TOGETHER)
          await applyAll(parts, state, notify, found.findings.slice(first, first + APPLIED_TOGETHER));
        oldest = Math.min(oldest, ...page.items.map(({ created }) => created));
        const share = coveredShare([...ranges], { from: Math.max(since, oldest), to: parts.now });
        parts.progress((backfillLists.indexOf(list) + share) / backfillLists.length, said(list, state));
        await keep();
      },
    });
    await keep();
    // Only now is its last page no longer open.
    if (ranges.size === 0) parts.progress((backfillLists.indexOf(list) + 1) / backfillLists.length, said(list, state));
  }
  state.done = state.left.length === 0;
  await parts.store.keepCursor('backfill', state);
  return state;
}

async function applyAll(parts: BackfillParts, state: BackfillState, notify: boolean, findings: readonly Finding[]) {
  const applications = findings.map((finding) => applicationOf(parts, state, notify, finding));
  try {
    await applyTogether(parts, state, applications, findings);
  } catch (error) {
    if ((error as { retry?: string }).retry !== 'never') throw error;
    // One of them raised and took the others back with it: each on its own, so that only that one is left out.
    for (const [index, finding] of findings.entries()) {
      try {
        await applyTogether(parts, state, [applications[index]!], [finding]);
      } catch (alone) {
        if ((alone as { retry?: string }).retry !== 'never') throw alone;
        fail(state, { kind: finding.kind, id: finding.id, problem: (alone as Error).message });
      }
    }
  }
}

async function applyTogether(
  parts: BackfillParts,
  state: BackfillState,
  applications: readonly Application[],
  findings: readonly Finding[],
): Promise<void> {
  const answers = await parts.store.apply(applications);
  for (const [index, first] of answers.entries()) {
    const { event, fact } = applications[index]!;
    let answer = first;
    if (answer.outcome === 'undecidable') {
      // A live event of this very second: the question goes to Stripe after the ticket was handed out, as for any other.
      const { ticket, as_of, subscription_id } = answer;
      const { snapshot } = readSubscription(await parts.reader.subscription(subscription_id), parts.catalogue);
      [answer] = (await parts.store.apply([{ event, fact, fetched: { ticket, as_of, snapshot } }])) as [typeof answer];
    }
    if (answer.outcome === 'undecidable')
      throw new Error(`Stripe's answer for ${event.id} was undecidable, which cannot be`);
    if (answer.outcome === 'applied' || answer.outcome === 'refetched') count(state.written, findings[index]!.kind, 1);
    state.notified += answer.plan_events.length;
    if (answer.plan_events.length > 0) await parts.publish(answer.plan_events);
  }
}

function applicationOf(
  parts: BackfillParts,
  state: BackfillState,
  notify: boolean,
  { kind, id, object, asOf }: Finding,
) {
  const event: Delivery = {
    // The same again when the run goes on after a kill.
    id: `backfill_${state.run_id}_${id}`,
    type: fetchedType(kind),
    created: asOf,
    livemode: parts.livemode,
    api_version: null,
    arrived_at: new Date(parts.now * 1000).toISOString(),
    replay_name: null,
    origin: 'backfill',
    worker: fetchedKinds[kind].worker,
    ...(notify ? {} : { quiet: true }),
  };
  return { event, fact: readFetched(kind, object, parts.catalogue) } satisfies Application;
}

function count(counts: Partial<Record<FetchedKindName, number>>, kind: FetchedKindName, more: number): void {
  counts[kind] = (counts[kind] ?? 0) + more;
}

function fail(state: BackfillState, failure: BackfillState['failed'][number]): void {
  if (state.failed.length < FAILURES_KEPT) state.failed.push(failure);
}

const said = (list: StripeList, { compared, written }: BackfillState): string => {
  const sum = (counts: object) =>
    Object.values(counts as Record<string, number>).reduce((total, each) => total + each, 0);
  return `${list.replaceAll('_', ' ')}s: ${sum(compared)} objects read, ${sum(written)} written`;
};
