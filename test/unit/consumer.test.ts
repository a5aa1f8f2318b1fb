import { hasApiKey, isNewer, NewestPlans, type PlanEvent, readPlanEvent } from 'stripe-plan-events';

const event = (version: number, tier = 'PREMIUM') =>
  ({
    user_id: 'jenny',
    version,
    event_type: 'SUBSCRIPTION_UPDATED',
    plan: { tier },
    metadata: { version: 'v2' },
  }) as unknown as PlanEvent;

const bus = {
  version: '0',
  id: 'x',
  'detail-type': 'SUBSCRIPTION_UPDATED',
  source: 'huntaze.stripe',
  detail: event(7),
};

it.each([
  ['an event of the app bus', bus],
  ['the same as text', JSON.stringify(bus)],
  ['a record of a queue', { messageId: 'm', body: JSON.stringify(bus) }],
  ['the body that an API destination posts', JSON.stringify(event(7))],
  ['that body parsed', event(7)],
  ['a row of my_plan_events, with its version as text', { ...event(7), version: '7' }],
])('reads %s', (_what, message) => {
  expect(readPlanEvent(message)).toMatchObject({ user_id: 'jenny', version: 7, plan: { tier: 'PREMIUM' } });
});

it.each([
  ['nonsense', /wanted JSON, got a text of 8 characters/],
  [null, /user_id: wanted an id, got nothing; version: wanted a whole number above 0, got nothing/],
  [{ ...event(7), version: 0 }, /version: wanted a whole number above 0, got a number/],
  [{ ...event(7), plan: {} }, /plan: wanted the user's plan with its tier, got an object/],
  [{ ...event(7), metadata: { version: 'v1' } }, /metadata.version: wanted "v2", got a string/],
])('refuses %j, and shows none of it', (message, problem) => {
  expect(() => readPlanEvent(message)).toThrow(problem);
});

it('keeps the highest version of each user, in any order', () => {
  const plans = new NewestPlans();
  expect(
    [event(2, 'PREMIUM'), event(1, 'FREE'), event(2, 'PREMIUM'), event(3, 'PREMIUM_PLUS')].map((one) =>
      plans.take(one),
    ),
  ).toEqual([true, false, false, true]);
  expect(plans.of('jenny')?.plan.tier).toBe('PREMIUM_PLUS');
  expect(plans.of('somebody')).toBeUndefined();
  expect([isNewer(event(2), { version: 2 }), isNewer(event(2), null)]).toEqual([false, true]);
});

it('knows the key of the API destination', () => {
  expect(hasApiKey({ 'x-api-key': 'secret' }, 'secret')).toBe(true);
  expect(hasApiKey(new Headers({ 'X-Api-Key': 'secret' }), 'secret')).toBe(true);
  expect(hasApiKey({ 'x-api-key': 'other' }, 'secret')).toBe(false);
  // An app that forgot to set its key must not take whoever sends none.
  expect(hasApiKey({ 'x-api-key': '' }, '')).toBe(false);
  expect(hasApiKey({}, 'secret')).toBe(false);
});
