import type { SubscriptionStatus } from './stripe-objects.ts';

export const day = 86_400;
export const periodSeconds = { month: 30 * day, year: 365 * day, once: 0 } as const;
/** What Stripe never takes back. */
export const ended: readonly SubscriptionStatus[] = ['canceled', 'incomplete_expired'];
