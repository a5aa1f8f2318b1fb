import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { NewestPlans, readPlanEvent } from '../../packages/consumer/index.js';
import { recipe } from '../model/arbitraries.ts';
import { type DeliveryPlan, deliveryPlan, inOrder } from '../model/deliveries.ts';
import { isTied, type Scheduled } from '../model/expectations.ts';
import type { Recipe } from '../model/life.ts';
import { live } from '../model/live.ts';
import { type ExpectedPlanEvent, expectedPlanEvents, type View } from '../model/plan-events.ts';
import type { StripeAccount } from '../model/stripe-account.ts';
import { backUp, restore } from './backup.ts';
import type { Database } from './database.ts';
import { type Held, heldOf, type Row } from './held.ts';
import { judge, judgePlanEvents } from './judge.ts';
import { misreadings } from './misreadings.ts';
import { deliver, type Seen } from './trial.ts';

/** What was done to hold a claim; printed, so that a green line says how much it stands for. */
export interface Evidence {
  seed: number;
  histories: number;
  events: number;
  deliveries: number;
  /** Deliveries of events (not of the comparison's questions) that made us ask Stripe. */
  fetches: number;
}

export interface Claim {
  /** Its name in docs/correctness.md and for `--only`. */
  short: string;
  name: string;
  /** Runs for one unit of budget; chosen so that each claim takes about as long as the others. */
  weight: number;
  /** @throws {Error} with fast-check's report: the seed, the path and the smallest history that breaks the claim. */
  hold(database: Database, runs: number, seed?: number, how?: { shrink: boolean }): Promise<Evidence>;
}

let histories = 0;

/** A claim over several histories at a time, each in a namespace of its own, all in one database. */
function claim<Plan>(
  short: string,
  name: string,
  weight: number,
  plans: fc.Arbitrary<Plan>,
  trial: (context: {
    database: Database;
    recipe: Recipe;
    plan: Plan;
    name: string;
    note: (account: StripeAccount, seen: Seen) => void;
  }) => Promise<void>,
  { namespace = 'h', maxActs = 8 } = {},
): Claim {
  return {
    short,
    name,
    weight,
    async hold(database, runs, seed, { shrink } = { shrink: true }) {
      const evidence: Evidence = { seed: 0, histories: 0, events: 0, deliveries: 0, fetches: 0 };
      const note = (account: StripeAccount, seen: Seen) => {
        evidence.histories += 1;
        evidence.events += account.happenings.length;
        evidence.deliveries += Object.values(seen.outcomes).reduce((sum, count) => sum + count, 0);
        evidence.fetches += seen.fetches.filter((position) => position !== null).length;
      };
      const property = fc.asyncProperty(
        fc.array(fc.tuple(recipe({ maxActs }), plans), { minLength: 1, maxLength: 4, size: 'max' }),
        async (lives) => {
          const ended = await Promise.allSettled(
            lives.map(([recipe, plan]) =>
              trial({ database, recipe, plan, name: `${namespace}${(++histories).toString(36)}`, note }),
            ),
          );
          const failed = ended.find((it) => it.status === 'rejected');
          if (failed) throw failed.reason;
        },
      );
      const details = await fc.check(property, {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed }),
        endOnFailure: !shrink,
      });
      if (details.failed)
        throw new Error(`${name}\n${fc.defaultReportMessage(details)}\n${details.errorInstance ?? ''}`, {
          cause: details.errorInstance,
        });
      return { ...evidence, seed: details.seed };
    },
  };
}

export function describeEvidence({ name }: Claim, { seed, histories, events, deliveries, fetches }: Evidence): string {
  const share = ((100 * fetches) / Math.max(deliveries, 1)).toFixed(1);
  return `${name}: ${histories} histories, ${events} events, ${deliveries} deliveries, Stripe asked for ${share} % (seed ${seed})`;
}

export const endState = claim(
  'order',
  'ends where Stripe ends, for any order, duplicates, interleaving, crashes and failing fetches',
  3,
  deliveryPlan,
  async ({ database, recipe, plan, name, note }) => {
    const account = live(recipe, name);
    const seen = await deliver(database, account, plan);
    note(account, seen);
    const held = await heldOf(database, account);
    judge(account, held);
    judgePlanEvents(account, held, seen);
  },
);

export const racing = claim(
  'races',
  'ends where Stripe ends when deliveries race each other over several connections',
  2,
  deliveryPlan,
  async ({ database, recipe, plan, name, note }) => {
    const account = live(recipe, name);
    const seen = await deliver(database, account, { ...plan, width: plan.width + 2 }, { racing: true });
    note(account, seen);
    const held = await heldOf(database, account);
    judge(account, held);
    judgePlanEvents(account, held, seen);
  },
);

export const fetchesOnlyTies = claim(
  'fetches',
  'asks Stripe only where the events of one second contradict each other',
  2,
  deliveryPlan,
  async ({ database, recipe, plan, name, note }) => {
    const account = live(recipe, name);
    const seen = await deliver(database, account, { ...plan, asks: [] });
    note(account, seen);
    for (const position of seen.fetches) {
      const happening = account.happenings[position!]!;
      if (!isTied(account, happening))
        throw new Error(
          `Asked Stripe because of ${happening.type} ${happening.id}, which nothing in its second contradicts`,
        );
    }
  },
);

const againInOrder: fc.Arbitrary<DeliveryPlan> = fc
  .record({ again: fc.array(fc.record({ which: fc.nat({ max: 60 }), later: fc.nat({ max: 20 }) }), { maxLength: 8 }) })
  .map(({ again }) => ({ ...inOrder, again }));

export const storyInOrder = claim(
  'story',
  'tells the apps exactly the story, when events arrive in order, however often each',
  2,
  againInOrder,
  async ({ database, recipe, plan, name, note }) => {
    const account = live(recipe, name);
    const seen = await deliver(database, account, plan);
    note(account, seen);
    const { plan_events } = await heldOf(database, account);
    const written = plan_events.map(({ source_event_id, user_id, event_type, plan, payload }) => ({
      because: source_event_id,
      user: user_id,
      type: event_type,
      says: viewOf(plan as Row),
      due: (payload as Row).amount ?? null,
    }));
    const [published, wanted] = [
      tidy(written as ExpectedPlanEvent[]),
      tidy(expectedPlanEvents(account, Date.now() / 1000)),
    ];
    const at = [...published, ...wanted].findIndex((_, index) => published[index] !== wanted[index]);
    if (at >= 0)
      throw new Error(`Published ${published[at] ?? 'nothing more'}; wanted ${wanted[at] ?? 'nothing more'}`);
  },
);

/** What one event makes us tell of several subscriptions has no order of its own. */
function tidy(published: ExpectedPlanEvent[]): string[] {
  const order = [...new Set(published.map(({ because }) => because))];
  return published
    .map(({ because, user, type, says, due }) => ({
      at: order.indexOf(because),
      text: `${type} to ${user}: ${JSON.stringify(says)}${due === null ? '' : `, due ${due}`} (${because})`,
    }))
    .sort((a, b) => a.at - b.at || a.text.localeCompare(b.text))
    .map(({ text }) => text);
}

/** A plan state in the model's words. */
function viewOf(plan: Row): View {
  const second = (time: unknown) => (time === null ? null : Date.parse(time as string) / 1000);
  const scheduled = plan.scheduled_change as (Omit<Scheduled, 'at'> & { at: string }) | null;
  return {
    customer: plan.customer_id as string | null,
    subscription: plan.subscription_id as string | null,
    status: plan.status as string,
    plan_id: plan.plan_id as string | null,
    tier: plan.tier as string,
    entitled: plan.entitled as boolean,
    plan_unknown: plan.plan_unknown as boolean,
    quantity: plan.quantity as number | null,
    currency: plan.currency as string | null,
    amount: plan.amount_minor as number | null,
    interval: plan.billing_interval as string | null,
    periodEnd: second(plan.current_period_end),
    trialEnd: second(plan.trial_end),
    endsAtPeriodEnd: plan.cancel_at_period_end as boolean,
    graceEnd: second(plan.grace_ends_at),
    collectionPaused: plan.collection_paused as boolean,
    scheduled: scheduled && {
      at: second(scheduled.at)!,
      plan_id: scheduled.plan_id,
      tier: scheduled.tier,
      price_id: scheduled.price_id,
      quantity: scheduled.quantity,
      plan_unknown: scheduled.plan_unknown,
    },
  };
}

/** An app that hears the messages in any order, some twice, and loses any but the last of each user. */
const hearing = fc.record({
  delivery: deliveryPlan,
  order: fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 30, size: 'max' }),
  lost: fc.array(fc.boolean(), { minLength: 1, maxLength: 30, size: 'max' }),
});

export const listenerEndsRight = claim(
  'listener',
  'leaves an app that only listens where the table is: any order, twice, any message lost but the last',
  2,
  hearing,
  async ({ database, recipe, plan: { delivery, order, lost }, name, note }) => {
    const account = live(recipe, name);
    const seen = await deliver(database, account, delivery);
    note(account, seen);
    const held = await heldOf(database, account);
    const last = new Map(held.plan_events.map(({ user_id, id }) => [user_id, id]));
    const heard = [...seen.published, ...seen.published]
      .filter(({ id, user_id }, index) => last.get(user_id) === id || !lost[index % lost.length])
      .map((message, index) => ({ message, at: order[index % order.length]! }))
      .sort((one, other) => one.at - other.at)
      .map(({ message }) => message);
    // What apps install: its reader, and the guard that keeps the highest version.
    const app = new NewestPlans();
    for (const message of heard) app.take(readPlanEvent(JSON.stringify(message)));
    for (const user of new Set(heard.map(({ user_id }) => user_id))) {
      const { plan } = app.of(user)!;
      const table = held.plan_states.find(({ user_id }) => user_id === user);
      const found = viewOf(plan as unknown as Row);
      const wanted = table ? viewOf(table) : { ...found, status: 'none', entitled: false, subscription: null };
      if (!isDeepStrictEqual(found, wanted))
        throw new Error(`The listener holds of ${user} ${JSON.stringify(found)}; the table ${JSON.stringify(wanted)}`);
    }
  },
);

export const replayChangesNothing = claim(
  'replay',
  'changes nothing when everything is replayed, in any order, any number of times',
  1,
  fc.record({ first: deliveryPlan, replays: fc.array(deliveryPlan, { minLength: 1, maxLength: 3 }) }),
  async ({ database, recipe, plan: { first, replays }, name, note }) => {
    const account = live(recipe, name);
    note(account, await deliver(database, account, first));
    const before = await heldOf(database, account);
    for (const [index, plan] of replays.entries()) {
      note(account, await deliver(database, account, plan, { replayName: `replay-${index}` }));
    }
    const after = await heldOf(database, account);
    same(before, after);
    judge(account, after);
  },
);

/** Rows may say that they stem from another event or fetch that tells the same; nothing else may differ. */
function same(before: Held, after: Held): void {
  for (const table of Object.keys(before) as (keyof Held)[]) {
    const [old, now] = [before[table], after[table]];
    if (old.length !== now.length) throw new Error(`The replay made ${now.length} ${table} of ${old.length}`);
    for (const [index, row] of now.entries()) {
      for (const key of Object.keys(row).filter((it) => !bookkeeping.has(it))) {
        if (isDeepStrictEqual(row[key], old[index]![key])) continue;
        throw new Error(
          `The replay changed ${table}.${key} from ${JSON.stringify(old[index]![key])} to ${JSON.stringify(row[key])}`,
        );
      }
    }
  }
}

const bookkeeping = new Set(['ticket_issued', 'ticket_applied', 'source_event_id', 'source_type']);

export const replayRepairs = claim(
  'repair',
  'is repaired by one replay, in any order, after a wrong reading was corrected',
  2,
  fc.record({
    first: deliveryPlan,
    bug: fc.nat({ max: misreadings.length - 1 }),
    from: fc.nat({ max: 40 }),
    until: fc.nat({ max: 60 }),
    replay: deliveryPlan,
  }),
  async ({ database, recipe, plan: { first, bug, from, until, replay }, name, note }) => {
    const account = live(recipe, name);
    let calls = 0;
    const misread = (fact: object) => {
      calls += 1;
      return calls > from && calls <= from + until ? misreadings[bug]!.misread(fact) : fact;
    };
    note(account, await deliver(database, account, first, { misread }));
    for (const replayName of misreadings[bug]!.confusesRank ? ['after-the-fix', 'once-more'] : ['after-the-fix']) {
      note(account, await deliver(database, account, replay, { replayName }));
    }
    judge(account, await heldOf(database, account));
  },
  { namespace: 'r' },
);

export const replayAfterRestore = claim(
  'restore',
  'is repaired by one replay, in any order, after an older backup was restored',
  1,
  fc.record({ first: deliveryPlan, backedUpAfter: fc.nat({ max: 60 }), replay: deliveryPlan }),
  async ({ database, recipe, plan: { first, backedUpAfter, replay }, name, note }) => {
    const account = live(recipe, name);
    let backup: Awaited<ReturnType<typeof backUp>> | undefined;
    let settled = 0;
    const seen = await deliver(database, account, first, {
      async afterEach() {
        settled += 1;
        if (settled === backedUpAfter) backup = await backUp(database, account);
      },
    });
    note(account, seen);
    await restore(database, account, backup);
    note(account, await deliver(database, account, replay, { replayName: 'after-the-restore' }));
    const held = await heldOf(database, account);
    judge(account, held);
    judgePlanEvents(account, held);
  },
);

export const staysDeleted = claim(
  'lag',
  'keeps closed what Stripe deleted, even when Stripe’s answers lag behind',
  1,
  fc.record({ first: deliveryPlan, replay: deliveryPlan, lag: fc.nat({ max: 30 }) }),
  async ({ database, recipe, plan: { first, replay, lag }, name, note }) => {
    const account = live(recipe, name);
    // Someone who edits a subscription after its end makes that edit the row's source, and loses this protection.
    const deletions = account.happenings.filter(
      ({ id, type, object }) =>
        type === 'customer.subscription.deleted' && account.snapshotsOf(object).at(-1)?.id === id,
    );
    for (const [plan, options] of [
      [first, { lag }],
      [replay, { lag, replayName: 'lagging' }],
    ] as const) {
      note(account, await deliver(database, account, plan, options));
      const { subscriptions } = await heldOf(database, account);
      for (const { object } of deletions) {
        const row = subscriptions.find(({ subscription_id }) => subscription_id === object.id);
        if (row?.status !== 'canceled') throw new Error(`${object.id} was deleted, and is held as ${row?.status}`);
      }
    }
  },
  { namespace: 'rl' },
);

export const bothShapes = claim(
  'shapes',
  'makes the same rows of one history in today’s API shape and in the one before basil',
  1,
  deliveryPlan,
  async ({ database, recipe, plan, name, note }) => {
    const [today, before] = [live(recipe, `${name}n`), live(recipe, `${name}o`)];
    note(today, await deliver(database, today, plan, { shape: 'endive' }));
    note(
      before,
      await deliver(database, before, plan, { shape: 'acacia', answers: plan.ahead === 0 ? 'acacia' : 'endive' }),
    );
    // What the older shape tells of a purchase by one event, today's tells by two: between them money may have gone back.
    const tellsAlike = today.all('invoice_payment').length === 0;
    const rows = [await heldOf(database, today), await heldOf(database, before)].map((held) =>
      JSON.stringify(
        { ...held, plan_events: tellsAlike && held.plan_events, purchases: held.purchases.map(withoutPayment) },
        (key, value) => (unlikeByNature.has(key) ? undefined : value),
        1,
      )
        .replaceAll(`${name}nx`, `${name}x`)
        .replaceAll(`${name}ox`, `${name}x`),
    );
    if (rows[0] !== rows[1]) throw new Error(`Today's shape made\n${rows[0]}\nthe older one\n${rows[1]}`);
    judge(before, await heldOf(database, before));
  },
);

/** Who paid a purchase stands in the invoice, in the older shape alone. */
const withoutPayment = ({ payment_intent_id: _intent, charge_id: _charge, ...purchase }: Row): Row => purchase;

/** Ids and clocks of the database itself; and a payment's invoice, which only the older shape names. */
const unlikeByNature = new Set(['id', 'sequence', 'created_at', 'version', 'invoice_id']);

export const neverTouchesAnother = claim(
  'apart',
  'never touches the row of a subscription that the event is not about',
  1,
  fc.constant(inOrder),
  async ({ database, recipe, plan, name, note }) => {
    const account = live(recipe, name);
    let before: Row[] = [];
    const seen = await deliver(database, account, plan, {
      async afterEach(position) {
        if (position === null) return;
        const { object, type } = account.happenings[position]!;
        const about =
          object.kind === 'subscription'
            ? object.id
            : object.kind === 'checkout.session' || object.kind === 'subscription_schedule'
              ? object.subscription
              : null;
        const { rows } = await database.admin.query('select * from billing.subscriptions where customer_id = any($1)', [
          account.all('customer').map(({ id }) => id),
        ]);
        for (const row of rows.filter(({ subscription_id }) => subscription_id !== about)) {
          const was = before.find(({ subscription_id }) => subscription_id === row.subscription_id);
          if (!isDeepStrictEqual(own(was), own(row)))
            throw new Error(`${type} about ${about ?? object.id} changed ${row.subscription_id}`);
        }
        before = rows;
      },
    });
    note(account, seen);
  },
);

/** Whose it is, and how long its grace lasts, may come from the customer, a Checkout session or an invoice. */
const own = (row: Row | undefined) =>
  row && { ...row, user_id: null, grace_ends_at: null, entitled_until: null, precedence: null };

/** What `billing.mrr_movements` says of one account's customers alone: the view's own text, over their rows. */
async function movementsOf(database: Database, account: StripeAccount): Promise<Row[]> {
  const { rows } = await database.admin.query(`select pg_get_viewdef('billing.mrr_movements') as text`);
  const text = (rows[0].text as string)
    .replace(/;$/, '')
    .replace(
      /\bFROM billing\.(subscription_history|subscriptions)\b/g,
      'FROM (SELECT * FROM billing.$1 WHERE customer_id = any($$1)) $1',
    );
  const customers = account.all('customer').map(({ id }) => id);
  return (await database.admin.query(`select * from (${text}) as it order by currency, month`, [customers])).rows;
}

export const figuresOfAnyOrder = claim(
  'figures',
  'tells the same history and the same figures of a life, in whatever two orders it arrives',
  1,
  fc.record({ one: deliveryPlan, other: deliveryPlan }),
  async ({ database, recipe, plan: { one, other }, name, note }) => {
    const twins = [];
    for (const [twin, plan] of Object.entries({ n: one, o: other })) {
      const account = live(recipe, `${name}${twin}`);
      note(account, await deliver(database, account, plan));
      const { subscription_history } = await heldOf(database, account);
      // What an answer of Stripe's showed depends on when it was asked; it may stay only where it moves no figure.
      const history = subscription_history.filter(({ source_type }) => source_type !== 'fetch');
      const told = { history, movements: await movementsOf(database, account) };
      twins.push(JSON.stringify(told, null, 1).replaceAll(`${name}${twin}x`, `${name}x`).split('\n'));
    }
    const [lines, others] = twins as [string[], string[]];
    const at = [...lines, ...others].findIndex((_, line) => lines[line] !== others[line]);
    if (at >= 0) throw new Error(`In one order ${lines[at]?.trim()}, in the other ${others[at]?.trim()} (line ${at})`);
  },
);

export const claims: readonly Claim[] = [
  endState,
  racing,
  fetchesOnlyTies,
  storyInOrder,
  listenerEndsRight,
  replayChangesNothing,
  replayRepairs,
  replayAfterRestore,
  staysDeleted,
  bothShapes,
  figuresOfAnyOrder,
  neverTouchesAnother,
];
