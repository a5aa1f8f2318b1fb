import { subscriptionEvent } from './event-processor.ts';

/** Small Stripe objects for tests by example; today's API shape unless the name says otherwise. Generated histories: test/model. */

export const event = (id: string, type: string, created: number, object: object, more: object = {}) => ({
  id,
  object: 'event',
  type,
  created,
  livemode: false,
  api_version: '2026-10-28.endive',
  pending_webhooks: 1,
  request: null,
  data: { object },
  ...more,
});

export const invoice = (more: object = {}) => ({
  id: 'in_1',
  object: 'invoice',
  customer: 'cus_1',
  status: 'open',
  attempt_count: 1,
  currency: 'eur',
  amount_due: 1900,
  amount_paid: 0,
  created: 1_790_000_000,
  parent: { type: 'subscription_details', subscription_details: { subscription: 'sub_1', metadata: {} } },
  ...more,
});

export const checkout = (more: object = {}) => ({
  id: 'cs_1',
  object: 'checkout.session',
  mode: 'subscription',
  payment_status: 'paid',
  client_reference_id: 'user_1',
  metadata: {},
  customer: 'cus_1',
  subscription: 'sub_1',
  currency: 'eur',
  amount_total: 1900,
  ...more,
});

export const customer = (more: object = {}) => ({
  id: 'cus_1',
  object: 'customer',
  email: 'jenny@example.com',
  name: 'Jenny Rosen',
  metadata: {},
  ...more,
});

export const charge = (more: object = {}) => ({
  id: 'ch_1',
  object: 'charge',
  customer: 'cus_1',
  payment_intent: 'pi_1',
  status: 'succeeded',
  failure_code: null,
  currency: 'eur',
  amount: 1900,
  amount_captured: 1900,
  amount_refunded: 0,
  created: 1_790_000_000,
  ...more,
});

export const paymentIntent = (more: object = {}) => ({
  id: 'pi_1',
  object: 'payment_intent',
  customer: 'cus_1',
  status: 'succeeded',
  currency: 'eur',
  amount: 1900,
  last_payment_error: null,
  created: 1_790_000_000,
  ...more,
});

export const refund = (more: object = {}) => ({
  id: 're_1',
  object: 'refund',
  charge: 'ch_1',
  payment_intent: 'pi_1',
  status: 'succeeded',
  currency: 'eur',
  amount: 500,
  created: 1_790_100_000,
  ...more,
});

export const dispute = (more: object = {}) => ({
  id: 'dp_1',
  object: 'dispute',
  charge: 'ch_1',
  payment_intent: 'pi_1',
  status: 'needs_response',
  reason: 'fraudulent',
  currency: 'eur',
  amount: 1900,
  created: 1_790_200_000,
  ...more,
});

/** An object as events of this type are about it. */
export function sampleOf(type: string, id = '1'): object {
  if (type.startsWith('customer.subscription.'))
    return (subscriptionEvent('evt', 'updated', 1, { id: `sub_${id}` }) as { data: { object: object } }).data.object;
  if (type.startsWith('customer.')) return customer({ id: `cus_${id}` });
  if (type.startsWith('invoice.')) return invoice({ id: `in_${id}` });
  if (type.startsWith('payment_intent.')) return paymentIntent({ id: `pi_${id}` });
  if (type.startsWith('charge.dispute.')) return dispute({ id: `dp_${id}` });
  if (type.startsWith('charge.')) return charge({ id: `ch_${id}` });
  if (type.startsWith('refund.')) return refund({ id: `re_${id}` });
  if (type.startsWith('checkout.')) return checkout({ id: `cs_${id}` });
  return { id: `seti_${id}`, object: 'setup_intent' };
}
