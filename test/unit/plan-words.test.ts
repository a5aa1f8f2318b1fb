import { type Plan, planInWords } from '../../examples/app/plan-words.ts';

const now = new Date('2027-02-01T12:00:00Z');
const plan: Plan = {
  tier: 'PREMIUM_PLUS',
  status: 'active',
  quantity: 12,
  currency: 'eur',
  amount_minor: 58_800,
  billing_interval: 'month',
  interval_count: 1,
  current_period_end: '2027-03-01T00:00:00Z',
  trial_end: null,
  cancel_at: null,
  grace_ends_at: null,
  scheduled_change: null,
};

it.each([
  ['what is paid', {}, 'PREMIUM_PLUS, 12 seats, €588 a month'],
  [
    'what changes later',
    { scheduled_change: { at: '2027-03-01T00:00:00Z', tier: 'PREMIUM', plan_id: 'premium' } },
    'PREMIUM_PLUS, 12 seats, €588 a month, changes to PREMIUM on Mar 1, 2027',
  ],
  [
    'that it changes to something without a name',
    { scheduled_change: { at: '2027-02-04T00:00:00Z', tier: null, plan_id: null } },
    'PREMIUM_PLUS, 12 seats, €588 a month, changes on Thursday',
  ],
])('says %s', (_what, more, words) => {
  expect(planInWords({ ...plan, ...more }, now)).toBe(words);
});
