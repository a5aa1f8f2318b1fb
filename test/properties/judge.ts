import { isDeepStrictEqual } from 'node:util';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { NewestPlans } from '../../packages/consumer/index.js';
import { moneyState, planStatusOf, purchaseStates, subscriptionStates, userStates } from '../model/expectations.ts';
import type { StripeAccount } from '../model/stripe-account.ts';
import type { Subscription } from '../model/stripe-objects.ts';
import { type Held, type Row, usersOf } from './held.ts';
import type { Seen } from './trial.ts';

/**
 * Holds what the database has against what the model says.
 * @throws {Error} with every difference: what it is about, what the model wants, what is held.
 */
export function judge(account: StripeAccount, held: Held): void {
  const found = [
    ...subscriptionFaults(account, held),
    ...purchaseFaults(account, held),
    ...userFaults(account, held),
    ...moneyFaults(account, held),
  ];
  if (found.length > 0) throw new Error(`Not what Stripe holds:\n  ${found.join('\n  ')}`);
}

/** @throws {Error} when what the apps were told is not the whole story, told once, and true. */
export function judgePlanEvents(account: StripeAccount, held: Held, seen?: Seen): void {
  const found = [...planEventFaults(account, held), ...(seen ? publishFaults(held, seen) : [])];
  if (found.length > 0) throw new Error(`Not what the apps should have been told:\n  ${found.join('\n  ')}`);
}

const second = (value: unknown): number | null => (value === null ? null : Date.parse(value as string) / 1000);

function differ(what: string, wanted: object, found: object | undefined): string[] {
  if (found === undefined) return [`${what}: missing, wanted ${JSON.stringify(wanted)}`];
  return Object.entries(wanted)
    .filter(([key, value]) => !isDeepStrictEqual(value, (found as Row)[key]))
    .map(
      ([key, value]) => `${what}.${key}: wanted ${JSON.stringify(value)}, held ${JSON.stringify((found as Row)[key])}`,
    );
}

function* subscriptionFaults(account: StripeAccount, held: Held): Generator<string> {
  const states = subscriptionStates(account);
  for (const { status, ...wanted } of states) {
    const row = held.subscriptions.find(({ subscription_id }) => subscription_id === wanted.subscription_id);
    yield* differ(`subscription ${wanted.subscription_id}`, wanted, row && rowOf(row));
    void status;
  }
  yield* unexpected(
    'subscription',
    held.subscriptions,
    'subscription_id',
    states.map(({ subscription_id }) => subscription_id),
  );
}

function* purchaseFaults(account: StripeAccount, held: Held): Generator<string> {
  const states = purchaseStates(account);
  for (const wanted of states) {
    const row = held.purchases.find(({ invoice_id }) => invoice_id === wanted.invoice_id);
    yield* differ(
      `purchase ${wanted.invoice_id}`,
      wanted,
      row && { ...row, entitled_until: moment(row.entitled_until as string | null) },
    );
  }
  yield* unexpected(
    'purchase',
    held.purchases,
    'invoice_id',
    states.map(({ invoice_id }) => invoice_id),
  );
}

const moment = (time: string | null): number | null =>
  time === 'infinity' ? Number.POSITIVE_INFINITY : time === '-infinity' ? Number.NEGATIVE_INFINITY : second(time);

const rowOf = (row: Row) => ({
  ...row,
  stripe_status: row.status,
  current_period_end: second(row.current_period_end),
  canceled_at: second(row.canceled_at),
  ended_at: second(row.ended_at),
  trial_end: second(row.trial_end),
  grace_ends_at: second(row.grace_ends_at),
  scheduled_change: scheduledOf(row.scheduled_change as Row | null),
});

const scheduledOf = (change: Row | null) => change && { ...change, at: second(change.at) };

function* userFaults(account: StripeAccount, held: Held): Generator<string> {
  const wanted = userStates(account, Date.now() / 1000);
  for (const [owner, { subscriptions, ...state }] of wanted) {
    const row = held.plan_states.find(({ user_id, customer_id }) => (user_id ?? customer_id) === owner);
    yield* differ(`plan of ${owner}`, state, row);
    if (row && !subscriptions.includes(row.subscription_id as string | null)) {
      yield `plan of ${owner}: stands for ${row.subscription_id}, wanted one of ${subscriptions.join(', ')}`;
    }
  }
  if (held.plan_states.length !== wanted.size) yield `plans: ${held.plan_states.length} rows, wanted ${wanted.size}`;
}

function* moneyFaults(account: StripeAccount, held: Held): Generator<string> {
  const wanted = moneyState(account);
  for (const [table, key] of [
    ['payments', 'payment_id'],
    ['invoices', 'invoice_id'],
    ['refunds', 'refund_id'],
    ['disputes', 'dispute_id'],
    ['checkouts', 'session_id'],
  ] as const) {
    for (const [id, state] of Object.entries(wanted[table])) {
      yield* differ(
        `${table} ${id}`,
        state,
        held[table].find((row) => row[key] === id),
      );
    }
    yield* unexpected(table, held[table], key, Object.keys(wanted[table]));
  }
}

function* unexpected(what: string, rows: Row[], key: string, known: string[]): Generator<string> {
  for (const row of rows)
    if (!known.includes(row[key] as string)) yield `${what} ${row[key]}: held, and Stripe knows nothing of it`;
}

// ---- plan events

type Plan = Record<string, unknown> & { status: string; entitled: boolean; subscription_id: string | null };

const isAboutPlan = ({ event_type }: Row) => (event_type as string).startsWith('SUBSCRIPTION_');
const planOf = ({ plan }: Row) => plan as Plan;

function* planEventFaults(account: StripeAccount, held: Held): Generator<string> {
  const users = Map.groupBy(held.plan_events, ({ user_id }) => user_id as string);
  for (const user of new Set([...usersOf(account), ...users.keys()])) {
    yield* userFaultsOf(account, held, user, users.get(user) ?? []);
  }
  for (const { subscription_id } of subscriptionStates(account)) {
    yield* troubleFaults(
      account,
      subscription_id,
      held.plan_events.filter((row) => row.subscription_id === subscription_id),
    );
  }
  const causes = held.plan_events
    .filter(isAboutPlan)
    .map((row) => `${row.source_event_id} ${row.replay_name} ${row.user_id}`);
  for (const key of causes.filter((it, index) => causes.indexOf(it) !== index)) yield `told twice because of ${key}`;
}

/** What a listener who keeps the highest version ends with is what the table holds; and every step there was called by its name. */
function* userFaultsOf(account: StripeAccount, held: Held, user: string, messages: Row[]): Generator<string> {
  const name = `plan events of ${user}`;
  const table = held.plan_states.find(({ user_id }) => user_id === user);
  const app = new NewestPlans();
  for (const message of messages) app.take(message as unknown as PlanEvent);
  const heard = app.of(user)?.plan;
  if (heard) {
    yield* differ(`${name}: the last`, heard, (table as object | undefined) ?? { ...heard, ...withoutSubscription });
  } else if (table && !over.includes(table.status as string)) {
    yield `${name}: none, and the table says ${table.status}`;
  }
  let before: Plan | undefined;
  let version = 0;
  for (const row of messages) {
    const plan = planOf(row);
    if ((row.version as number) <= version) yield `${name}: version ${row.version} after ${version}`;
    version = row.version as number;
    if (isAboutPlan(row)) {
      if (before && isDeepStrictEqual(before, plan))
        yield `${name}: told again what was known: ${JSON.stringify(plan)}`;
      const type = transitionOf(before, plan);
      if (row.event_type !== type)
        yield `${name}: ${row.event_type} after ${JSON.stringify(before ?? null)}, wanted ${type} for ${JSON.stringify(plan)}`;
    }
    if (!wasTrue(account, plan)) yield `${name}: ${JSON.stringify(plan)} was not true`;
    before = plan;
  }
}

/** Whatever is told of a subscription was so at some time, of a plan that some price of its life gave; or a Checkout promised it. */
function wasTrue(account: StripeAccount, plan: Plan): boolean {
  if (plan.subscription_id === null)
    return (
      plan.status === 'none' ||
      account
        .all('invoice')
        .some(
          ({ subscription, price, currency, amountPaid }) =>
            subscription === null &&
            price?.plan?.id === plan.plan_id &&
            currency === plan.currency &&
            amountPaid === plan.amount_minor,
        )
    );
  const versions = account.versions(plan.subscription_id) as Subscription[];
  const plans = versions.map(({ price }) => price.plan?.id ?? null);
  const says = { status: plan.status, currency: plan.currency, amount: plan.amount_minor };
  const known = versions.some(
    ({ status, price, quantity }) =>
      isDeepStrictEqual(says, {
        status: planStatusOf[status],
        currency: price.currency,
        amount: price.amount * quantity,
      }) &&
      (price.plan
        ? plan.plan_id === price.plan.id
        : plan.plan_unknown === true && (plan.plan_id === null || plans.includes(plan.plan_id as string))),
  );
  const promised = account
    .all('checkout.session')
    .filter(({ subscription }) => subscription === plan.subscription_id)
    .some(
      ({ currency, amount }) =>
        isDeepStrictEqual(says, { status: 'pending', currency, amount }) && plan.plan_id === null,
    );
  return known || promised;
}

const over = ['cancelled', 'expired', 'none'];
const withoutSubscription = { subscription_id: null, status: 'none', entitled: false, tier: 'FREE', plan_id: null };

/** What a step from one told state to the next is called. */
export function transitionOf(before: Plan | undefined, after: Plan): string {
  if (after.entitled && !before?.entitled) return 'SUBSCRIPTION_ACTIVATED';
  if (over.includes(after.status) && !over.includes(before?.status ?? '')) return 'SUBSCRIPTION_CANCELLED';
  return 'SUBSCRIPTION_UPDATED';
}

/** One PAYMENT_FAILED for each failed attempt at most, and one PAYMENT_ACTION_REQUIRED for each confirmation asked for. */
function* troubleFaults(account: StripeAccount, id: string, told: Row[]): Generator<string> {
  for (const [type, stripeType] of [
    ['PAYMENT_FAILED', 'invoice.payment_failed'],
    ['PAYMENT_ACTION_REQUIRED', 'invoice.payment_action_required'],
    ['TRIAL_ENDING', 'customer.subscription.trial_will_end'],
  ] as const) {
    const happened = account.happenings.filter(
      ({ type, object }) =>
        type === stripeType &&
        ((object.kind === 'invoice' && object.subscription === id) ||
          (object.kind === 'subscription' && object.id === id)),
    );
    const rows = told.filter(({ event_type }) => event_type === type);
    if (rows.length > happened.length) yield `${type} of ${id}: ${rows.length} told, ${happened.length} happened`;
  }
}

/** Whatever is written is published, and nothing else: each under its own id, saying the same each time. */
function* publishFaults(held: Held, { published }: Seen): Generator<string> {
  const written = new Map(held.plan_events.map((row) => [row.id, row]));
  for (const message of published) {
    const row = written.get(message.id);
    if (!row) yield `published ${message.id}, which is not written`;
    else if (
      Object.entries(message).some(([key, value]) => !isDeepStrictEqual(comparable(value), comparable(row[key])))
    ) {
      yield `published ${message.id} with other words than written`;
    }
  }
  const ids = new Set(published.map(({ id }) => id));
  for (const id of written.keys())
    if (!ids.has(id as string)) yield `never published: ${JSON.stringify(written.get(id))}`;
}

/** Times as moments, whatever their notation. */
const comparable = (value: unknown) =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : value;
