import { type Announcement, planStatusOf } from './expectations.ts';
import type { StripeAccount, StripeHappening } from './stripe-account.ts';
import type { CheckoutSession, Customer, Invoice, Subscription } from './stripe-objects.ts';

/** One plan event that must be written when a history arrives in order. */
export interface Telling {
  because: string;
  subscription: string;
  user: string;
  type: string;
  says: Announcement;
}

/** What has reached us by some moment, when everything arrives in order. */
interface Known {
  customers: Map<string, Customer>;
  subscriptions: Map<string, Subscription>;
  sessions: Map<string, CheckoutSession>;
  /** Invoices whose last news is that the customer must do something. */
  troubles: Map<string, { invoice: Invoice; type: string }>;
}

const badNews: Record<string, string> = {
  'invoice.payment_failed': 'PAYMENT_FAILED',
  'invoice.payment_action_required': 'PAYMENT_ACTION_REQUIRED',
};
const goodNews = ['invoice.paid', 'invoice.payment_succeeded', 'invoice.voided', 'invoice.marked_uncollectible'];

/**
 * Exactly what the apps must be told, step by step, when every event arrives once and in order.
 *
 * A subscription is told of once its user is known; a change that an app can see is told once; a Checkout that completes before
 * its subscription is heard of is told as `pending`.
 */
export function tellings(account: StripeAccount): Telling[] {
  const known: Known = { customers: new Map(), subscriptions: new Map(), sessions: new Map(), troubles: new Map() };
  const toldLast = new Map<string, View>();
  const troubleTold = new Map<string, string>();
  const told: Telling[] = [];
  for (const happening of account.happenings) {
    learn(known, happening);
    for (const view of views(known)) {
      const before = toldLast.get(view.subscription);
      if (JSON.stringify(before) === JSON.stringify(view)) continue;
      toldLast.set(view.subscription, view);
      const { subscription, user, status, plan_id, currency, amount } = view;
      const type = callIt(before?.status, status);
      told.push({ because: happening.id, subscription, user, type, says: { status, plan_id, currency, amount } });
    }
    for (const { invoice, type } of known.troubles.values()) {
      const view = views(known).find(({ subscription }) => subscription === invoice.subscription);
      const key = `${type} ${invoice.attempts}`;
      if (!view || troubleTold.get(invoice.id) === key) continue;
      troubleTold.set(invoice.id, key);
      const { subscription, user, status, plan_id } = view;
      const says = { status, plan_id, currency: invoice.currency, amount: invoice.amount };
      told.push({ because: happening.id, subscription, user, type, says });
    }
  }
  return told;
}

function learn(known: Known, { object, type }: StripeHappening): void {
  if (object.kind === 'customer') known.customers.set(object.id, object);
  if (object.kind === 'subscription') known.subscriptions.set(object.id, object);
  if (object.kind === 'checkout.session') known.sessions.set(object.id, object);
  if (object.kind === 'invoice' && badNews[type])
    known.troubles.set(object.id, { invoice: object, type: badNews[type] });
  if (object.kind === 'invoice' && goodNews.includes(type)) known.troubles.delete(object.id);
}

/** All that an app can see of a subscription; a change of any of it is news. */
interface View extends Announcement {
  subscription: string;
  user: string;
  tier: string | null;
  periodEnd: number | null;
  endsAtPeriodEnd: boolean;
}

function views(known: Known): View[] {
  const named = [...known.subscriptions.values()].map((it): Omit<View, 'user'> & { user: string | null } => ({
    subscription: it.id,
    user: it.userId ?? userOfCustomer(known, it.customer),
    status: planStatusOf[it.status],
    plan_id: it.price.plan?.id ?? null,
    tier: it.price.plan?.tier ?? null,
    currency: it.price.currency,
    amount: it.price.amount * it.quantity,
    periodEnd: it.periodEnd,
    endsAtPeriodEnd: it.cancelAtPeriodEnd,
  }));
  const expected = [...known.sessions.values()]
    .filter((it) => it.status === 'complete' && it.paymentStatus !== 'unpaid')
    .filter((it) => it.subscription !== null && !known.subscriptions.has(it.subscription))
    .map((it) => ({
      subscription: it.subscription!,
      user: userOfCustomer(known, it.customer),
      status: 'pending',
      plan_id: null,
      tier: null,
      currency: it.currency,
      amount: it.amount,
      periodEnd: null,
      endsAtPeriodEnd: false,
    }));
  return [...named, ...expected].filter((view): view is View => view.user !== null);
}

const userOfCustomer = (known: Known, id: string | null): string | null =>
  (id === null ? null : known.customers.get(id)?.userId) ??
  [...known.sessions.values()]
    .filter(({ customer }) => customer === id)
    .map(({ clientReferenceId, userId }) => clientReferenceId ?? userId)
    .find((user) => user !== null) ??
  null;

function callIt(before: string | undefined, after: string): string {
  const over = (status: string | undefined) => status === 'cancelled' || status === 'expired';
  if (over(after) && !over(before)) return 'SUBSCRIPTION_CANCELLED';
  const wasNotUsable = before === undefined || before === 'pending' || before === 'suspended';
  if (wasNotUsable && (after === 'active' || after === 'trialing' || after === 'past_due'))
    return 'SUBSCRIPTION_ACTIVATED';
  return 'SUBSCRIPTION_UPDATED';
}
