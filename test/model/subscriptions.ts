import { type Flap, type PaymentOutcome, priceIn } from './life.ts';
import type { Money } from './money.ts';
import { periodSeconds } from './periods.ts';
import { allPrices } from './price-list.ts';
import { Schedules } from './schedules.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { Subscription, SubscriptionStatus } from './stripe-objects.ts';

/** What becomes of a subscription once it is there, until its end. */
export class Subscriptions {
  readonly #account: StripeAccount;
  readonly #money: Money;
  readonly schedules: Schedules;

  constructor(account: StripeAccount, money: Money) {
    this.#account = account;
    this.#money = money;
    this.schedules = new Schedules(account);
  }

  update(it: Subscription, patch: Partial<Subscription>): void {
    const now = this.#account.get('subscription', it.id);
    const same = (Object.keys(patch) as (keyof Subscription)[]).every((key) => now[key] === patch[key]);
    if (!same) this.#account.change(it, patch, 'customer.subscription.updated');
  }

  changePrice(it: Subscription, nth: number): void {
    const price = priceIn(allPrices, nth, it.price.currency);
    const restarts = price.interval !== it.price.interval && it.status === 'active';
    const period = { periodStart: this.#account.now, periodEnd: this.#account.now + periodSeconds[price.interval] };
    this.update(it, restarts ? { price, ...period } : { price });
  }

  /** Several changes of mind within one second; each is an event of its own. */
  flap(it: Subscription, through: readonly Flap[]): void {
    for (const to of through) {
      if ('price' in to) this.update(it, { price: priceIn(allPrices, to.price, it.price.currency) });
      else if ('cancelAtPeriodEnd' in to) {
        this.update(it, { ...to, canceledAt: to.cancelAtPeriodEnd ? this.#account.now : null });
      } else this.update(it, to);
    }
  }

  keep(it: Subscription): void {
    if (it.cancelAtPeriodEnd) this.update(it, { cancelAtPeriodEnd: false, canceledAt: null });
  }

  pauseOrResume(it: Subscription, status: SubscriptionStatus, alsoTold: string, updatedFirst: boolean): void {
    const types = ['customer.subscription.updated', alsoTold];
    this.#account.change(it, { status }, ...(updatedFirst ? types : types.toReversed()));
  }

  renew(it: Subscription, outcome: PaymentOutcome): void {
    if (it.cancelAtPeriodEnd) return;
    const account = this.#account;
    account.waitUntil(it.periodEnd);
    const periodStart = it.periodEnd;
    this.#beginPeriod(it, periodStart, outcome);
  }

  trialEnds(it: Subscription, outcome: PaymentOutcome | 'no payment method'): void {
    const account = this.#account;
    account.waitUntil(it.trialEnd!);
    if (it.cancelAtPeriodEnd) this.cancel(it);
    else if (outcome === 'no payment method') this.pauseOrResume(it, 'paused', 'customer.subscription.paused', true);
    else this.#beginPeriod(it, it.trialEnd!, outcome);
  }

  /** A period begins with a draft invoice, which stands for an hour and is then finalized and charged. */
  #beginPeriod(it: Subscription, periodStart: number, outcome: PaymentOutcome): void {
    const now = this.#account.get('subscription', it.id);
    const { price, quantity } = this.schedules.due(it, periodStart) ?? now;
    const latestInvoice = this.#account.newId('in');
    const periodEnd = periodStart + periodSeconds[price.interval];
    // Whoever has not paid the last period yet stays past due, until a later invoice is paid.
    const status = now.status === 'past_due' ? 'past_due' : 'active';
    this.update(it, { status, price, quantity, periodStart, periodEnd, latestInvoice });
    this.schedules.carryOn(it, periodStart);
    const draft = this.#money.draft(it, latestInvoice, 'subscription_cycle', price.amount * quantity);
    this.#account.wait(3600);
    const invoice = this.#account.change(draft, { status: 'open' }, 'invoice.finalized');
    const intent = this.#money.intent(it.customer, invoice.amount, invoice.currency, invoice.id);
    if (outcome === 'paid') {
      this.#money.charge(intent, true);
      this.#money.paid(invoice);
      if (status === 'past_due') this.update(it, { status: 'active' });
    } else {
      this.#money.notPaid(intent, invoice, outcome);
      if (status === 'active') this.update(it, { status: 'past_due' });
    }
  }

  retry(it: Subscription, succeeds: boolean): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    if (invoice.status === 'paid' || invoice.status === 'void') return;
    const intent = this.#account.get('payment_intent', invoice.paymentIntent!);
    if (!succeeds) {
      this.#money.notPaid(intent, invoice, 'declined');
      return;
    }
    this.#money.charge(intent, true);
    this.#money.paid(invoice);
    this.update(it, { status: 'active' });
  }

  giveUp(it: Subscription, to: 'unpaid' | 'canceled' | 'uncollectible'): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    if (to === 'canceled') {
      this.cancel(it, 'subscription_schedule.aborted');
      if (invoice.status !== 'open') return;
      this.#account.change(invoice, { status: 'void' }, 'invoice.voided');
      this.#money.cancelIntent(invoice);
      return;
    }
    if (to === 'uncollectible' && invoice.status === 'open') {
      this.#account.change(invoice, { status: 'uncollectible' }, 'invoice.marked_uncollectible');
    }
    this.update(it, { status: 'unpaid' });
  }

  /** @param schedules what Stripe says of the schedule that ends with it: `aborted` when nobody paid */
  cancel(it: Subscription, schedules = 'subscription_schedule.canceled'): void {
    const { now } = this.#account;
    const canceledAt = this.#account.get('subscription', it.id).canceledAt ?? now;
    this.#account.change(it, { status: 'canceled', canceledAt, endedAt: now }, 'customer.subscription.deleted');
    this.schedules.end(it, 'canceled', schedules);
  }
}
