import type { BackfillState } from '../../pipeline/backfill/backfill.ts';
import { type Formatting, moment } from '../cli/formatting.ts';
import { type BackfillPlan, unlinked } from './backfill.ts';

/** So many of a kind are named; --json names all. */
const SHOWN = 10;

const counted = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind.replace('_', ' ')}s`)
    .join(', ') || 'nothing';

const named = <Of>(all: readonly Of[], line: (of: Of) => string, format: Formatting): string[] => [
  ...all.slice(0, SHOWN).map(line),
  ...(all.length > SHOWN ? [format.dim(`  … all ${all.length} of them with --json`)] : []),
];

export function printBackfillPlan(plan: BackfillPlan, format: Formatting): string {
  const prices = Object.entries(plan.unknown_prices);
  return [
    `At Stripe${plan.since ? ` since ${moment(plan.since)}` : ''}: ${counted(plan.read)}; ${plan.same} of them are here as they are.`,
    ...(plan.goes_on
      ? [format.care(`An unfinished run goes on; it has compared ${counted(plan.goes_on.compared)}.`)]
      : []),
    `${plan.users_with_new_plan} users would get a plan${plan.by_purchase === null ? '' : `, ${plan.by_purchase} of them by what they paid once, unless the money went back`}.`,
    ...named(plan.new_plans, ({ user_id, plan_id }) => `  ${user_id}: ${plan_id}`, format),
    prices.length === 0
      ? format.good('Every price is in config/plans.yaml.')
      : format.wrong(
          `${prices.length} prices are not in config/plans.yaml: ${prices.map(([id, count]) => `${id} (${count} subscriptions)`).join(', ')}`,
        ),
    plan.without_user.length === 0
      ? format.good(`Every running subscription${plan.by_purchase === null ? '' : ' and every purchase'} has a user.`)
      : [
          format.wrong(`${plan.without_user.length} ${unlinked(plan)} have no user:`),
          ...named(plan.without_user, (of) => `  ${of.id} of ${of.customer_id}`, format),
        ].join('\n'),
    ...named(plan.unreadable, ({ kind, id, problem }) => format.wrong(`${kind} ${id}: ${problem}`), format),
  ].join('\n');
}

export const printBackfillResult = (state: BackfillState, format: Formatting): string =>
  [
    format.good(`Read ${counted(state.compared)}.`),
    format.good(`Wrote ${counted(state.written)}.`),
    state.notified === 0
      ? 'Quietly: the apps were notified of nothing.'
      : `The apps were notified of ${state.notified} plans.`,
  ].join('\n');
