import { routedEventTypes } from '../../core/event-routes.ts';
import type { SubscriptionSnapshot } from '../../core/stripe/facts/subscription.ts';
import type { SubscriptionState } from '../model/expectations.ts';
import { reached } from '../model/reach.ts';

/** Routed types that the model of the proof does not emit: for each, why no history needs it. */
const notEmitted: Record<string, string> = {
  'charge.captured': 'the model captures at once; an authorisation captured later is held by test/database/views',
  'invoice.finalization_failed': "a tax or account setting gone wrong; nothing in a customer's life brings it about",
};

const { types } = reached();

it.each(routedEventTypes)(
  '%s is emitted by the model that the claims are proved with, or named with a reason',
  (type) => {
    if (types.has(type) || notEmitted[type] !== undefined) return;
    throw new Error(
      `${type} is routed, but no history of test/model emits it: all claims stay green without ever meeting one. ` +
        'Let an act of test/model/life.ts bring it about, or name it here with the reason (CONTRIBUTING.md, "An event type").',
    );
  },
);

it('excuses no type that the model emits or that nobody handles', () => {
  expect(
    Object.keys(notEmitted).filter((type) => types.has(type) || !(routedEventTypes as string[]).includes(type)),
  ).toEqual([]);
});

const withTheRow =
  'read from the same object and written with the same row as what is judged: test/unit/facts, test/database/columns';

/** Fields of a subscription that the judge does not compare. The compiler asks for a field more here, unless the model expects it. */
const notJudged: Record<Exclude<keyof SubscriptionSnapshot, keyof SubscriptionState | 'status'>, string> = {
  metadata_user_id: 'judged as user_id, which is made of it',
  lookup_key: withTheRow,
  monthly_minor: withTheRow,
  billing_interval: withTheRow,
  interval_count: withTheRow,
  features: withTheRow,
  tier_rank: withTheRow,
  grace_days: 'judged as grace_ends_at, which is made of it',
  current_period_start: withTheRow,
  trial_start: withTheRow,
  started_at: withTheRow,
  cancellation_reason: withTheRow,
  cancel_at: withTheRow,
  collection_paused: withTheRow,
};

it('says of each field of a subscription that is not judged why', () => {
  for (const [field, why] of Object.entries(notJudged)) expect([field, why.length > 20]).toEqual([field, true]);
});
