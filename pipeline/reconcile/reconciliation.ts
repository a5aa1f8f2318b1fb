import { eventTypesOf } from '../../core/event-routes.ts';
import { type FetchedKindName, type FetchedObject, fetchedKinds } from '../../core/stripe/fetched-object.ts';
import { subscriptionWorker, type Worker, workers } from '../../core/workers.ts';
import { dueEvent } from '../clock.ts';
import { type Comparing, compareObjects, type Finding } from './compare-objects.ts';
import { endedSubscription, fetchedObject, missedEvent, questionFor, type Run } from './envelopes.ts';
import { Findings } from './findings.ts';
import { IdFilter } from './id-filter.ts';
import { Links } from './links.ts';
import { isMoneyKind, MoneyByDay } from './money-by-day.ts';
import type {
  HealedField,
  HeldRow,
  PlanNotAsDerived,
  ReconcileOptions,
  ReconcileParts,
  StripeList,
  StripePage,
  TimeRange,
} from './ports.ts';
import type { ReconcileReport } from './report.ts';
import { sweep, THE_BEGINNING } from './sweep.ts';

/** The most types that one list call takes. @see https://docs.stripe.com/api/events/list */
const TYPES_PER_LIST = 20;
/** With 0.1–0.3 s an answer, so many keep our share of requests busy (adapters/request-share.ts). */
const LANES = 6;
/** Rows that one call holds against each other: some tens of milliseconds. */
const ROWS_TOGETHER = 500;
/** A run that is killed reads no more than so many pages again. */
const PAGES_BETWEEN_KEEPS = 500;
/** Rows unknown to Stripe are ended if they are few, or one in a hundred: more means that the key is another account's. */
const FEW = 20;
const PHANTOMS_KEPT = 1000;
/** Kept, so that what still waits in a queue is not queued again an hour later. */
export const QUEUED_REMEMBERED = 2000;

/** One list of Stripe's, and what of it is still to be read. */
export interface Job {
  list: StripeList;
  ranges: TimeRange[];
}

/** After which id rows are still to be held against each other; null: none. */
export interface Underived {
  customers: string | null;
  plans: string | null;
}

/** Which events are compared. */
interface EventWindow {
  /** Unix seconds. */
  from: number;
  settled: number | null;
  queued: ReadonlySet<string>;
}

/**
 * One run: what it has found moving, and where its findings go.
 *
 * Long, because it has one state, and everything in it reads or writes that.
 */
export class Reconciliation {
  /** The last events that this run queued, and the second of the oldest of all. */
  queuedEvents: string[] = [];
  queuedFrom = Number.POSITIVE_INFINITY;
  readonly #findings: Findings;
  readonly #parts: ReconcileParts;
  readonly #options: ReconcileOptions;
  readonly #report: ReconcileReport;
  readonly #run: Run;
  readonly #since: number;
  /** Objects with an event that is on its way, or was queued by this run. */
  readonly #moving = new IdFilter();
  readonly #links: Links;
  /** Rows of subscriptions that Stripe does not know, as far as they may be ended; and how many there are. */
  readonly #phantoms: { row: HeldRow; asOf: number }[] = [];
  #lost = 0;

  constructor(parts: ReconcileParts, options: ReconcileOptions, report: ReconcileReport, since: number) {
    this.#parts = parts;
    this.#options = options;
    this.#report = report;
    this.#run = parts;
    this.#since = since;
    this.#findings = new Findings(parts, (confirmed) => this.#heal(confirmed));
    this.#links = new Links(parts, this.#comparing(), options.heal);
  }

  /**
   * @param settled up to which second what the ledger lacks is missed; null: nothing can be said
   * @param queued events that earlier runs queued and that wait still, the last ones; `queuedFrom` is the second of the oldest of all
   * @returns whether all of them were read
   */
  async events(
    worker: Worker,
    { from, settled, queued, queuedFrom }: EventWindow & { queuedFrom: number },
  ): Promise<boolean> {
    const types = eventTypesOf(worker);
    const begin = queued.size > 0 ? Math.min(from, queuedFrom) : from;
    for (let first = 0; first < types.length; first += TYPES_PER_LIST) {
      const some = types.slice(first, first + TYPES_PER_LIST);
      this.#report.finished &&= await sweep({
        ranges: new Set([{ from: begin, to: this.#parts.now }]),
        lanes: LANES,
        stop: this.#parts.stop,
        page: (range, after) => this.#parts.stripe.page('event', range, after, some),
        take: ({ items }) => this.#compareEvents(worker, items, { from, settled, queued }),
      });
    }
    return this.#report.finished;
  }

  async #compareEvents(worker: Worker, listed: FetchedObject[], { from, settled, queued }: EventWindow): Promise<void> {
    const theirs = listed.filter(({ account }) => !account);
    const absent = new Set(await this.#parts.store.missingEvents(theirs.map(({ id }) => id)));
    for (const event of theirs) if (absent.has(event.id)) for (const id of objectsOf(event)) this.#moving.add(id);
    const ours = theirs.filter(({ created }) => created >= from);
    const [old, young] = [true, false].map((wanted) =>
      ours.filter(({ created }) => (settled !== null && created <= settled) === wanted),
    ) as [FetchedObject[], FetchedObject[]];
    this.#report.events_compared += old.length;
    this.#report.left_out.events += young.length;
    this.#report.left_out.not_in_ledger += young.filter(({ id }) => absent.has(id)).length;
    const missed = old.filter(({ id }) => absent.has(id) && !queued.has(id));
    this.#report.miss(missed);
    if (!this.#options.heal || missed.length === 0) return;
    await this.#queue(
      worker,
      missed.map((event) => missedEvent(this.#run, event)),
    );
    this.queuedEvents = [...this.queuedEvents, ...missed.map(({ id }) => id)].slice(-QUEUED_REMEMBERED);
    this.queuedFrom = Math.min(this.queuedFrom, ...missed.map(({ created }) => created));
  }

  /**
   * @param keep told every now and then what is left
   * @returns what is left when the time is up
   */
  async objects(jobs: readonly Job[], keep: (left: Job[]) => Promise<void>): Promise<Job[]> {
    const open = jobs.map(({ list, ranges }) => ({ list, ranges: new Set(ranges.map((range) => ({ ...range }))) }));
    const left = () =>
      open.filter(({ ranges }) => ranges.size > 0).map(({ list, ranges }) => ({ list, ranges: [...ranges] }));
    let pages = 0;
    for (const { list, ranges } of open) {
      const sums = isMoneyKind(list) && isWhole(ranges) ? new MoneyByDay(this.#parts.catalogue) : undefined;
      const complete = await sweep({
        ranges,
        lanes: LANES,
        stop: this.#parts.stop,
        page: (range, after) => this.#parts.stripe.page(list, range, after),
        take: async (page, span, before) => {
          if (isMoneyKind(list)) sums?.add(list, page.items);
          await this.#compare(list, page, span, before);
          pages += 1;
          if (pages % PAGES_BETWEEN_KEEPS !== 0) return;
          await this.#findings.flush();
          await keep(left());
        },
      });
      if (complete && sums && isMoneyKind(list)) {
        const today = new Date(this.#parts.now * 1000).toISOString().slice(0, 10);
        this.#report.addMoney(sums.differences(list, await this.#parts.store.moneyByDay(list), today));
      }
    }
    return left();
  }

  async #compare(list: StripeList, page: StripePage, span: TimeRange, before: ReadonlySet<string>): Promise<void> {
    const kind = list === 'ended_subscription' ? 'subscription' : (list as FetchedKindName);
    // Ours of those that ended are not looked for: each that runs is in the other list.
    const found = await compareObjects(
      this.#comparing(),
      kind,
      page,
      list === 'ended_subscription' ? undefined : span,
      before,
    );
    this.#report.compared[kind] = (this.#report.compared[kind] ?? 0) + found.compared;
    this.#report.cannotRead(kind, found.unreadable);
    for (const { id, row } of found.unknownToStripe) {
      this.#report.unknown(kind, id);
      if (kind !== 'subscription') continue;
      this.#lost += 1;
      if (this.#phantoms.length < PHANTOMS_KEPT) this.#phantoms.push({ row, asOf: page.asOf });
    }
    await this.#take(found.findings);
  }

  /**
   * Asks Stripe whose the running subscriptions without a user are.
   * @returns where the next run goes on
   */
  links(after: string, most: number): Promise<string> {
    return this.#links.ask(after, most, this.#report, (finding) => this.#findings.add(finding));
  }

  /** @returns how many of the subscriptions that entitle somebody have no user only until what is on its way has come */
  nobodysForTheMoment(): Promise<number> {
    return this.#options.young ? Promise.resolve(0) : this.#links.onTheirWay();
  }

  async #take(findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) {
      if (!finding.known && finding.object.created < this.#since) this.#report.before_us += 1;
      else await this.#findings.add(finding);
    }
  }

  /**
   * What none of Stripe's lists shows: customers that were deleted there, plans of users who have no subscription any more. Our own rows must agree
   * on them.
   * @returns what is left when the time is up
   */
  async derived(from: Underived): Promise<Underived> {
    const { store, stripe, stop } = this.#parts;
    const left = { ...from };
    while (left.customers !== null && !stop()) {
      const { last, wrong } = await store.customersNotAsDerived(left.customers, ROWS_TOGETHER);
      for (const id of wrong) {
        const { findings } = await compareObjects(this.#comparing(), 'customer', await stripe.one('customer', id));
        for (const finding of findings) await this.#findings.add(finding);
      }
      left.customers = last;
    }
    while (left.plans !== null && !stop()) {
      const { last, wrong } = await store.plansNotAsDerived(left.plans, ROWS_TOGETHER);
      // What is wrong in a row makes the user's plan another: one difference, not two, and healing the row heals both.
      const comesRight = (id: string) =>
        this.#findings.has(id) || this.#moving.has(id) || this.#phantoms.some(({ row }) => row.subscription_id === id);
      await this.#settle(wrong.filter(({ subscription_ids }) => !subscription_ids.some(comesRight)));
      left.plans = last;
    }
    return left;
  }

  /** Each plan and what it is derived from were read at one moment: no second look. */
  async #settle(plans: readonly PlanNotAsDerived[]): Promise<void> {
    this.#report.otherPlan(plans.map(({ id }) => id));
    if (!this.#options.heal || plans.length === 0) return;
    await this.#queue(
      subscriptionWorker,
      plans.map(({ id }) => dueEvent(this.#run, id)),
    );
    const { run_id, at } = this.#report;
    await this.#parts.keepHealed(
      plans.map(({ id, held, derived }) => ({
        at,
        run_id,
        kind: 'user_plan',
        id,
        known: held !== null,
        field: 'state',
        before: held,
        after: derived,
      })),
    );
  }

  /** What was found last, and rows of subscriptions that Stripe does not know. */
  async end(): Promise<void> {
    await this.#findings.flush();
    this.#report.drifted_rows += this.#report.unknown_rows;
    const compared = this.#report.compared.subscription ?? 0;
    if (!this.#options.heal || this.#lost > Math.min(PHANTOMS_KEPT, Math.max(FEW, compared / 100))) return;
    const [userIdKey = 'user_id'] = this.#parts.catalogue.user_id_keys;
    const ends = this.#phantoms.map(({ row, asOf }) => endedSubscription(this.#run, row, asOf, userIdKey));
    if (ends.length > 0) await this.#queue('billing', ends);
  }

  async #heal(confirmed: Finding[]): Promise<void> {
    for (const finding of confirmed) this.#report.differ(finding);
    if (!this.#options.heal) return;
    for (const worker of workers) {
      const theirs = confirmed.filter(({ kind }) => fetchedKinds[kind].worker === worker);
      const envelopes = theirs.map((finding) =>
        mustBeAsked(finding)
          ? questionFor(this.#run, finding.object as never)
          : fetchedObject(this.#run, finding.kind, finding.object, finding.asOf),
      );
      if (envelopes.length > 0) await this.#queue(worker, envelopes);
    }
    await this.#parts.keepHealed(confirmed.flatMap((finding) => linesOf(finding, this.#report)));
  }

  async #queue(worker: Worker, envelopes: object[]): Promise<void> {
    await this.#parts.enqueue(worker, envelopes);
    this.#report.queued[worker] += envelopes.length;
  }

  #comparing(): Comparing {
    const { store, stripe, catalogue, livemode } = this.#parts;
    return { store, stripe, catalogue, livemode, moving: this.#moving };
  }
}

/**
 * What was read is what heals, so that nobody asks Stripe again for thousands; but a subscription that we hold as ended (only an answer to a question
 * opens it again), or whose row is as young as the answer.
 */
const mustBeAsked = ({ kind, heldStatus, heldAsOf, asOf }: Finding): boolean =>
  kind === 'subscription' &&
  (['canceled', 'incomplete_expired'].includes(heldStatus ?? '') ||
    (heldAsOf !== null && Date.parse(heldAsOf) / 1000 >= asOf));

/** Nothing of the list was read by an earlier run. */
const isWhole = (ranges: ReadonlySet<TimeRange>): boolean =>
  ranges.size === 1 && [...ranges][0]!.from === THE_BEGINNING;

/** The objects that an event moves: its own, and those that its arrival changes. */
function objectsOf(event: FetchedObject): string[] {
  const object = (event.data as { object: Record<string, unknown> }).object;
  const { subscription_details: details } = (object.parent ?? {}) as {
    subscription_details?: { subscription?: unknown };
  };
  return [
    ...['id', 'charge', 'payment_intent', 'subscription', 'customer', 'invoice'].map((field) => object[field]),
    details?.subscription,
  ].filter((id) => typeof id === 'string');
}

const linesOf = ({ kind, id, known, differences }: Finding, { at, run_id }: ReconcileReport): HealedField[] =>
  differences.map(({ field, ours, stripes }) => ({
    at,
    run_id,
    kind,
    id,
    known,
    field,
    before: ours ?? null,
    after: stripes ?? null,
  }));
