import type Stripe from 'stripe';
import { pinnedApiVersion } from '../../core/stripe/api-version.ts';
import { invoiceObject } from '../../stripe-simulator/objects/invoice.ts';
import {
  chargeObject,
  disputeObject,
  paymentIntentObject,
  refundObject,
} from '../../stripe-simulator/objects/payment.ts';
import {
  checkoutSessionObject,
  customerObject,
  subscriptionObject,
  subscriptionScheduleObject,
} from '../../stripe-simulator/objects/subscription.ts';
import { plusMonthly, premiumMonthly } from '../../stripe-simulator/prices.ts';

/** Small Stripe objects for tests by example: the simulator's, with what a test names laid over. Generated histories: test/model. */

const created = 1_790_000_000;

export const event = (id: string, type: string, at: number, object: object, more: object = {}) => ({
  id,
  object: 'event',
  type,
  created: at,
  livemode: false,
  api_version: pinnedApiVersion as string,
  pending_webhooks: 1,
  request: null,
  data: { object },
  ...more,
});

/** A subscription event in today's shape; everything a test does not name is ordinary. */
export function subscriptionEvent(
  id: string,
  type: string,
  at: number,
  object: Partial<{
    id: string;
    customer: string;
    status: string;
    price: string;
    metadata: object;
    periodEnd: number;
    cancel_at_period_end: boolean;
    cancel_at: number;
    trial_end: number;
    latest_invoice: string;
    period_start: number;
    quantity: number;
  }> = {},
): object {
  const made = subscriptionObject({
    id: object.id ?? 'sub_1',
    itemId: 'si_1',
    customer: object.customer ?? 'cus_1',
    status: (object.status ?? 'active') as Stripe.Subscription.Status,
    price: { ...premiumMonthly, id: object.price ?? premiumMonthly.id, lookupKey: null },
    created,
    periodEnd: object.periodEnd ?? 1_800_000_000,
    trialEnd: null,
    latestInvoice: 'in_1',
  });
  const [item] = made.items.data;
  const current_period_start = object.period_start ?? item!.current_period_start;
  return event(id, `customer.subscription.${type}`, at, {
    ...made,
    items: { ...made.items, data: [{ ...item, quantity: object.quantity ?? 1, current_period_start }] },
    cancel_at: object.cancel_at ?? null,
    trial_end: object.trial_end ?? null,
    latest_invoice: object.latest_invoice ?? 'in_1',
    // A user of its own for each subscription: a user's plan is made of all of theirs.
    metadata: object.metadata ?? {
      user_id: object.id ? `user_of_${object.id}` : '11111111-1111-4111-8111-111111111111',
    },
    cancel_at_period_end: object.cancel_at_period_end ?? false,
  });
}

export const invoice = (more: object = {}) => ({
  ...invoiceObject({
    id: 'in_1',
    number: 'N-0001',
    customer: 'cus_1',
    subscription: 'sub_1',
    price: premiumMonthly,
    amountMinor: 1900,
    reason: 'subscription_cycle',
    created,
    periodStart: created,
    periodEnd: created + 30 * 86_400,
  }),
  status: 'open',
  attempt_count: 1,
  ...more,
});

/** Of no subscription, and paid: what a plan is bought with that is paid once. */
export const paidOnce = (price: string, paid_at: number, more: object = {}) =>
  invoice({
    parent: null,
    status: 'paid',
    amount_paid: 49_900,
    metadata: {},
    status_transitions: { paid_at },
    lines: { data: [{ quantity: 1, pricing: { type: 'price_details', price_details: { price } } }] },
    ...more,
  });

export const checkout = (more: object = {}) => ({
  ...checkoutSessionObject({
    id: 'cs_1',
    customer: 'cus_1',
    subscription: 'sub_1',
    invoice: 'in_1',
    userId: 'user_1',
    price: premiumMonthly,
    amountMinor: 1900,
    created,
  }),
  ...more,
});

export const customer = (more: object = {}) => ({ ...customerObject('cus_1', 'jenny', created), ...more });

const intent = () =>
  paymentIntentObject({
    id: 'pi_1',
    customer: 'cus_1',
    currency: 'eur',
    amountMinor: 1900,
    created,
    paymentMethod: 'pm_1',
  });

const paidCharge = () => chargeObject({ id: 'ch_1', intent: intent(), created, failure: null });

export const charge = (more: object = {}) => ({ ...paidCharge(), ...more });

export const paymentIntent = (more: object = {}) => ({ ...intent(), status: 'succeeded', ...more });

export const refund = (more: object = {}) => ({
  ...refundObject('re_1', paidCharge(), created + 100_000),
  amount: 500,
  ...more,
});

export const dispute = (more: object = {}) => ({
  ...disputeObject('dp_1', paidCharge(), 'needs_response', created + 200_000),
  ...more,
});

export const invoicePayment = (more: object = {}) => ({
  id: 'inpay_1',
  object: 'invoice_payment',
  invoice: 'in_1',
  payment: { type: 'payment_intent', payment_intent: 'pi_1' },
  status: 'paid',
  ...more,
});

/** Premium until the period ends, then Premium Plus. */
export const schedule = (more: object = {}) => ({
  ...subscriptionScheduleObject({
    id: 'sub_sched_1',
    customer: 'cus_1',
    subscription: 'sub_1',
    created,
    phases: [
      { start: created, end: 1_800_000_000, price: premiumMonthly, quantity: 1 },
      { start: 1_800_000_000, end: 1_800_000_000 + 30 * 86_400, price: plusMonthly, quantity: 1 },
    ],
  }),
  ...more,
});

/** An object as events of this type are about it. */
export function sampleOf(type: string, id = '1'): object {
  if (type.startsWith('customer.subscription.'))
    return (subscriptionEvent('evt', 'updated', 1, { id: `sub_${id}` }) as { data: { object: object } }).data.object;
  if (type.startsWith('subscription_schedule.')) return schedule({ id: `sub_sched_${id}` });
  if (type.startsWith('customer.')) return customer({ id: `cus_${id}` });
  if (type.startsWith('invoice.')) return invoice({ id: `in_${id}` });
  if (type.startsWith('invoice_payment.')) return invoicePayment({ id: `inpay_${id}` });
  if (type.startsWith('payment_intent.')) return paymentIntent({ id: `pi_${id}` });
  if (type.startsWith('charge.dispute.')) return dispute({ id: `dp_${id}` });
  if (type.startsWith('charge.')) return charge({ id: `ch_${id}` });
  if (type.startsWith('refund.')) return refund({ id: `re_${id}` });
  if (type.startsWith('checkout.')) return checkout({ id: `cs_${id}` });
  if (type.startsWith('setup_intent.')) return { id: `seti_${id}`, object: 'setup_intent' };
  throw new Error(`No sample of ${type}: build one here, in today's shape (CONTRIBUTING.md, "An event type").`);
}
