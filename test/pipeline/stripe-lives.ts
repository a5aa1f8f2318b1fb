import { StripeAccount } from '../../stripe-simulator/account.ts';

let accounts = 0;

/** A Stripe account whose ids no other test of this file uses. */
export const stripeAccount = (): StripeAccount => {
  accounts += 1;
  return new StripeAccount(`t${accounts}x`);
};

const DAY = 86_400;
const midnight = new Date().setUTCHours(0, 0, 0, 0) / 1000;

/** Unix seconds: so many days from today's midnight, and so many seconds. */
export const day = (offset: number, seconds = 0): number => midnight + offset * DAY + seconds;

export const iso = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString();
