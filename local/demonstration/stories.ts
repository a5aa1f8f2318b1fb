import type { StripeCustomer } from '../../stripe-simulator/customer.ts';
import {
  plusMonthly,
  plusYearly,
  premiumMonthly,
  premiumMonthlyUsd,
  premiumYearly,
} from '../../stripe-simulator/prices.ts';
import type { PlanStateRow } from '../backends/plan-states.ts';

/** A second, in unix time: so many days from today (UTC) at that time of day. A story told relative to today never grows stale. */
export type Day = (offset: number, time: string) => number;

export interface DemonstrationStory {
  name: string;
  /** What happens, in the past tense of the final table. */
  what: string;
  happen(customer: StripeCustomer, day: Day): void;
  /** Written by hand from what happens, never computed; times as unix seconds. */
  expected(
    day: Day,
  ): Pick<PlanStateRow, 'plan_id' | 'tier' | 'status' | 'entitled'> & { current_period_end: number; as_of: number };
}

/** Thirteen customers, from the easy to the odd. A period is thirty days, whatever the month. */
export const stories: DemonstrationStory[] = [
  {
    name: 'ada',
    what: 'signed up, paid three months',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-70, '09:12:00'), periodEnd: day(-40, '09:12:00') });
      customer.renew(subscription, { at: day(-40, '09:12:00'), periodEnd: day(-10, '09:12:00') });
      customer.renew(subscription, { at: day(-10, '09:12:00'), periodEnd: day(20, '09:12:00') });
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'PREMIUM',
      status: 'active',
      entitled: true,
      current_period_end: day(20, '09:12:00'),
      as_of: day(-10, '09:12:00'),
    }),
  },
  {
    name: 'ben',
    what: 'tried for two weeks, stayed',
    happen(customer, day) {
      const subscription = customer.startTrial({ at: day(-20, '18:00:00'), periodEnd: day(-6, '18:00:00') });
      customer.trialWillEnd(subscription, day(-9, '18:00:00'));
      customer.renew(subscription, { at: day(-6, '18:00:00'), periodEnd: day(24, '18:00:00') });
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'PREMIUM',
      status: 'active',
      entitled: true,
      current_period_end: day(24, '18:00:00'),
      as_of: day(-6, '18:00:00'),
    }),
  },
  {
    name: 'cho',
    what: 'is on trial, was reminded',
    happen(customer, day) {
      const subscription = customer.startTrial({
        at: day(-12, '07:30:00'),
        price: plusMonthly,
        periodEnd: day(2, '07:30:00'),
      });
      customer.trialWillEnd(subscription, day(-1, '07:30:00'));
    },
    expected: (day) => ({
      plan_id: 'premium_plus',
      tier: 'PREMIUM_PLUS',
      status: 'trialing',
      entitled: true,
      current_period_end: day(2, '07:30:00'),
      as_of: day(-1, '07:30:00'),
    }),
  },
  {
    name: 'dan',
    what: 'left during the trial',
    happen(customer, day) {
      const subscription = customer.startTrial({ at: day(-17, '12:00:00'), periodEnd: day(-3, '12:00:00') });
      customer.cancelAtPeriodEnd(subscription, day(-9, '20:15:00'));
      customer.end(subscription, day(-3, '12:00:00'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'FREE',
      status: 'cancelled',
      entitled: false,
      current_period_end: day(-3, '12:00:00'),
      as_of: day(-3, '12:00:00'),
    }),
  },
  {
    name: 'eve',
    what: 'cannot pay, is in the days of grace',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-32, '10:00:00'), periodEnd: day(-2, '10:00:00') });
      customer.renewalFails(subscription, { at: day(-2, '10:00:00'), periodEnd: day(28, '10:00:00') });
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'PREMIUM',
      status: 'past_due',
      entitled: true,
      current_period_end: day(28, '10:00:00'),
      // An hour after the period began the invoice is charged, a second later the bank says no.
      as_of: day(-2, '11:00:01'),
    }),
  },
  {
    name: 'fay',
    what: 'could not pay for three weeks, is suspended',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-55, '15:00:00'), periodEnd: day(-25, '15:00:00') });
      customer.renewalFails(subscription, { at: day(-25, '15:00:00'), periodEnd: day(5, '15:00:00') });
      customer.retryFails(day(-22, '15:00:00'));
      customer.retryFails(day(-17, '15:00:00'));
      customer.givenUp(subscription, day(-4, '15:00:00'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'FREE',
      status: 'suspended',
      entitled: false,
      current_period_end: day(5, '15:00:00'),
      as_of: day(-4, '15:00:00'),
    }),
  },
  {
    name: 'gus',
    what: 'could not pay, then did with another card',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-40, '08:00:00'), periodEnd: day(-10, '08:00:00') });
      customer.renewalFails(subscription, { at: day(-10, '08:00:00'), periodEnd: day(20, '08:00:00') });
      customer.retryFails(day(-7, '08:00:00'));
      customer.paysOpenInvoice(subscription, day(-6, '21:40:00'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'PREMIUM',
      status: 'active',
      entitled: true,
      current_period_end: day(20, '08:00:00'),
      as_of: day(-6, '21:40:02'),
    }),
  },
  {
    name: 'hal',
    what: 'upgraded in the middle of a month',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-21, '14:00:00'), periodEnd: day(9, '14:00:00') });
      customer.changePlan(subscription, { at: day(-8, '16:20:00'), price: plusMonthly, proratedMinor: 1700 });
    },
    expected: (day) => ({
      plan_id: 'premium_plus',
      tier: 'PREMIUM_PLUS',
      status: 'active',
      entitled: true,
      current_period_end: day(9, '14:00:00'),
      as_of: day(-8, '16:20:00'),
    }),
  },
  {
    name: 'ivy',
    what: 'upgraded, cancelled and stayed within one second',
    happen(customer, day) {
      const subscription = customer.signUp({ at: day(-15, '11:00:00'), periodEnd: day(15, '11:00:00') });
      // Three updates of one second, the third reverting the second: no order can be read from them, so Stripe is asked.
      customer.changePlan(subscription, { at: day(-5, '13:37:00'), price: plusMonthly, proratedMinor: 2000 });
      customer.cancelAtPeriodEnd(subscription, day(-5, '13:37:00'));
      customer.keepAfterAll(subscription, day(-5, '13:37:00'));
    },
    expected: (day) => ({
      plan_id: 'premium_plus',
      tier: 'PREMIUM_PLUS',
      status: 'active',
      entitled: true,
      current_period_end: day(15, '11:00:00'),
      as_of: day(-5, '13:37:00'),
    }),
  },
  {
    name: 'jon',
    what: 'never confirmed the first payment',
    happen(customer, day) {
      const subscription = customer.signUpUnconfirmed({ at: day(-4, '22:00:00'), periodEnd: day(26, '22:00:00') });
      customer.confirmationExpires(subscription, day(-3, '22:00:01'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'FREE',
      status: 'expired',
      entitled: false,
      current_period_end: day(26, '22:00:00'),
      as_of: day(-3, '22:00:01'),
    }),
  },
  {
    name: 'kim',
    what: 'has two subscriptions, the better one counts',
    happen(customer, day) {
      const first = customer.signUp({ at: day(-50, '06:00:00'), periodEnd: day(-20, '06:00:00') });
      customer.signUp({ at: day(-33, '06:30:00'), price: plusYearly, periodEnd: day(332, '06:30:00') });
      customer.cancelAtPeriodEnd(first, day(-33, '06:45:00'));
      customer.end(first, day(-20, '06:00:00'));
    },
    expected: (day) => ({
      plan_id: 'premium_plus',
      tier: 'PREMIUM_PLUS',
      status: 'active',
      entitled: true,
      current_period_end: day(332, '06:30:00'),
      // Paid two seconds after signing up.
      as_of: day(-33, '06:30:02'),
    }),
  },
  {
    name: 'lea',
    what: 'paid in dollars, disputed, was refunded, ended',
    happen(customer, day) {
      const subscription = customer.signUp({
        at: day(-45, '19:00:00'),
        price: premiumMonthlyUsd,
        periodEnd: day(-15, '19:00:00'),
      });
      customer.disputeLastCharge(day(-38, '03:00:00'), day(-19, '03:00:00'));
      customer.renew(subscription, { at: day(-15, '19:00:00'), periodEnd: day(15, '19:00:00') });
      customer.refundLastCharge(day(-14, '09:00:00'));
      customer.end(subscription, day(-14, '09:05:00'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'FREE',
      status: 'cancelled',
      entitled: false,
      current_period_end: day(15, '19:00:00'),
      as_of: day(-14, '09:05:00'),
    }),
  },
  {
    name: 'max',
    what: 'pays by the year; one unreadable update was parked',
    happen(customer, day) {
      const subscription = customer.signUp({
        at: day(-26, '17:00:00'),
        price: premiumMonthly,
        periodEnd: day(4, '17:00:00'),
      });
      customer.changePlan(subscription, { at: day(-11, '17:10:00'), price: premiumYearly, proratedMinor: 17_100 });
      customer.unreadableUpdate(subscription, day(-2, '17:00:00'));
    },
    expected: (day) => ({
      plan_id: 'premium',
      tier: 'PREMIUM',
      status: 'active',
      entitled: true,
      current_period_end: day(4, '17:00:00'),
      as_of: day(-11, '17:10:00'),
    }),
  },
];
