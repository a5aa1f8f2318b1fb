import * as z from 'zod/mini';
import { UnreadableEvent } from '../../errors.ts';
import { type Catalogue, type Features, type PlanOfPrice, planOfPrice, withAddOn } from '../../plans/catalogue.ts';
import {
  count,
  currency,
  id,
  idOf,
  iso,
  metadata,
  optionalAmount,
  optionalCurrency,
  optionalReference,
  optionalSeconds,
  optionalWord,
  readObject,
  seconds,
  userIdIn,
  userIdProblems,
  word,
} from './fields.ts';

const itemShape = z.looseObject({
  price: z.looseObject({
    id,
    lookup_key: optionalWord,
    unit_amount: optionalAmount,
    currency: z.optional(currency),
    product: optionalReference,
    recurring: z.optional(z.nullable(z.looseObject({ interval: word, interval_count: z.optional(z.nullable(count)) }))),
  }),
  quantity: z.optional(z.nullable(count)),
  current_period_start: optionalSeconds,
  current_period_end: optionalSeconds,
});

const couponShape = z.looseObject({
  duration: z.optional(z.nullable(word)),
  percent_off: z.optional(z.nullable(z.number())),
  amount_off: optionalAmount,
});
/** Events name discounts by their ids; where Stripe expanded one, and before API 2025-09-30, its coupon stands there. */
const discountShape = z.union([
  z.string(),
  z.looseObject({
    coupon: z.optional(z.nullable(couponShape)),
    source: z.optional(
      z.nullable(z.looseObject({ coupon: z.optional(z.nullable(z.union([z.string(), couponShape]))) })),
    ),
  }),
]);

const subscriptionShape = z.looseObject({
  id,
  customer: optionalReference,
  /** Whom the subscription belongs to where a platform bills accounts instead of customers (Accounts v2); `customer` is null then. */
  customer_account: z.optional(z.nullable(id)),
  status: z.enum([
    'incomplete',
    'incomplete_expired',
    'trialing',
    'active',
    'past_due',
    'canceled',
    'unpaid',
    'paused',
  ]),
  metadata,
  currency: optionalCurrency,
  items: z.looseObject({ data: z.array(itemShape) }),
  discount: z.optional(z.nullable(discountShape)),
  discounts: z.optional(z.nullable(z.array(discountShape))),
  pause_collection: z.optional(z.nullable(z.looseObject({}))),
  cancellation_details: z.optional(z.nullable(z.looseObject({ reason: optionalWord }))),
  current_period_start: optionalSeconds,
  current_period_end: optionalSeconds,
  cancel_at_period_end: z.optional(z.boolean()),
  cancel_at: optionalSeconds,
  canceled_at: optionalSeconds,
  ended_at: optionalSeconds,
  trial_start: optionalSeconds,
  trial_end: optionalSeconds,
  created: z.optional(seconds),
  latest_invoice: optionalReference,
});

/** What one Stripe subscription looked like at one moment, in our words; the columns of `billing.subscriptions`. Times are ISO 8601. */
export interface SubscriptionSnapshot {
  /** Stripe's own word. */
  status: z.infer<typeof subscriptionShape>['status'];
  metadata_user_id: string | null;
  /** null for a subscription without items. */
  price_id: string | null;
  lookup_key: string | null;
  quantity: number;
  currency: string | null;
  /** Per billing interval: unit amount × quantity of all items with the plan's interval, in minor units; null where no price has a single amount (tiered). */
  amount_minor: number | null;
  /** All items by the month, discounts that we were shown taken off. */
  monthly_minor: number | null;
  billing_interval: string | null;
  interval_count: number | null;
  current_period_start: string | null;
  current_period_end: string | null;
  cancel_at_period_end: boolean;
  cancel_at: string | null;
  canceled_at: string | null;
  /** Why it was cancelled, in Stripe's word: `cancellation_requested`, `payment_failed`, `payment_disputed`. */
  cancellation_reason: string | null;
  ended_at: string | null;
  trial_start: string | null;
  trial_end: string | null;
  started_at: string | null;
  latest_invoice_id: string | null;
  collection_paused: boolean;
  /** null when the prices give no plan: the catalogue lacks them ({@link plan_unknown}), or ignores them. */
  plan_id: string | null;
  tier: string | null;
  tier_rank: number | null;
  grace_days: number | null;
  features: Features | null;
  /** No price that the catalogue knows: the plan held before stays. */
  plan_unknown: boolean;
}

export interface SubscriptionFact {
  kind: 'subscription';
  subscription_id: string;
  customer_id: string;
  /** null asks the apply function for a ticket at once, so that Stripe's own word is fetched (reconcile). */
  snapshot: SubscriptionSnapshot | null;
}

/**
 * What one Stripe subscription looked like at one moment, in our words.
 *
 * Reads today's shape (period on the items) and the one before 2025-03-31 (on the subscription). Of several items, the one whose
 * price gives the highest tier stands for the subscription.
 * @throws {UnreadableEvent} when a field we need is missing; naming the field, so that the event can be parked.
 * @see https://docs.stripe.com/api/subscriptions/object
 * @see https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end
 */
export function readSubscription(
  object: unknown,
  catalogue: Catalogue,
): SubscriptionFact & { snapshot: SubscriptionSnapshot } {
  const subscription = readObject(subscriptionShape, object, 'a subscription that we can read', [
    ...ownerProblems(object),
    ...userIdProblems(object, catalogue),
  ]);
  const items = subscription.items.data.map((item) => ({ item, means: planOf(item, catalogue) }));
  const best = items.reduce<(typeof items)[number] | undefined>(
    (best, other) => (best === undefined || rank(other.means) > rank(best.means) ? other : best),
    undefined,
  );
  const item = best?.item;
  const periodEnd = item?.current_period_end ?? subscription.current_period_end ?? null;
  if (item && periodEnd === null) {
    throw new UnreadableEvent(
      'Not a subscription that we can read: items.data[0].current_period_end: got nothing, wanted Unix seconds (there, or before API 2025-03-31 as current_period_end)',
    );
  }
  const plan = best?.means?.kind === 'plan' ? best.means : null;
  const discounts = [...(subscription.discounts ?? []), ...(subscription.discount ? [subscription.discount] : [])];
  return {
    kind: 'subscription',
    subscription_id: subscription.id,
    customer_id: (idOf(subscription.customer) ?? subscription.customer_account)!,
    snapshot: {
      status: subscription.status,
      metadata_user_id: userIdIn(subscription.metadata, catalogue),
      price_id: item?.price.id ?? null,
      lookup_key: item?.price.lookup_key ?? null,
      quantity: item?.quantity ?? 1,
      currency: item?.price.currency ?? subscription.currency ?? null,
      amount_minor: item ? amountOf(subscription.items.data.filter((other) => sameInterval(other, item))) : null,
      monthly_minor: monthly(subscription.items.data, discounts),
      billing_interval: item?.price.recurring?.interval ?? null,
      interval_count: item ? (item.price.recurring?.interval_count ?? 1) : null,
      current_period_start: iso(item?.current_period_start ?? subscription.current_period_start),
      current_period_end: iso(periodEnd),
      cancel_at_period_end: subscription.cancel_at_period_end ?? false,
      cancel_at: iso(subscription.cancel_at),
      canceled_at: iso(subscription.canceled_at),
      cancellation_reason: subscription.cancellation_details?.reason ?? null,
      ended_at: iso(subscription.ended_at),
      trial_start: iso(subscription.trial_start),
      trial_end: iso(subscription.trial_end),
      started_at: iso(subscription.created),
      latest_invoice_id: idOf(subscription.latest_invoice),
      collection_paused: Boolean(subscription.pause_collection),
      plan_id: plan?.plan_id ?? null,
      tier: plan?.tier ?? null,
      tier_rank: plan?.tier_rank ?? null,
      grace_days: plan?.grace_days ?? null,
      features: plan && featuresOf(plan.features, items),
      plan_unknown: plan === null && items.some(({ means }) => means === undefined),
    },
  };
}

/** For {@link readObject}: whoever it is about stands under one of two names. */
export function ownerProblems(object: unknown): string[] {
  const { customer, customer_account } = (object ?? {}) as { customer?: unknown; customer_account?: unknown };
  return customer || customer_account
    ? []
    : ['customer: got nothing, wanted an id of a customer (or, with Accounts v2, customer_account)'];
}

type Item = z.infer<typeof itemShape>;

const planOf = ({ price }: Item, catalogue: Catalogue): PlanOfPrice | undefined =>
  planOfPrice(catalogue, { id: price.id, lookup_key: price.lookup_key ?? null, product: idOf(price.product) });

/** Of several items the one of the highest tier stands for the subscription; then what the catalogue lacks, then what gives no plan. */
export const rank = (means: PlanOfPrice | undefined): number =>
  means === undefined ? -1 : means.kind === 'plan' ? means.tier_rank : -2;

const featuresOf = (ofPlan: Features, items: { item: Item; means: PlanOfPrice | undefined }[]): Features =>
  items.reduce(
    (sum, { item, means }) => (means?.kind === 'add_on' ? withAddOn(sum, means.features, item.quantity ?? 1) : sum),
    ofPlan,
  );

const intervalOf = ({ price }: Item) => `${price.recurring?.interval} ${price.recurring?.interval_count ?? 1}`;
const sameInterval = (one: Item, other: Item): boolean => intervalOf(one) === intervalOf(other);

/** What these items cost together; null when none has a single amount. */
function amountOf(items: Item[]): number | null {
  const amounts = items.flatMap(({ price, quantity }) =>
    price.unit_amount == null ? [] : price.unit_amount * (quantity ?? 1),
  );
  return amounts.length === 0 ? null : bounded(amounts.reduce((sum, amount) => sum + amount, 0));
}

/** How many months an interval has, as finance counts. */
const months: Record<string, number> = { day: 12 / 365, week: 12 / 52, month: 1, year: 12 };

function monthly(items: Item[], discounts: z.infer<typeof discountShape>[]): number | null {
  const recurring = items.filter(({ price }) => price.unit_amount != null && months[price.recurring?.interval ?? '']);
  if (recurring.length === 0) return null;
  const perMonth = (amount: number, { price: { recurring } }: Item) =>
    amount / (months[recurring!.interval]! * (recurring!.interval_count || 1));
  const full = recurring.reduce((sum, item) => sum + perMonth(item.price.unit_amount! * (item.quantity ?? 1), item), 0);
  const reduced = discounts.flatMap(couponOf).reduce((left, { percent_off, amount_off }) => {
    const afterPercent = left * (1 - (percent_off ?? 0) / 100);
    return afterPercent - (amount_off ? perMonth(amount_off, recurring[0]!) : 0);
  }, full);
  return bounded(Math.max(0, Math.round(reduced)));
}

/** Coupons that recur; one for the first invoice alone changes nothing of what is paid by the month. */
function couponOf(discount: z.infer<typeof discountShape>) {
  if (typeof discount === 'string') return [];
  const coupon = discount.coupon ?? discount.source?.coupon;
  return coupon && typeof coupon !== 'string' && coupon.duration !== 'once' ? [coupon] : [];
}

function bounded(total: number): number {
  if (Number.isSafeInteger(total)) return total;
  throw new UnreadableEvent(
    `Not a subscription that we can read: items.data: price.unit_amount × quantity: got ${total} together, wanted at most ${Number.MAX_SAFE_INTEGER}`,
  );
}
