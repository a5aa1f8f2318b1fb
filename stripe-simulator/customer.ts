import type Stripe from 'stripe';
import { invoiceObject, invoicePaymentObject } from './objects/invoice.ts';
import {
  chargeObject,
  disputeObject,
  paymentIntentObject,
  paymentMethodObject,
  refundObject,
} from './objects/payment.ts';
import {
  checkoutSessionObject,
  customerObject,
  schedulePhase,
  subscriptionItem,
  subscriptionObject,
  subscriptionScheduleObject,
} from './objects/subscription.ts';
import { premiumMonthly, type SoldPrice } from './prices.ts';

/** What a customer needs of the account they are in. */
interface Account {
  id(kind: string, owner: string): string;
  put(object: object): void;
  emit(at: number, type: string, object: object, previous?: object): void;
}

interface SignUp {
  at: number;
  price?: SoldPrice;
  periodEnd: number;
}

/**
 * One customer of an account, and all that can happen to them.
 *
 * Each verb says which events Stripe sends for it, in Stripe's order. Long, because the verbs share the customer's objects, which name each other.
 */
export class StripeCustomer {
  readonly userId: string;
  readonly customer: Stripe.Customer;
  readonly #account: Account;
  readonly #owner: string;
  #paymentMethod = '';
  #lastCharge: Stripe.Charge | undefined;
  /** The invoice that a failed payment left open. */
  #openInvoice: { invoice: Stripe.Invoice; intent: Stripe.PaymentIntent } | undefined;

  /** What changes later, by subscription, and to which price. */
  readonly #scheduled = new Map<string, { schedule: Stripe.SubscriptionSchedule; price: SoldPrice }>();

  constructor(account: Account, owner: string, name: string) {
    this.#account = account;
    this.#owner = owner;
    this.userId = `user_${owner}`;
    this.customer = customerObject(this.#id('cus'), name, 0);
  }

  /** Through Checkout, paid at once: some fifteen events within three seconds. */
  signUp({ at, price = premiumMonthly, periodEnd }: SignUp): Stripe.Subscription {
    this.#arrive(at);
    const subscription = this.#subscription({ at: at + 1, status: 'incomplete', price, periodEnd, trialEnd: null });
    const { invoice, intent } = this.#bill(subscription, {
      at: at + 1,
      price,
      reason: 'subscription_create',
      periodEnd,
    });
    subscription.latest_invoice = invoice.id!;
    this.#emit(at + 1, 'customer.subscription.created', subscription);
    this.#invoiceFinalized(invoice, at + 1);
    this.#emit(at + 1, 'payment_intent.created', intent);
    this.#paid(invoice, intent, at + 2);
    this.#change(subscription, at + 2, { status: 'active', default_payment_method: this.#paymentMethod });
    this.#checkoutCompleted(subscription, at + 3, price, price.amountMinor);
    return subscription;
  }

  /** Through Checkout, nothing to pay until the trial ends. */
  startTrial({ at, price = premiumMonthly, periodEnd }: SignUp): Stripe.Subscription {
    this.#arrive(at);
    this.#emit(at + 1, 'setup_intent.created', this.#setupIntent(at, 'requires_confirmation'));
    this.#emit(at + 1, 'setup_intent.succeeded', this.#setupIntent(at, 'succeeded'));
    const subscription = this.#subscription({ at: at + 1, status: 'trialing', price, periodEnd, trialEnd: periodEnd });
    const { invoice } = this.#bill(subscription, {
      at: at + 1,
      price,
      reason: 'subscription_create',
      periodEnd,
      amountMinor: 0,
    });
    subscription.latest_invoice = invoice.id!;
    this.#emit(at + 1, 'customer.subscription.created', subscription);
    this.#invoiceFinalized(invoice, at + 1);
    this.#invoicePaid(invoice, at + 1);
    this.#checkoutCompleted(subscription, at + 2, price, 0);
    return subscription;
  }

  /** The bank asks for a confirmation that never comes. */
  signUpUnconfirmed({ at, price = premiumMonthly, periodEnd }: SignUp): Stripe.Subscription {
    this.#arrive(at);
    const subscription = this.#subscription({ at: at + 1, status: 'incomplete', price, periodEnd, trialEnd: null });
    // Made by the app itself, not by Checkout: the user's id travels in the metadata.
    subscription.metadata = { user_id: this.userId };
    const { invoice, intent } = this.#bill(subscription, {
      at: at + 1,
      price,
      reason: 'subscription_create',
      periodEnd,
    });
    subscription.latest_invoice = invoice.id!;
    this.#emit(at + 1, 'customer.subscription.created', subscription);
    this.#invoiceFinalized(invoice, at + 1);
    Object.assign(intent, { status: 'requires_action' });
    this.#emit(at + 1, 'payment_intent.created', intent);
    this.#emit(at + 2, 'payment_intent.requires_action', intent);
    this.#emit(at + 2, 'invoice.payment_action_required', invoice);
    this.#openInvoice = { invoice, intent };
    return subscription;
  }

  confirmationExpires(subscription: Stripe.Subscription, at: number): void {
    const { invoice, intent } = this.#takeOpenInvoice();
    Object.assign(intent, { status: 'canceled', canceled_at: at, cancellation_reason: 'void_invoice' });
    this.#emit(at, 'payment_intent.canceled', intent);
    Object.assign(invoice, { status: 'void', auto_advance: false });
    invoice.status_transitions.voided_at = at;
    this.#emit(at, 'invoice.voided', invoice);
    this.#change(subscription, at, { status: 'incomplete_expired', ended_at: at });
  }

  trialWillEnd(subscription: Stripe.Subscription, at: number): void {
    this.#emit(at, 'customer.subscription.trial_will_end', subscription);
  }

  /** A new period begins, and is paid; the end of a trial is the same. */
  renew(subscription: Stripe.Subscription, { at, periodEnd }: { at: number; periodEnd: number }): void {
    const scheduled = this.#scheduled.get(subscription.id);
    const price = scheduled?.price ?? this.#priceOf(subscription);
    const { invoice, intent } = this.#beginPeriod(subscription, at, periodEnd, price, 'active');
    if (scheduled) this.#changeHappens(subscription, scheduled.schedule, at);
    this.#invoiceFinalized(invoice, at + 3600);
    this.#emit(at + 3600, 'payment_intent.created', intent);
    this.#paid(invoice, intent, at + 3601);
  }

  /** A new period begins, and its first payment fails. */
  renewalFails(subscription: Stripe.Subscription, { at, periodEnd }: { at: number; periodEnd: number }): void {
    const price = this.#priceOf(subscription);
    const { invoice, intent } = this.#beginPeriod(subscription, at, periodEnd, price, 'active');
    this.#invoiceFinalized(invoice, at + 3600);
    this.#emit(at + 3600, 'payment_intent.created', intent);
    this.#openInvoice = { invoice, intent };
    this.#declined(at + 3601);
    this.#change(subscription, at + 3601, { status: 'past_due' });
  }

  retryFails(at: number): void {
    this.#declined(at);
  }

  /** The last retry failed; the account is set to leave the subscription unpaid. */
  givenUp(subscription: Stripe.Subscription, at: number): void {
    this.#declined(at);
    this.#openInvoice = undefined;
    this.#change(subscription, at, { status: 'unpaid' });
  }

  /** Another card, and the open invoice is paid. */
  paysOpenInvoice(subscription: Stripe.Subscription, at: number): void {
    this.#attachPaymentMethod(at);
    const { invoice, intent } = this.#takeOpenInvoice();
    this.#paid(invoice, intent, at + 2);
    this.#change(subscription, at + 2, { status: 'active', default_payment_method: this.#paymentMethod });
  }

  /** In the middle of a period, with a prorated invoice that is paid at once. */
  changePlan(
    subscription: Stripe.Subscription,
    { at, price, proratedMinor }: { at: number; price: SoldPrice; proratedMinor: number },
  ): void {
    const { current_period_end: periodEnd, current_period_start: start, id } = subscription.items.data[0]!;
    const { invoice, intent } = this.#bill(subscription, {
      at,
      price,
      reason: 'subscription_update',
      periodEnd,
      amountMinor: proratedMinor,
    });
    const items = structuredClone(subscription.items);
    items.data = [subscriptionItem(id, subscription.id, price, subscription.created, start, periodEnd)];
    this.#change(subscription, at, { items, latest_invoice: invoice.id! });
    this.#invoiceFinalized(invoice, at);
    this.#emit(at, 'payment_intent.created', intent);
    this.#paid(invoice, intent, at + 1);
  }

  /** Any change that the customer or support makes, without money. */
  update(subscription: Stripe.Subscription, at: number, changes: Partial<Stripe.Subscription>): void {
    this.#change(subscription, at, changes);
  }

  /** In the customer portal, to another price with the next period: a schedule is made of the subscription, and told what comes next. */
  scheduleChange(subscription: Stripe.Subscription, { at, price }: { at: number; price: SoldPrice }): void {
    const { current_period_start: start, current_period_end: end } = subscription.items.data[0]!;
    const now = { start, end, price: this.#priceOf(subscription), quantity: 1 };
    const schedule = subscriptionScheduleObject({
      id: this.#id('sub_sched'),
      customer: this.customer.id,
      subscription: subscription.id,
      created: at,
      phases: [now],
    });
    this.#scheduled.set(subscription.id, { schedule, price });
    this.#emit(at, 'subscription_schedule.created', schedule);
    this.#change(subscription, at, { schedule: schedule.id });
    const before = { phases: structuredClone(schedule.phases) };
    schedule.phases = [now, { start: end, end: 2 * end - start, price, quantity: 1 }].map(schedulePhase);
    this.#emit(at, 'subscription_schedule.updated', schedule, before);
  }

  callOffChange(subscription: Stripe.Subscription, at: number): void {
    const { schedule } = this.#scheduled.get(subscription.id)!;
    this.#endSchedule(subscription, schedule, at, 'released');
    this.#change(subscription, at, { schedule: null });
  }

  #changeHappens(subscription: Stripe.Subscription, schedule: Stripe.SubscriptionSchedule, at: number): void {
    const { start_date, end_date } = schedule.phases[1]!;
    const before = { current_phase: schedule.current_phase };
    schedule.current_phase = { start_date, end_date };
    this.#emit(at, 'subscription_schedule.updated', schedule, before);
    this.#endSchedule(subscription, schedule, at, 'released');
  }

  #endSchedule(
    { id }: Stripe.Subscription,
    schedule: Stripe.SubscriptionSchedule,
    at: number,
    status: 'released' | 'canceled',
  ): void {
    this.#scheduled.delete(id);
    Object.assign(schedule, { status, current_phase: null, [`${status}_at`]: at });
    if (status === 'released') Object.assign(schedule, { subscription: null, released_subscription: id });
    this.#emit(at, `subscription_schedule.${status}`, schedule);
  }

  cancelAtPeriodEnd(subscription: Stripe.Subscription, at: number): void {
    this.#change(subscription, at, {
      cancel_at_period_end: true,
      cancel_at: subscription.items.data[0]!.current_period_end,
      canceled_at: at,
      cancellation_details: {
        comment: null,
        feedback: 'too_expensive',
        feedback_option: null,
        reason: 'cancellation_requested',
      },
    });
  }

  keepAfterAll(subscription: Stripe.Subscription, at: number): void {
    this.#change(subscription, at, {
      cancel_at_period_end: false,
      cancel_at: null,
      canceled_at: null,
      cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    });
  }

  /** What Stripe never sends: an update without the items that tell the price. */
  unreadableUpdate(subscription: Stripe.Subscription, at: number): void {
    const { items: _lost, ...rest } = subscription;
    this.#emit(at, 'customer.subscription.updated', rest, { items: null });
  }

  end(subscription: Stripe.Subscription, at: number): void {
    Object.assign(subscription, { status: 'canceled', ended_at: at, canceled_at: subscription.canceled_at ?? at });
    this.#emit(at, 'customer.subscription.deleted', subscription);
    const scheduled = this.#scheduled.get(subscription.id);
    if (scheduled) this.#endSchedule(subscription, scheduled.schedule, at, 'canceled');
  }

  refundLastCharge(at: number): void {
    const charge = this.#lastCharge!;
    const refund = refundObject(this.#id('re'), charge, at);
    this.#emit(at, 'refund.created', refund);
    const previous = { amount_refunded: 0, refunded: false };
    Object.assign(charge, { amount_refunded: charge.amount, refunded: true });
    this.#emit(at, 'charge.refunded', charge, previous);
    this.#emit(at + 2, 'refund.updated', refund);
  }

  disputeLastCharge(at: number, lostAt: number): void {
    const charge = this.#lastCharge!;
    const id = this.#id('dp');
    this.#emit(at, 'charge.dispute.created', disputeObject(id, charge, 'needs_response', at));
    this.#emit(at + 1, 'charge.dispute.funds_withdrawn', disputeObject(id, charge, 'needs_response', at));
    this.#emit(lostAt, 'charge.dispute.closed', disputeObject(id, charge, 'lost', at));
  }

  #arrive(at: number): void {
    if (this.customer.created === 0) {
      this.customer.created = at;
      this.#emit(at, 'customer.created', this.customer);
    }
    this.#attachPaymentMethod(at);
  }

  #attachPaymentMethod(at: number): void {
    this.#paymentMethod = this.#id('pm');
    this.#emit(at + 1, 'payment_method.attached', paymentMethodObject(this.#paymentMethod, this.customer.id, at));
    const previous = { invoice_settings: structuredClone(this.customer.invoice_settings) };
    this.customer.invoice_settings.default_payment_method = this.#paymentMethod;
    this.#emit(at + 1, 'customer.updated', this.customer, previous);
  }

  #subscription(options: {
    at: number;
    status: Stripe.Subscription.Status;
    price: SoldPrice;
    periodEnd: number;
    trialEnd: number | null;
  }): Stripe.Subscription {
    const id = this.#id('sub');
    const subscription = subscriptionObject({
      ...options,
      id,
      itemId: `si_${id.slice(4)}`,
      customer: this.customer.id,
      created: options.at,
      latestInvoice: null,
    });
    this.#account.put(subscription);
    return subscription;
  }

  #bill(
    subscription: Stripe.Subscription,
    {
      at,
      price,
      reason,
      periodEnd,
      amountMinor = price.amountMinor,
    }: { at: number; price: SoldPrice; reason: Stripe.Invoice.BillingReason; periodEnd: number; amountMinor?: number },
  ): { invoice: Stripe.Invoice; intent: Stripe.PaymentIntent } {
    const id = this.#id('in');
    const number = `${this.#owner.toUpperCase()}-${id.slice(-1).padStart(4, '0')}`;
    const invoice = invoiceObject({
      id,
      number,
      customer: this.customer.id,
      subscription: subscription.id,
      price,
      amountMinor,
      reason,
      created: at,
      periodStart: at,
      periodEnd,
    });
    this.#emit(at, 'invoice.created', invoice);
    const intent = paymentIntentObject({
      id: this.#id('pi'),
      customer: this.customer.id,
      currency: price.currency,
      amountMinor,
      created: at,
      paymentMethod: this.#paymentMethod,
    });
    return { invoice, intent };
  }

  #beginPeriod(
    subscription: Stripe.Subscription,
    at: number,
    periodEnd: number,
    price: SoldPrice,
    status: Stripe.Subscription.Status,
  ) {
    const billed = this.#bill(subscription, { at, price, reason: 'subscription_cycle', periodEnd });
    const items = structuredClone(subscription.items);
    const { id, created } = items.data[0]!;
    items.data = [subscriptionItem(id, subscription.id, price, created, at, periodEnd)];
    this.#change(subscription, at, { items, latest_invoice: billed.invoice.id!, status });
    return billed;
  }

  #invoiceFinalized(invoice: Stripe.Invoice, at: number): void {
    Object.assign(invoice, { status: 'open', effective_at: at, automatically_finalizes_at: null });
    invoice.status_transitions.finalized_at = at;
    this.#emit(at, 'invoice.finalized', invoice);
  }

  #paid(invoice: Stripe.Invoice, intent: Stripe.PaymentIntent, at: number): void {
    const charge = chargeObject({
      id: this.#id('ch'),
      intent: { ...intent, payment_method: this.#paymentMethod },
      created: at,
      failure: null,
    });
    this.#lastCharge = charge;
    this.#emit(at, 'charge.succeeded', charge);
    Object.assign(intent, {
      status: 'succeeded',
      amount_received: intent.amount,
      latest_charge: charge.id,
      last_payment_error: null,
      payment_method: this.#paymentMethod,
    });
    this.#emit(at, 'payment_intent.succeeded', intent);
    Object.assign(invoice, { attempted: true, attempt_count: invoice.attempt_count + 1 });
    this.#invoicePaid(invoice, at);
    this.#emit(at, 'invoice_payment.paid', invoicePaymentObject(this.#id('inpay'), invoice, intent.id, at));
  }

  #invoicePaid(invoice: Stripe.Invoice, at: number): void {
    Object.assign(invoice, {
      status: 'paid',
      amount_paid: invoice.amount_due,
      amount_remaining: 0,
      next_payment_attempt: null,
    });
    invoice.status_transitions.paid_at = at;
    this.#emit(at, 'invoice.paid', invoice);
    this.#emit(at, 'invoice.payment_succeeded', invoice);
  }

  #declined(at: number): void {
    const { invoice, intent } = this.#openInvoice!;
    const charge = chargeObject({ id: this.#id('ch'), intent, created: at, failure: 'card_declined' });
    this.#emit(at, 'charge.failed', charge);
    Object.assign(intent, {
      status: 'requires_payment_method',
      latest_charge: charge.id,
      last_payment_error: { code: 'card_declined', decline_code: 'generic_decline', type: 'card_error' },
    });
    this.#emit(at, 'payment_intent.payment_failed', intent);
    Object.assign(invoice, {
      attempted: true,
      attempt_count: invoice.attempt_count + 1,
      next_payment_attempt: at + 3 * 86_400,
    });
    this.#emit(at, 'invoice.payment_failed', invoice);
    this.#emit(at, 'invoice.updated', invoice, { attempt_count: invoice.attempt_count - 1 });
  }

  #takeOpenInvoice(): { invoice: Stripe.Invoice; intent: Stripe.PaymentIntent } {
    const open = this.#openInvoice!;
    this.#openInvoice = undefined;
    return open;
  }

  #checkoutCompleted(subscription: Stripe.Subscription, at: number, price: SoldPrice, amountMinor: number): void {
    const id = this.#id('cs_test');
    this.#emit(
      at,
      'checkout.session.completed',
      checkoutSessionObject({
        id,
        customer: this.customer.id,
        subscription: subscription.id,
        invoice: subscription.latest_invoice as string,
        userId: this.userId,
        price,
        amountMinor,
        created: at - 60,
      }),
    );
  }

  #setupIntent(created: number, status: string): object {
    return {
      id: `seti_${this.#owner}1`,
      object: 'setup_intent',
      created,
      customer: this.customer.id,
      livemode: false,
      metadata: {},
      payment_method: this.#paymentMethod,
      status,
      usage: 'off_session',
    };
  }

  #priceOf(subscription: Stripe.Subscription): SoldPrice {
    const { id, lookup_key, currency, unit_amount, recurring, product } = subscription.items.data[0]!.price;
    return {
      id,
      lookupKey: lookup_key!,
      currency,
      amountMinor: unit_amount!,
      interval: recurring!.interval as 'month' | 'year',
      product: product as string,
    };
  }

  #change(subscription: Stripe.Subscription, at: number, changes: Partial<Stripe.Subscription>): void {
    const before = Object.fromEntries(
      Object.keys(changes).map((key) => [key, structuredClone(subscription[key as keyof Stripe.Subscription])]),
    );
    Object.assign(subscription, changes);
    this.#emit(at, 'customer.subscription.updated', subscription, before);
  }

  #emit(at: number, type: string, object: object, previous?: object): void {
    this.#account.emit(at, type, object, previous);
  }

  #id(kind: string): string {
    return this.#account.id(kind, this.#owner);
  }
}
