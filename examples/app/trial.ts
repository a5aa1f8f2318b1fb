/**
 * Prints what Stripe sends when somebody begins a trial of 12 seats, for those who have no Stripe account at hand: `node trial.ts <user id>`.
 * With one, `stripe listen` and `stripe trigger` do the same.
 */
const [user = '11111111-1111-4111-8111-111111111111'] = process.argv.slice(2);
const now = Math.floor(Date.now() / 1000);
const trialEnd = now + 3 * 86_400;
const id = user.slice(0, 8);

const item = {
  id: `si_${id}`,
  object: 'subscription_item',
  quantity: 12,
  current_period_start: now,
  current_period_end: trialEnd,
  price: {
    id: 'price_premium_plus_monthly_eur',
    object: 'price',
    lookup_key: null,
    currency: 'eur',
    unit_amount: 4900,
    recurring: { interval: 'month', interval_count: 1 },
  },
};

console.log(
  JSON.stringify({
    id: `evt_${id}${now}`,
    object: 'event',
    type: 'customer.subscription.created',
    created: now,
    livemode: false,
    api_version: '2026-10-28.endive',
    data: {
      object: {
        id: `sub_${id}`,
        object: 'subscription',
        customer: `cus_${id}`,
        status: 'trialing',
        currency: 'eur',
        start_date: now,
        created: now,
        trial_start: now,
        trial_end: trialEnd,
        cancel_at: null,
        cancel_at_period_end: false,
        canceled_at: null,
        ended_at: null,
        pause_collection: null,
        latest_invoice: null,
        metadata: { user_id: user },
        items: { object: 'list', data: [item] },
      },
    },
  }),
);
