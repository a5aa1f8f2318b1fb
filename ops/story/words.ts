import type { NotifiedPlan, ToldSnapshot } from '../../adapters/postgres/story-store.ts';
import type { PlanState } from '../../core/plans/plan-event.generated.ts';
import { moment } from '../cli/formatting.ts';

/**
 * Why an event ended as it did, by the branch of the order rule or by why it was ignored. A test holds this list against the SQL that writes the
 * words. Codes of parked events are not in it: they are errors', and shown as they are.
 */
export const reasonWords: Readonly<Record<string, string>> = {
  first_sight: 'nothing was held before',
  own_event: 'what is held stems from this very event; it was read anew',
  later: 'nothing newer was held',
  ends: 'the subscription has ended, which is final',
  after_created: 'of the same second, and what was held was its beginning',
  after_deletion: 'of the second of the deletion, and tells more of it',
  same_second: 'another event of the same second was held, so Stripe was asked',
  question: 'Stripe was asked how the subscription is',
  mistaken_end: 'it contradicts the end that was held, so Stripe was asked',
  fetched_row: 'what was held was an answer of Stripe’s of the same second, so Stripe was asked again',
  newer_event_held: 'a newer event was held',
  no_such_second: 'what was held claimed a second of which no event tells: somebody edited it',
  ended: 'the subscription had ended, and nothing brings it back',
  ended_in_same_second: 'an update of the same second had ended it already',
  created_in_same_second: 'a later event of the same second was held',
  overtaken_answer: 'a newer answer of Stripe’s was held',
  further_along_held: 'of the same second, and what was held is further along',
  same_state: 'it says what was held already',
  known_event: 'this event was settled before',
  not_due: 'nothing had changed by then',
  no_plan_state: 'nothing that a plan is made of',
  connected_account: 'it is of a connected account',
  live_mode: 'it is of live mode, and this deployment takes test mode',
  test_mode: 'it is of test mode, and this deployment takes live mode',
};

/** `stale: a newer event was held (evt_2 of 2026-10-01 10:00:00 UTC)` */
export function endedAs({
  outcome,
  reason,
  held_event_id,
  held_as_of,
}: {
  outcome: string;
  reason: string | null;
  held_event_id: string | null;
  held_as_of: string | null;
}): string {
  const why = reason === null ? '' : `: ${reasonWords[reason] ?? reason}`;
  const held =
    held_as_of === null ? '' : ` (held: ${held_event_id ?? 'an answer of Stripe’s'} of ${moment(held_as_of)})`;
  return `${outcome}${why}${held}`;
}

/** `sub_1 active, plan premium, ends 2026-12-01 00:00:00 UTC` */
export function toldOf({
  subscription_id,
  status,
  plan_id,
  price_id,
  cancel_at,
  cancellation_reason,
}: ToldSnapshot): string {
  return [
    `${subscription_id} ${status}`,
    plan_id === null ? `price ${price_id ?? 'unknown'}, of no plan` : `plan ${plan_id}`,
    ...(cancel_at === null ? [] : [`ends ${moment(cancel_at)}`]),
    ...(cancellation_reason === null ? [] : [cancellation_reason.replaceAll('_', ' ')]),
  ].join(', ');
}

/** `PREMIUM (plan premium), active, entitled, changes to PREMIUM_PLUS (plan premium_plus) 2026-12-01 00:00:00 UTC` */
export const planOf = ({ tier, plan_id, status, entitled, plan_unknown, scheduled_change }: PlanState): string =>
  [
    plan_id === null ? tier : `${tier} (plan ${plan_id})`,
    status === 'none' ? 'no subscription' : status,
    ...(status === 'none' ? [] : [entitled ? 'entitled' : 'not entitled']),
    ...(plan_unknown ? ['price unknown'] : []),
    ...(scheduled_change ? [changeOf(scheduled_change)] : []),
  ].join(', ');

const changeOf = ({ at, tier, plan_id, price_id, quantity }: NonNullable<PlanState['scheduled_change']>): string => {
  const to = plan_id === null ? `the price ${price_id ?? 'of nothing'}` : `${tier} (plan ${plan_id})`;
  return `changes to ${to}${quantity === 1 ? '' : ` × ${quantity}`} ${moment(at)}`;
};

export const notifiedOf = ({ event_type, version, plan }: NotifiedPlan): string =>
  `${event_type}, version ${version}: ${planOf(plan)}`;
