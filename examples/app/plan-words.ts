/** A row of `my_plan`, as far as it is shown. */
export interface Plan {
  tier: string;
  status: string;
  quantity: number | null;
  currency: string | null;
  amount_minor: string | number | null;
  billing_interval: string | null;
  interval_count: number | null;
  current_period_end: Date | string | null;
  trial_end: Date | string | null;
  cancel_at: Date | string | null;
  grace_ends_at: Date | string | null;
  /** What changes later. */
  scheduled_change: { at: string; tier: string | null; plan_id: string | null } | null;
}

/** `PREMIUM_PLUS, 12 seats, €588 a month, changes to PREMIUM on Friday` */
export function planInWords(plan: Plan, now = new Date()): string {
  return [plan.tier, seats(plan), price(plan), ending(plan, now), change(plan, now)].filter(Boolean).join(', ');
}

const seats = ({ quantity }: Plan) => (quantity !== null && quantity > 1 ? `${quantity} seats` : '');

function price({ amount_minor, currency, billing_interval, interval_count }: Plan): string {
  if (amount_minor === null || currency === null) return '';
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, trailingZeroDisplay: 'stripIfInteger' });
  const amount = format.format(Number(amount_minor) / 10 ** format.resolvedOptions().maximumFractionDigits!);
  if (billing_interval === 'once') return `${amount} once`;
  const every = (interval_count ?? 1) > 1 ? `every ${interval_count} ${billing_interval}s` : `a ${billing_interval}`;
  return `${amount} ${every}`;
}

function ending({ status, trial_end, cancel_at, grace_ends_at }: Plan, now: Date): string {
  if (status === 'past_due' && grace_ends_at) return `pay until ${day(grace_ends_at, now)}`;
  if (cancel_at && !['cancelled', 'expired'].includes(status)) return `ends ${day(cancel_at, now)}`;
  if (status === 'trialing' && trial_end) return `trial ends ${day(trial_end, now)}`;
  return '';
}

function change({ scheduled_change: to }: Plan, now: Date): string {
  return to ? `changes${to.tier ? ` to ${to.tier}` : ''} on ${day(to.at, now)}` : '';
}

/** The weekday within a week, else the date. */
function day(time: Date | string, now: Date): string {
  const at = new Date(time);
  const soon = at.getTime() - now.getTime() < 6 * 86_400_000;
  return at.toLocaleDateString('en', { timeZone: 'UTC', ...(soon ? { weekday: 'long' } : { dateStyle: 'medium' }) });
}
