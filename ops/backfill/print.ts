import type { BackfillState } from '../../pipeline/backfill/backfill.ts';
import { type Formatting, moment } from '../cli/formatting.ts';
import type { BackfillPlan } from './backfill.ts';

/** So many subscriptions without a user are named; --json names all. */
const SHOWN = 10;

const counted = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind.replace('_', ' ')}s`)
    .join(', ') || 'nothing';

export function printBackfillPlan(plan: BackfillPlan, format: Formatting): string {
  const prices = Object.entries(plan.unknown_prices);
  return [
    `At Stripe${plan.since ? ` since ${moment(plan.since)}` : ''}: ${counted(plan.read)}; ${plan.same} of them are here as they are.`,
    ...(plan.goes_on
      ? [format.care(`An unfinished run goes on; it has compared ${counted(plan.goes_on.compared)}.`)]
      : []),
    `${plan.users_with_new_plan} users would get a plan.`,
    prices.length === 0
      ? format.good('Every price is in config/plans.yaml.')
      : format.wrong(
          `${prices.length} prices are not in config/plans.yaml: ${prices.map(([id, count]) => `${id} (${count} subscriptions)`).join(', ')}`,
        ),
    plan.without_user.length === 0
      ? format.good('Every running subscription has a user.')
      : [
          format.wrong(`${plan.without_user.length} running subscriptions have no user:`),
          ...plan.without_user
            .slice(0, SHOWN)
            .map(({ subscription_id, customer_id }) => `  ${subscription_id} of ${customer_id}`),
          ...(plan.without_user.length > SHOWN ? [format.dim('  … all of them with --json')] : []),
        ].join('\n'),
    ...plan.unreadable.map(({ kind, id, problem }) => format.wrong(`${kind} ${id}: ${problem}`)),
  ].join('\n');
}

export const printBackfillResult = (state: BackfillState, format: Formatting): string =>
  [
    format.good(`Read ${counted(state.compared)}.`),
    format.good(`Wrote ${counted(state.written)}.`),
    `The apps were told of ${state.notified} plans.`,
  ].join('\n');
