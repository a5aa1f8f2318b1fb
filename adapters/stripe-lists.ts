import type Stripe from 'stripe';
import type { FetchedKindName, FetchedObject } from '../core/stripe/fetched-object.ts';
import type { StripeList, StripeLists, StripePage } from '../pipeline/reconcile/ports.ts';
import { type RequestShare, requestShare } from './request-share.ts';
import { stripeError } from './stripe.ts';

interface Resource {
  list(params: object, options: Stripe.RequestOptions): PromiseLike<Stripe.ApiList<{ id: string }>>;
  retrieve(id: string, params: object, options: Stripe.RequestOptions): PromiseLike<object>;
}

const resources: Record<FetchedKindName, (stripe: Stripe) => Resource> = {
  customer: (stripe) => stripe.customers as never,
  checkout: (stripe) => stripe.checkout.sessions as never,
  subscription: (stripe) => stripe.subscriptions as never,
  schedule: (stripe) => stripe.subscriptionSchedules as never,
  invoice: (stripe) => stripe.invoices as never,
  charge: (stripe) => stripe.charges as never,
  invoice_payment: (stripe) => stripe.invoicePayments as never,
  refund: (stripe) => stripe.refunds as never,
  dispute: (stripe) => stripe.disputes as never,
};

/** What an answer tells was true when it was made; that may be so many seconds before it came (the client's time limit, and clocks that differ). */
const ANSWER_MAY_TAKE_SECONDS = 30;

/** Pages and objects of Stripe's API under a share of its rate limit. */
export function stripeLists(stripe: Stripe, share: RequestShare = requestShare()): StripeLists {
  const ask = async <Answer extends object>(
    what: string,
    request: (options: Stripe.RequestOptions) => PromiseLike<Answer>,
  ): Promise<{ answer: Answer; asOf: number }> => {
    try {
      // Every attempt takes its turn: the SDK's own would not.
      const answer = await share.run(() => request({ maxNetworkRetries: 0 }));
      const { headers } = (answer as unknown as Stripe.Response<object>).lastResponse;
      return { answer, asOf: Math.floor(Date.parse(headers.date!) / 1000) - ANSWER_MAY_TAKE_SECONDS };
    } catch (error) {
      throw stripeError(error, what);
    }
  };
  const list = async (what: string, resource: Resource, params: object): Promise<StripePage> => {
    const { answer, asOf } = await ask(what, (options) => resource.list({ ...params, limit: 100 }, options));
    return { items: answer.data as unknown as FetchedObject[], more: answer.has_more, asOf };
  };
  return {
    page: (of, { from, to }, after, types) =>
      list(`the list of ${of}s`, of === 'event' ? (stripe.events as never) : resources[kindOf(of)](stripe), {
        created: { gte: from, lte: to },
        ...(after === undefined ? {} : { starting_after: after }),
        ...(types === undefined ? {} : { types }),
        // Without a status Stripe lists what it still bills.
        ...(of === 'ended_subscription' ? { status: 'ended' } : {}),
        ...(of === 'invoice_payment' ? { status: 'paid' } : {}),
      }),
    async one(kind, id) {
      try {
        const { answer, asOf } = await ask(`${kind} ${id}`, (options) =>
          resources[kind](stripe).retrieve(id, {}, options),
        );
        return { items: [answer as FetchedObject], more: false, asOf };
      } catch (error) {
        if ((error as { code?: string }).code === 'stripe_not_found') return { items: [], more: false, asOf: 0 };
        throw error;
      }
    },
    sessions: (of) => list('the list of Checkout sessions', stripe.checkout.sessions as never, of),
    subscriptionsOf: (customer) =>
      list('the list of subscriptions', stripe.subscriptions as never, { customer, status: 'all' }),
    invoicesOf: (customer) => list('the list of invoices', stripe.invoices as never, { customer }),
    requests: share.requests,
  };
}

const kindOf = (list: Exclude<StripeList, 'event'>): FetchedKindName =>
  list === 'ended_subscription' ? 'subscription' : list;
