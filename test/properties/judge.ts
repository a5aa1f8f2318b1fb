import { isDeepStrictEqual } from 'node:util';
import {
  type Announcement,
  announcementOf,
  everExpected,
  everTrue,
  moneyState,
  type SubscriptionState,
  subscriptionStates,
  userStates,
} from '../model/expectations.ts';
import type { StripeAccount } from '../model/stripe-account.ts';
import type { Held, Row } from './held.ts';
import type { Seen } from './trial.ts';

/**
 * Holds what the database has against what the model says.
 * @throws {Error} with every difference: what it is about, what the model wants, what is held.
 */
export function judge(account: StripeAccount, held: Held): void {
  const found = [...subscriptionFaults(account, held), ...userFaults(account, held), ...moneyFaults(account, held)];
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

const rowOf = (row: Row) => ({
  ...row,
  stripe_status: row.status,
  current_period_end: second(row.current_period_end),
  canceled_at: second(row.canceled_at),
  ended_at: second(row.ended_at),
  trial_end: second(row.trial_end),
  grace_ends_at: second(row.grace_ends_at),
});

function* userFaults(account: StripeAccount, held: Held): Generator<string> {
  const wanted = userStates(account, Date.now() / 1000);
  for (const [owner, { subscriptions, ...state }] of wanted) {
    const row = held.plan_states.find(({ user_id, customer_id }) => (user_id ?? customer_id) === owner);
    yield* differ(`plan of ${owner}`, state, row);
    if (row && !subscriptions.includes(row.subscription_id as string)) {
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

const isAboutPlan = ({ event_type }: Row) => (event_type as string).startsWith('SUBSCRIPTION_');

function* planEventFaults(account: StripeAccount, held: Held): Generator<string> {
  for (const state of subscriptionStates(account)) {
    const told = held.plan_events.filter((row) => row.subscription_id === state.subscription_id);
    yield* toldFaults(account, state, told.filter(isAboutPlan));
    yield* troubleFaults(account, state, told);
  }
  const once = held.plan_events
    .filter(isAboutPlan)
    .map((row) => `${row.source_event_id} ${row.replay_name} ${row.subscription_id}`);
  for (const key of once.filter((it, index) => once.indexOf(it) !== index)) yield `told twice because of ${key}`;
}

function* toldFaults(account: StripeAccount, state: SubscriptionState, told: Row[]): Generator<string> {
  const name = `plan events of ${state.subscription_id}`;
  if (state.user_id === null) {
    if (told.length > 0) yield `${name}: ${told.length} told, and nobody knows to whom`;
    return;
  }
  const last = told.at(-1);
  yield* differ(`${name}: the last`, announcementOf(state), last && (last.payload as object));
  const truths = everTrue(account, state.subscription_id);
  let before: Row | undefined;
  for (const row of told) {
    const payload = row.payload as Row;
    const says = {
      status: payload.status,
      plan_id: payload.plan_id,
      currency: payload.currency,
      amount: payload.amount,
    };
    if (row.user_id !== state.user_id) yield `${name}: told to ${row.user_id}, wanted ${state.user_id}`;
    // What a checkout promised is news only until Stripe's own word is known.
    const possible = before === undefined ? [...truths, ...everExpected(account, state.subscription_id)] : truths;
    if (!possible.some((truth) => isDeepStrictEqual(truth, says)))
      yield `${name}: ${JSON.stringify(says)} was not true`;
    const type = transitionOf(before?.payload as Announcement | undefined, says as Announcement);
    if (row.event_type !== type) {
      yield `${name}: ${row.event_type} after ${JSON.stringify(before?.payload ?? null)}, wanted ${type} for ${JSON.stringify(says)}`;
    }
    before = row;
  }
}

const over = ['cancelled', 'expired'];
const usable = ['active', 'trialing', 'past_due'];

/** What a step from one told state to the next is called. */
export function transitionOf(before: Announcement | undefined, after: Announcement): string {
  if (over.includes(after.status) && !over.includes(before?.status ?? '')) return 'SUBSCRIPTION_CANCELLED';
  if (usable.includes(after.status) && ['pending', 'suspended'].includes(before?.status ?? 'pending'))
    return 'SUBSCRIPTION_ACTIVATED';
  return 'SUBSCRIPTION_UPDATED';
}

/** One PAYMENT_FAILED for each failed attempt at most, and one PAYMENT_ACTION_REQUIRED for each confirmation asked for. */
function* troubleFaults(account: StripeAccount, state: SubscriptionState, told: Row[]): Generator<string> {
  for (const [type, stripeType] of [
    ['PAYMENT_FAILED', 'invoice.payment_failed'],
    ['PAYMENT_ACTION_REQUIRED', 'invoice.payment_action_required'],
  ] as const) {
    const happened = account.happenings.filter(
      (it) =>
        it.type === stripeType && it.object.kind === 'invoice' && it.object.subscription === state.subscription_id,
    );
    const rows = told.filter(({ event_type }) => event_type === type);
    if (rows.length > happened.length)
      yield `${type} of ${state.subscription_id}: ${rows.length} told, ${happened.length} happened`;
  }
}

/** Whatever is written is published, and nothing else: each under its own id, saying the same each time. */
function* publishFaults(held: Held, { published }: Seen): Generator<string> {
  const written = new Map(held.plan_events.map((row) => [row.id, row]));
  for (const message of published) {
    const row = written.get(message.id);
    if (!row) yield `published ${message.id}, which is not written`;
    else if (!isDeepStrictEqual(message.payload, row.payload) || message.event_type !== row.event_type) {
      yield `published ${message.id} with other words than written`;
    }
  }
  const ids = new Set(published.map(({ id }) => id));
  for (const id of written.keys())
    if (!ids.has(id as string)) yield `never published: ${JSON.stringify(written.get(id))}`;
}
