import { sellsOnce } from '../../core/plans/catalogue.ts';
import type { CheckoutFact } from '../../core/stripe/facts/checkout.ts';
import type { CustomerFact } from '../../core/stripe/facts/customer.ts';
import type { InvoiceFact } from '../../core/stripe/facts/invoice.ts';
import type { SubscriptionFact } from '../../core/stripe/facts/subscription.ts';
import { type FetchedKindName, readFetched } from '../../core/stripe/fetched-object.ts';
import { compareObjects } from '../reconcile/compare-objects.ts';
import type { Unlinked } from '../reconcile/ports.ts';
import { sweep } from '../reconcile/sweep.ts';
import type { BackfillParts } from './backfill.ts';
import { coveredShare } from './covered-share.ts';

/** What a backfill would do to plans, found without writing anything. */
export interface BackfillPreview {
  /** Objects that Stripe has, by kind; invoices only where plans are paid once; of payments nothing is read before. */
  read: Partial<Record<FetchedKindName, number>>;
  /** Objects that we hold as they are. */
  same: number;
  /** Users who would have a plan that our rows do not give them yet. */
  users_with_new_plan: number;
  /** Among them those of whom a plan that they paid once says so; null where none is sold. Whether the money went back is not looked at before. */
  by_purchase: number | null;
  /** Who they are, and one such plan of each. Unless told otherwise a backfill does not notify the apps of these. */
  new_plans: { user_id: string; plan_id: string }[];
  /** Running subscriptions and paid purchases whose user nobody knows. */
  without_user: Unlinked[];
  /** Prices that config/plans.yaml lacks, with the running subscriptions that have them. */
  unknown_prices: Record<string, number>;
  unreadable: { kind: FetchedKindName; id: string; problem: string }[];
}

const LANES = 6;
const running = ['active', 'trialing', 'past_due'];

/**
 * Reads customers, Checkout sessions and subscriptions, where plans are paid once invoices too, and says whose plans would come of them. Memory:
 * some hundred bytes a customer whose user is known, and as much a running subscription or a purchase.
 */
export async function previewBackfill(parts: BackfillParts, since: number): Promise<BackfillPreview> {
  const preview: BackfillPreview = {
    read: {},
    same: 0,
    users_with_new_plan: 0,
    by_purchase: null,
    new_plans: [],
    without_user: [],
    unknown_prices: {},
    unreadable: [],
  };
  const userOfCustomer = new Map<string, string>();
  const userOfSubscription = new Map<string, string>();
  /** By customer: the user of the earliest completed session. */
  const firstBuyer = new Map<string, { at: number; user: string }>();
  const userOfInvoice = new Map<string, string>();
  const fresh: { fact: SubscriptionFact; differs: boolean }[] = [];
  const purchases: { fact: InvoiceFact; differs: boolean }[] = [];

  const ofPurchases = sellsOnce(parts.catalogue);
  const lists: FetchedKindName[] = [
    'customer',
    'checkout',
    'subscription',
    ...(ofPurchases ? ['invoice' as const] : []),
  ];
  let oldest = parts.now;
  for (const kind of lists) {
    const ranges = new Set([{ from: since, to: parts.now }]);
    await sweep({
      ranges,
      lanes: LANES,
      stop: parts.stop,
      page: (range, after) => parts.stripe.page(kind, range, after),
      async take(page) {
        const { compared, findings, unreadable } = await compareObjects({ ...parts, moving: new Set() }, kind, page);
        preview.read[kind] = (preview.read[kind] ?? 0) + page.items.length;
        preview.same += compared - findings.length;
        preview.unreadable.push(...unreadable.map((each) => ({ kind, ...each })));
        const differing = new Set(findings.map(({ id }) => id));
        const odd = new Set(unreadable.map(({ id }) => id));
        for (const object of page.items.filter(({ id }) => !odd.has(id))) {
          const fact = readFetched(kind, object, parts.catalogue);
          if (fact?.kind === 'customer') noteCustomer(fact);
          if (fact?.kind === 'checkout') noteSession(fact, object.created);
          if (fact?.kind === 'subscription' && running.includes(fact.snapshot!.status))
            fresh.push({ fact, differs: differing.has(object.id) });
          if (fact?.kind === 'invoice' && stillEntitles(fact, parts.now))
            purchases.push({ fact, differs: differing.has(object.id) });
        }
        const total = Object.values(preview.read).reduce((sum, count) => sum + count, 0);
        oldest = Math.min(oldest, ...page.items.map(({ created }) => created));
        const share = coveredShare([...ranges], { from: Math.max(since, oldest), to: parts.now });
        parts.progress((lists.indexOf(kind) + share) / lists.length, `reading ${kind}s: ${total} objects`);
      },
    });
  }

  function noteCustomer({ customer_id, metadata_user_id }: CustomerFact): void {
    if (metadata_user_id !== null) userOfCustomer.set(customer_id, metadata_user_id);
  }

  function noteSession(session: CheckoutFact, at: number): void {
    const { customer_id, subscription_id, invoice_id, user_id, mode, status } = session;
    if (user_id === null) return;
    if (invoice_id !== null) userOfInvoice.set(invoice_id, user_id);
    if (mode !== 'subscription') return;
    if (subscription_id !== null) userOfSubscription.set(subscription_id, user_id);
    if (customer_id === null || status !== 'complete') return;
    const first = firstBuyer.get(customer_id);
    if (!first || at < first.at) firstBuyer.set(customer_id, { at, user: user_id });
  }

  const plans = new Map<string, string>();
  for (const { fact, differs } of fresh) {
    const { subscription_id, customer_id } = fact;
    const snapshot = fact.snapshot!;
    // From the strongest to the weakest, as billing.user_of has it (docs/decisions/0008).
    const user =
      snapshot.metadata_user_id ??
      userOfCustomer.get(customer_id) ??
      userOfSubscription.get(subscription_id) ??
      firstBuyer.get(customer_id)?.user;
    if (snapshot.plan_unknown) {
      const price = snapshot.price_id ?? '(several)';
      preview.unknown_prices[price] = (preview.unknown_prices[price] ?? 0) + 1;
    }
    if (user === undefined) preview.without_user.push({ kind: 'subscription', id: subscription_id, customer_id });
    else if (differs && snapshot.plan_id !== null) plans.set(user, snapshot.plan_id);
  }
  const buyers = new Set<string>();
  for (const { fact, differs } of purchases) {
    const { invoice_id, metadata_user_id } = fact;
    const customer_id = fact.customer_id ?? '';
    // As billing.buyer_of has it.
    const user =
      metadata_user_id ??
      userOfCustomer.get(customer_id) ??
      userOfInvoice.get(invoice_id) ??
      firstBuyer.get(customer_id)?.user;
    if (user === undefined) preview.without_user.push({ kind: 'invoice', id: invoice_id, customer_id });
    else if (differs) {
      if (!plans.has(user)) plans.set(user, fact.purchase!.plan_id);
      buyers.add(user);
    }
  }
  if (ofPurchases) preview.by_purchase = buyers.size;
  preview.users_with_new_plan = plans.size;
  preview.new_plans = [...plans].toSorted().map(([user_id, plan_id]) => ({ user_id, plan_id }));
  return preview;
}

/** Paid, and not over yet. */
const stillEntitles = ({ purchase, status, paid_at }: InvoiceFact, now: number): boolean =>
  purchase !== null &&
  status === 'paid' &&
  (purchase.lasts_days === null || Date.parse(paid_at ?? '') / 1000 + purchase.lasts_days * 86_400 > now);
