import type Stripe from 'stripe';
import { type AccountEvent, StripeAccount } from '../../../stripe-simulator/account.ts';
import type { StripeCustomer } from '../../../stripe-simulator/customer.ts';
import { subscriptionItem } from '../../../stripe-simulator/objects/subscription.ts';
import {
  plusMonthly,
  premiumMonthly,
  premiumMonthlyUsd,
  premiumYearly,
  type SoldPrice,
} from '../../../stripe-simulator/prices.ts';

const DAY = 86_400;
/** Stripe lists events for so long. */
const LISTED = 30 * DAY;

/** A price from years ago that config/plans.yaml does not have. */
export const forgottenPrice: SoldPrice = { ...premiumMonthly, id: 'price_2019', lookupKey: null, amountMinor: 900 };

/** What became of a customer so far, by the remainder of their number; whoever is in no line pays month by month. */
const lives = {
  left: 0,
  linkedByCustomer: 1,
  linkedBySubscription: 2,
  nobodys: 3,
  onTrial: 4,
  pastDue: 5,
  unpaid: 6,
  recovered: 7,
  upgraded: 8,
  leaving: 9,
  refunded: 10,
  disputed: 11,
  neverConfirmed: 12,
  atForgottenPrice: 13,
  willForgetPrice: 14,
  hasTwo: 15,
  switching: 16,
} as const;
const LIVES = 20;

export interface Member {
  number: number;
  life: number;
  customer: StripeCustomer;
  subscriptions: Stripe.Subscription[];
  /** The customer was deleted at Stripe. */
  gone: boolean;
}

/**
 * A SaaS that lived at Stripe for two years before it met us: subscribers of every kind, in numbers. The same size makes the same account.
 *
 * Its objects are the truth that rows are held against (expected.ts); its events are Stripe's, of thirty days.
 */
export class Saas {
  readonly account = new StripeAccount();
  readonly members: Member[] = [];

  /** @param until how far its life is told, in Unix seconds */
  constructor(size: number, until: number) {
    for (let number = 0; number < size; number += 1) {
      this.members.push(this.#begin(number, until));
      // Two years of events would fill the memory.
      if (number % 1000 === 999) this.forget(until);
    }
    this.forget(until);
  }

  /** Stripe forgets events, not objects. */
  forget(now: number): void {
    this.account.events = this.account.events.filter(({ created }) => created > now - LISTED);
  }

  objects(): number {
    return Object.values(this.account.objects).reduce((sum, map) => sum + map.size, 0);
  }

  #begin(number: number, until: number): Member {
    const life = number % LIVES;
    const customer = this.account.customer(`c${String(number).padStart(6, '0')}`);
    const at = until - (31 + ((number * 7919) % 690)) * DAY + ((number * 31) % DAY);
    const price =
      life === lives.atForgottenPrice
        ? forgottenPrice
        : [premiumMonthly, plusMonthly, premiumMonthlyUsd, premiumYearly][Math.floor(number / LIVES) % 4]!;
    const started = until - ((number * 7907) % (15 * DAY)) - DAY;
    const month = { at: started, periodEnd: started + 30 * DAY };
    const member: Member = { number, life, customer, subscriptions: [], gone: false };
    if (life === lives.onTrial) {
      member.subscriptions.push(customer.startTrial({ ...month, price }));
      return member;
    }
    if (life === lives.neverConfirmed) {
      const subscription = customer.signUpUnconfirmed({ ...month, price });
      customer.confirmationExpires(subscription, month.at + 23 * 3600);
      member.subscriptions.push(subscription);
      return member;
    }
    const subscription = customer.signUp({ at, price, periodEnd: started });
    member.subscriptions.push(subscription);
    if (life === lives.pastDue || life === lives.unpaid || life === lives.recovered) {
      customer.renewalFails(subscription, month);
      if (life === lives.unpaid) customer.givenUp(subscription, started + 7200);
      if (life === lives.recovered) customer.paysOpenInvoice(subscription, started + 7200);
    } else customer.renew(subscription, month);
    if (life === lives.left) customer.end(subscription, started + 7200);
    if (life === lives.upgraded && price === premiumMonthly)
      customer.changePlan(subscription, { at: started + 7200, price: plusMonthly, proratedMinor: 1500 });
    if (life === lives.leaving) customer.cancelAtPeriodEnd(subscription, started + 7200);
    if (life === lives.switching)
      customer.scheduleChange(subscription, {
        at: started + 7200,
        price: price === plusMonthly ? premiumMonthly : plusMonthly,
      });
    if (life === lives.refunded) customer.refundLastCharge(started + 7200);
    if (life === lives.disputed) customer.disputeLastCharge(started + 7200, started + 9000);
    if (life === lives.hasTwo)
      member.subscriptions.push(
        customer.signUp({ at: started + 3700, price: plusMonthly, periodEnd: started + 40 * DAY }),
      );
    this.#linkOtherwise(member);
    return member;
  }

  /** Some are known by metadata instead of their Checkout session, some by nothing. */
  #linkOtherwise({ life, number, customer, subscriptions }: Member): void {
    const alone = life === lives.nobodys && number % (3 * LIVES) === lives.nobodys;
    if (life !== lives.linkedByCustomer && life !== lives.linkedBySubscription && !alone) return;
    this.account.objects['checkout/sessions'].delete(`cs_test_${customer.customer.id.slice(4)}1`);
    if (life === lives.linkedByCustomer) customer.customer.metadata = { user_id: customer.userId };
    if (life === lives.linkedBySubscription) subscriptions[0]!.metadata = { user_id: customer.userId };
  }

  /**
   * What happens to subscribers in ten days: a third renews, of these some leave, upgrade, are refunded, disputed or deleted; some sign up.
   * @returns its events, in Stripe's order
   */
  tenDays(from: number): AccountEvent[] {
    const before = this.account.events.length;
    for (const member of [...this.members]) {
      const { number, life, customer, subscriptions } = member;
      const [subscription] = subscriptions as [Stripe.Subscription];
      if (number % 3 !== 1 || subscription.status !== 'active') continue;
      const at = from + 3600 + ((number * 7901) % (8 * DAY));
      customer.renew(subscription, { at, periodEnd: at + 30 * DAY });
      switch (Math.floor(number / 3) % 8) {
        case 0:
          customer.cancelAtPeriodEnd(subscription, at + 7200);
          break;
        case 1:
          customer.refundLastCharge(at + 7200);
          break;
        case 2:
          customer.disputeLastCharge(at + 7200, at + 9000);
          break;
        case 3:
          customer.end(subscription, at + 7200);
          if (number % 2 === 0) this.#delete(member, at + 9000);
          break;
        case 4:
          customer.renewalFails(subscription, { at: at + 7200, periodEnd: at + 31 * DAY });
          break;
      }
      if (life === lives.willForgetPrice) this.#move(member, forgottenPrice, at + 10_000);
    }
    for (let n = 0; n < this.members.length / 50; n += 1) {
      const customer = this.account.customer(`n${String(n).padStart(6, '0')}`);
      const at = from + 7200 + ((n * 7877) % (8 * DAY));
      const subscriptions = [customer.signUp({ at, price: premiumMonthly, periodEnd: at + 30 * DAY })];
      this.members.push({ number: this.members.length, life: LIVES - 1, customer, subscriptions, gone: false });
    }
    return this.account.events.slice(before).sort((one, other) => one.created - other.created);
  }

  /** Any running subscription changes in any way; returns what Stripe sends of it. */
  change(turn: number, at: number): AccountEvent[] {
    const { customer, subscriptions, gone } = this.members[(turn * 31) % this.members.length]!;
    const [subscription] = subscriptions as [Stripe.Subscription];
    if (gone || ['canceled', 'incomplete_expired'].includes(subscription.status)) return [];
    if (!this.account.subscriptions.has(subscription.id)) return [];
    const before = this.account.events.length;
    if (subscription.cancel_at_period_end) customer.keepAfterAll(subscription, at);
    else customer.cancelAtPeriodEnd(subscription, at);
    return this.account.events.slice(before);
  }

  /** Changes that Stripe sends no event of any more, or never did. @returns how many */
  changeSilently(at: number): number {
    const before = this.account.events.length;
    let count = 0;
    for (const { number, customer, subscriptions, gone } of this.members) {
      const [subscription] = subscriptions as [Stripe.Subscription];
      const change = number % 40;
      if (gone || change < 16 || change > 19 || subscription.status !== 'active') continue;
      count += 1;
      if (change === 16 && number % 200 === 16) this.account.subscriptions.delete(subscription.id);
      else if (change === 16) customer.end(subscription, at);
      else if (change === 17) customer.customer.metadata = { user_id: `${customer.userId}_moved` };
      else if (change === 18) customer.refundLastCharge(at);
      else if (change === 19) customer.renewalFails(subscription, { at: at - 3600, periodEnd: at + 30 * DAY });
    }
    this.account.events.splice(before);
    return count;
  }

  #delete(member: Member, at: number): void {
    const { customer } = member.customer;
    this.account.emit(at, 'customer.deleted', customer);
    this.account.put({ id: customer.id, object: 'customer', deleted: true, created: customer.created });
    member.gone = true;
  }

  #move({ customer, subscriptions: [subscription] }: Member, price: SoldPrice, at: number): void {
    // For expected.ts: whoever had a plan keeps it at a price that nobody knows.
    subscription!.metadata.price_before = subscription!.items.data[0]!.price.id;
    const { id, current_period_start: start, current_period_end: end } = subscription!.items.data[0]!;
    const items = structuredClone(subscription!.items);
    items.data = [subscriptionItem(id, subscription!.id, price, subscription!.created, start, end)];
    customer.update(subscription!, at, { items });
  }
}
