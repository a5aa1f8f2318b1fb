import type Stripe from 'stripe';
import { pinnedApiVersion } from '../core/stripe/api-version.ts';
import { StripeCustomer } from './customer.ts';
import { inOldShape } from './old-shape.ts';

/** What Stripe's API lists, by the path it is listed under. */
export const collections = {
  customers: 'customer',
  subscriptions: 'subscription',
  subscription_schedules: 'subscription_schedule',
  'checkout/sessions': 'checkout.session',
  invoices: 'invoice',
  payment_intents: 'payment_intent',
  charges: 'charge',
  invoice_payments: 'invoice_payment',
  refunds: 'refund',
  disputes: 'dispute',
  prices: 'price',
} as const;
export type Collection = keyof typeof collections;

/** An object as the API answers it; what else it has depends on its kind. */
export interface StripeObject {
  id: string;
  created?: number;
}

/** A snapshot event, with the second it happened in. */
export interface AccountEvent extends StripeObject {
  type: string;
  created: number;
  [field: string]: unknown;
}

/** A map that knows whether it was changed since a list was sorted. */
export class ObjectMap<Item extends StripeObject = StripeObject> extends Map<string, Item> {
  version = 0;
  override set(id: string, object: Item): this {
    if (this.get(id) !== object) this.version += 1;
    return super.set(id, object);
  }
  override delete(id: string): boolean {
    this.version += 1;
    return super.delete(id);
  }
  override clear(): void {
    this.version += 1;
    super.clear();
  }
}

/**
 * A Stripe account as it lives at Stripe: what happens in it makes events, and what it holds in the end is the truth.
 *
 * Times are Unix seconds. Every object that an event was about is held, and answered by the server beside it.
 */
export class StripeAccount {
  /** In the order in which Stripe made them. */
  events: AccountEvent[] = [];
  readonly objects = Object.fromEntries(Object.keys(collections).map((name) => [name, new ObjectMap()])) as Record<
    Collection,
    ObjectMap
  >;
  /** Which invoice a PaymentIntent pays: since API 2025-03-31 neither of the two says so. */
  readonly invoiceOfIntent = new Map<string, string>();
  readonly #prefix: string;
  readonly #apiVersion: string;
  readonly #counts = new Map<string, number>();
  /** Not the length of the list: Stripe forgets events, and gives no id twice. */
  #emitted = 0;

  /**
   * @param prefix makes the ids of one account differ from another's in the same database
   * @param apiVersion of its events; before 2025-03-31 they have the older shape
   */
  constructor(prefix = '', apiVersion: string = pinnedApiVersion) {
    this.#prefix = prefix;
    this.#apiVersion = apiVersion;
  }

  get subscriptions(): ObjectMap<Stripe.Subscription> {
    return this.objects.subscriptions as ObjectMap<Stripe.Subscription>;
  }

  customer(name: string): StripeCustomer {
    return new StripeCustomer(this, `${this.#prefix}${name}`, name);
  }

  id(kind: string, owner: string): string {
    const count = (this.#counts.get(`${kind}${owner}`) ?? 0) + 1;
    this.#counts.set(`${kind}${owner}`, count);
    return `${kind}_${owner}${count === 1 && kind === 'cus' ? '' : count}`;
  }

  /** Holds an object that no event was about, or another's place. */
  put(object: object): void {
    const { id, object: kind } = object as { id: string; object: string };
    const found = Object.entries(collections).find(([, word]) => word === kind);
    if (found) this.objects[found[0] as Collection].set(id, object as StripeObject);
    const { invoice, payment } = object as { invoice?: string; payment?: { payment_intent?: string } };
    if (kind === 'invoice_payment' && payment?.payment_intent)
      this.invoiceOfIntent.set(payment.payment_intent, invoice!);
  }

  /** An event keeps the object as it was: what happens later must not change it. */
  emit(at: number, type: string, object: object, previous?: object): void {
    this.put(object);
    this.#emitted += 1;
    const number = String(this.#emitted).padStart(4, '0');
    const then = structuredClone({ object, ...(previous === undefined ? {} : { previous_attributes: previous }) });
    this.events.push({
      id: `evt_${this.#prefix}demo${number}`,
      object: 'event',
      api_version: this.#apiVersion,
      created: at,
      data: this.#apiVersion < '2025-03-31' ? { ...then, object: inOldShape(then.object, this) } : then,
      livemode: false,
      pending_webhooks: 1,
      request: { id: `req_demo${number}`, idempotency_key: null },
      type,
    });
  }
}
