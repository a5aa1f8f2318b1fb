import {
  checkoutEvents,
  disputeEvents,
  graceEnd,
  invoiceEvents,
  isEntitled,
  planHeld,
  planStatusOf,
  purchasesFrom,
  refundEvents,
  type Scheduled,
  scheduledOf,
  userFrom,
} from './expectations.ts';
import { tierRank } from './price-list.ts';
import type { StripeAccount, StripeHappening } from './stripe-account.ts';
import type {
  CheckoutSession,
  Customer,
  Dispute,
  Invoice,
  Refund,
  Subscription,
  SubscriptionSchedule,
} from './stripe-objects.ts';

/** One plan event that must be written when a history arrives in order. */
export interface ExpectedPlanEvent {
  because: string;
  user: string;
  type: string;
  says: View;
  /** For PAYMENT_*: what is due. */
  due: number | null;
}

/** A user's whole plan, as an app sees it; a change of any of it is news. */
export interface View {
  /** Whose invoices it is paid by: an app opens the portal with it. */
  customer: string | null;
  subscription: string | null;
  status: string;
  plan_id: string | null;
  tier: string;
  entitled: boolean;
  plan_unknown: boolean;
  quantity: number | null;
  currency: string | null;
  amount: number | null;
  interval: string | null;
  periodEnd: number | null;
  trialEnd: number | null;
  endsAtPeriodEnd: boolean;
  graceEnd: number | null;
  collectionPaused: boolean;
  scheduled: Scheduled | null;
}

const nothing: View = {
  customer: null,
  subscription: null,
  status: 'none',
  plan_id: null,
  tier: 'FREE',
  entitled: false,
  plan_unknown: false,
  quantity: null,
  currency: null,
  amount: null,
  interval: null,
  periodEnd: null,
  trialEnd: null,
  endsAtPeriodEnd: false,
  graceEnd: null,
  collectionPaused: false,
  scheduled: null,
};

/** What has reached us by some moment, when everything arrives in order. */
interface Known {
  customers: Map<string, Customer>;
  subscriptions: Map<string, { last: Subscription; snapshots: StripeHappening[] }>;
  sessions: Map<string, { object: CheckoutSession; last: StripeHappening }>;
  invoices: Map<string, Invoice>;
  schedules: Map<string, SubscriptionSchedule>;
  refunds: Map<string, Refund>;
  disputes: Map<string, Dispute>;
  /** Which intent paid an invoice, as its invoice payment says. */
  intents: Map<string, string>;
  /** Invoices whose last news is that the customer must do something. */
  problems: Map<string, { invoice: Invoice; type: string }>;
  /** Trial ends that Stripe announced, by subscription. */
  trialsEnding: Map<string, number>;
}

const badNews: Record<string, string> = {
  'invoice.payment_failed': 'PAYMENT_FAILED',
  'invoice.payment_action_required': 'PAYMENT_ACTION_REQUIRED',
};
const over = ['cancelled', 'expired', 'none'];

/**
 * Exactly what must be published to the apps, step by step, when every event arrives once and in order.
 *
 * A user's whole plan is published whenever an app could see that it changed, whoever's event it was; whoever loses a subscription hears of it, too. What
 * was over when it was first seen is no news. A Checkout that completes before its subscription is heard of is published as `pending`.
 */
export function expectedPlanEvents(account: StripeAccount, at: number): ExpectedPlanEvent[] {
  const known: Known = {
    customers: new Map(),
    subscriptions: new Map(),
    sessions: new Map(),
    invoices: new Map(),
    schedules: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    intents: new Map(),
    problems: new Map(),
    trialsEnding: new Map(),
  };
  const lastSeen = new Map<string, View>();
  const everTold = new Set<string>();
  const troubleTold = new Map<string, string>();
  const trialTold = new Map<string, number>();
  const published: ExpectedPlanEvent[] = [];
  for (const happening of account.happenings) {
    learn(known, happening);
    const views = viewsOf(known, at);
    for (const user of new Set([...lastSeen.keys(), ...views.map(({ user }) => user)])) {
      const says = bestOf(views.filter((view) => view.user === user));
      const before = lastSeen.get(user);
      if (JSON.stringify(before) === JSON.stringify(says)) continue;
      lastSeen.set(user, says);
      if (!everTold.has(user) && over.includes(says.status) && (before === undefined || over.includes(before.status)))
        continue;
      everTold.add(user);
      published.push({ because: happening.id, user, type: callIt(before, says), says, due: null });
    }
    for (const { invoice, type } of known.problems.values()) {
      if (invoice.subscription === null) continue;
      const about = views.find(({ view }) => view.subscription === invoice.subscription);
      const key = `${type} ${invoice.attempts}`;
      if (!about || troubleTold.get(invoice.id) === key) continue;
      troubleTold.set(invoice.id, key);
      everTold.add(about.user);
      published.push({
        because: happening.id,
        user: about.user,
        type,
        says: lastSeen.get(about.user)!,
        due: invoice.amount,
      });
    }
    for (const [id, trialEnd] of known.trialsEnding) {
      const about = views.find(({ view }) => view.subscription === id);
      if (about?.view.status !== 'trialing' || about.view.trialEnd !== trialEnd || trialTold.get(id) === trialEnd)
        continue;
      trialTold.set(id, trialEnd);
      everTold.add(about.user);
      published.push({
        because: happening.id,
        user: about.user,
        type: 'TRIAL_ENDING',
        says: lastSeen.get(about.user)!,
        due: null,
      });
    }
  }
  return published;
}

function learn(known: Known, happening: StripeHappening): void {
  const { object, type } = happening;
  if (object.kind === 'customer') known.customers.set(object.id, object);
  if (object.kind === 'subscription') {
    const snapshots = known.subscriptions.get(object.id)?.snapshots ?? [];
    known.subscriptions.set(object.id, { last: object, snapshots: [...snapshots, happening] });
    if (type === 'customer.subscription.trial_will_end') known.trialsEnding.set(object.id, object.trialEnd!);
  }
  if (object.kind === 'subscription_schedule') known.schedules.set(object.id, object);
  if (object.kind === 'checkout.session' && checkoutEvents.includes(type))
    known.sessions.set(object.id, { object, last: happening });
  if (object.kind === 'refund' && refundEvents.includes(type)) known.refunds.set(object.id, object);
  if (object.kind === 'dispute' && disputeEvents.includes(type)) known.disputes.set(object.id, object);
  if (object.kind === 'invoice_payment') known.intents.set(object.invoice, object.paymentIntent);
  if (object.kind === 'invoice' && invoiceEvents.includes(type)) {
    known.invoices.set(object.id, object);
    if (badNews[type]) known.problems.set(object.id, { invoice: object, type: badNews[type] });
    else known.problems.delete(object.id);
  }
}

/** One subscription or purchase, with what decides whether it stands for its user's plan. */
interface Candidate {
  user: string;
  view: View;
  stripeStatus: string;
  second: number;
  /** Of a purchase: its id, the greater stands for the plan where all else is equal. */
  invoice?: string;
}

function viewsOf(known: Known, at: number): Candidate[] {
  const sessions = [...known.sessions.values()];
  const invoices = [...known.invoices.values()];
  const schedules = [...known.schedules.values()];
  const ofCustomer = (id: string | null) => (id === null ? null : (known.customers.get(id)?.userId ?? null));
  const named = [...known.subscriptions.values()].map(({ last: it, snapshots }) => {
    const plan = planHeld(snapshots, it);
    const ends = graceEnd(plan, it, invoices);
    const entitled = isEntitled(
      {
        plan_id: plan?.id ?? null,
        stripe_status: it.status,
        grace_ends_at: ends,
        cancel_at_period_end: it.cancelAtPeriodEnd,
        current_period_end: it.periodEnd,
      },
      at,
    );
    return {
      user: userFrom(it, ofCustomer(it.customer), sessions),
      stripeStatus: it.status,
      second: snapshots.at(-1)!.created,
      view: {
        customer: it.customer,
        subscription: it.id,
        status: planStatusOf[it.status],
        plan_id: plan?.id ?? null,
        tier: entitled ? plan!.tier : 'FREE',
        entitled,
        plan_unknown: it.price.plan === null,
        quantity: it.quantity,
        currency: it.price.currency,
        amount: it.price.amount * it.quantity,
        interval: it.price.interval,
        periodEnd: it.periodEnd,
        trialEnd: it.trialEnd,
        endsAtPeriodEnd: it.cancelAtPeriodEnd,
        graceEnd: ends,
        collectionPaused: it.collectionPaused,
        scheduled: scheduledOf(it, snapshots.at(-1)!.created, schedules),
      },
      rank: plan && ['active', 'trialing', 'past_due'].includes(it.status) ? tierRank[plan.tier] : null,
    };
  });
  const expected = sessions
    .filter(
      ({ object, last }) =>
        object.status === 'complete' &&
        object.paymentStatus !== 'unpaid' &&
        !last.type.endsWith('async_payment_failed'),
    )
    .filter(
      ({ object }) =>
        object.mode === 'subscription' && object.subscription !== null && !known.subscriptions.has(object.subscription),
    )
    .map(({ object }) => ({
      user: userFrom(
        { id: object.subscription!, customer: object.customer!, userId: null } as Subscription,
        ofCustomer(object.customer),
        sessions,
      ),
      stripeStatus: 'incomplete',
      second: 0,
      view: {
        ...nothing,
        customer: object.customer,
        subscription: object.subscription,
        status: 'pending',
        currency: object.currency,
        amount: object.amount,
      },
      rank: null,
    }));
  const bought = purchasesFrom({
    invoices,
    ofCustomer,
    sessions,
    refunds: [...known.refunds.values()],
    disputes: [...known.disputes.values()],
    linked: ({ id }) => known.intents.get(id) ?? null,
  })
    .filter(({ entitled_until }) => entitled_until !== null)
    .map((it) => {
      const { customer, price, paidAt } = known.invoices.get(it.invoice_id)!;
      const entitled = it.entitled_until! > at;
      const ends = price!.lastsDays === undefined ? null : paidAt! + price!.lastsDays * 86_400;
      return {
        user: it.user_id,
        invoice: it.invoice_id,
        // Behind a subscription of the same tier; over, as one that was cancelled.
        stripeStatus: entitled ? 'bought' : 'canceled',
        second: paidAt!,
        view: {
          ...nothing,
          customer,
          status: entitled ? 'active' : it.entitled_until === Number.NEGATIVE_INFINITY ? 'cancelled' : 'expired',
          plan_id: it.plan_id,
          tier: entitled ? it.tier : 'FREE',
          entitled,
          quantity: 1,
          currency: price!.currency,
          amount: it.amount_minor,
          interval: 'once',
          periodEnd: ends,
          endsAtPeriodEnd: ends !== null,
        },
        rank: entitled ? tierRank[it.tier] : null,
      };
    });
  return [...named, ...expected, ...bought].filter(
    (it): it is (typeof named)[number] & { user: string } => it.user !== null,
  );
}

const standings = [
  'incomplete_expired',
  'canceled',
  'unpaid',
  'paused',
  'incomplete',
  'past_due',
  'trialing',
  'active',
];

/** The entitled one of the highest tier; without one, what comes closest to it; of those that never will be, the latest. */
function bestOf(candidates: (Candidate & { rank?: number | null })[]): View {
  const key = ({
    view,
    rank,
    stripeStatus,
    second,
    invoice,
  }: Candidate & { rank?: number | null }): (number | string)[] => [
    view.entitled ? 1 : 0,
    rank == null ? -1 : rank,
    standings.indexOf(stripeStatus),
    rank == null ? second : 0,
    view.subscription ?? '',
    invoice ?? '',
  ];
  const [best] = candidates.toSorted((one, other) => {
    const [a, b] = [key(one), key(other)];
    const at = a.findIndex((value, index) => value !== b[index]);
    return at < 0 ? 0 : a[at]! > b[at]! ? -1 : 1;
  });
  return best?.view ?? nothing;
}

function callIt(before: View | undefined, after: View): string {
  if (after.entitled && !before?.entitled) return 'SUBSCRIPTION_ACTIVATED';
  if (over.includes(after.status) && !over.includes(before?.status ?? '')) return 'SUBSCRIPTION_CANCELLED';
  return 'SUBSCRIPTION_UPDATED';
}
