import type { Fact } from '../../core/stripe/facts/fact.ts';
import type { SubscriptionSnapshot } from '../../core/stripe/facts/subscription.ts';

/** A bug that a release had for a while: what it makes of a fact. */
export interface Misreading {
  name: string;
  misread(fact: object): object;
  /**
   * It confuses which of two things in one second is further along. A replay that brings the other one first needs a second pass: what is
   * held keeps it out until the misread event itself is read anew.
   */
  confusesRank?: true;
}

const ofSubscription = (
  name: string,
  patch: (snapshot: SubscriptionSnapshot) => Partial<SubscriptionSnapshot>,
): Misreading => ({
  name,
  misread(fact) {
    const read = fact as Fact;
    if (read.kind !== 'subscription' || read.snapshot === null) return fact;
    return { ...read, snapshot: { ...read.snapshot, ...patch(read.snapshot) } };
  },
});

export const misreadings: readonly Misreading[] = [
  ofSubscription('the catalogue lacks premium_plus', ({ plan_id }) =>
    plan_id === 'premium_plus' ? { plan_id: null, tier: null, grace_days: null } : {},
  ),
  ofSubscription('every price is taken for premium', () => ({ plan_id: 'premium', tier: 'PREMIUM', grace_days: 7 })),
  ofSubscription('the quantity is forgotten', ({ amount_minor, quantity }) => ({
    amount_minor: (amount_minor ?? 0) / quantity,
    quantity: 1,
  })),
  ofSubscription('past_due is taken for active', ({ status }) => (status === 'past_due' ? { status: 'active' } : {})),
  ofSubscription('metadata is not read', () => ({ metadata_user_id: null })),
  ofSubscription('trialing is taken for the end', ({ status }) =>
    status === 'trialing' ? { status: 'canceled' } : {},
  ),
  ofSubscription('active is taken for the end', ({ status }) => (status === 'active' ? { status: 'canceled' } : {})),
  {
    name: 'the catalogue lacks what is paid once',
    misread: (fact) => ({ ...fact, ...('purchase' in fact ? { purchase: null } : {}) }),
  },
  {
    name: 'every purchase is taken for one of a day',
    misread: (fact) => {
      const { purchase } = fact as { purchase?: object | null };
      return purchase
        ? { ...fact, purchase: { ...purchase, lasts_days: 1, plan_id: 'premium', tier: 'PREMIUM', tier_rank: 1 } }
        : fact;
    },
  },
  {
    name: 'nothing is seen of what is scheduled',
    misread: (fact) => ((fact as Fact).kind === 'schedule' ? { ...fact, next_change: null } : fact),
  },
  {
    name: 'amounts of payments and invoices are read as zero',
    misread: (fact) => ({
      ...fact,
      ...('amount_minor' in fact ? { amount_minor: 0 } : {}),
      ...('amount_due_minor' in fact ? { amount_due_minor: 0, amount_paid_minor: 0 } : {}),
    }),
  },
  {
    name: 'whatever is not settled is read as settled',
    confusesRank: true,
    misread: (fact) => {
      const read = fact as Fact;
      if (read.kind === 'payment' && read.status === 'requires_payment_method') return { ...read, status: 'succeeded' };
      if (read.kind === 'invoice' && read.status === 'open') return { ...read, status: 'paid', problem: null };
      if (read.kind === 'refund' && read.status === 'pending') return { ...read, status: 'failed' };
      if (read.kind === 'checkout' && read.status === 'unpaid') return { ...read, status: 'complete' };
      return read;
    },
  },
  {
    name: 'nobody is recognised',
    misread: (fact) => ({
      ...fact,
      ...('user_id' in fact ? { user_id: null } : {}),
      ...('metadata_user_id' in fact ? { metadata_user_id: null } : {}),
    }),
  },
];
