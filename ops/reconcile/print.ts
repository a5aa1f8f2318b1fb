import { type Formatting, moment } from '../cli/formatting.ts';
import type { SyncPlan, SyncResult } from '../sync/sync.ts';
import type { ReconcilePlan, ReconcileResult } from './reconcile.ts';

export const printSyncPlan = ({ subscriptions, unknown_to_stripe }: SyncPlan, format: Formatting): string =>
  [
    ...subscriptions.flatMap(({ subscription_id, customer_id, user_id, as_of, differences }) => [
      `${format.bold(subscription_id)} of ${customer_id}${user_id ? ` (user ${user_id})` : ''}, as of ${moment(as_of)}`,
      differences.length === 0
        ? format.good('  The same here and at Stripe.')
        : format.table(
            ['  field', 'here', 'at Stripe'],
            differences.map(({ field, ours, stripes }) => [`  ${field}`, String(ours), String(stripes)]),
          ),
    ]),
    ...unknown_to_stripe.map((id) => format.care(`${id}: we hold it, Stripe does not know it.`)),
  ].join('\n');

export const printSyncResult = ({ healed, still_different }: SyncResult, format: Formatting): string =>
  [
    ...(healed.length > 0 ? [format.good(`Healed: ${healed.join(', ')}`)] : []),
    ...(still_different.length > 0 ? [format.wrong(`Still different: ${still_different.join(', ')}`)] : []),
  ].join('\n');

export const printReconcilePlan = (plan: ReconcilePlan, format: Formatting): string =>
  [
    `${plan.events_compared} events and ${plan.subscriptions_compared} subscriptions compared with Stripe.`,
    plan.missed_events.length === 0
      ? format.good('No event is missing.')
      : format.wrong(`Missing events: ${plan.missed_events.join(', ')}`),
    plan.drifted.length === 0
      ? format.good('No row differs.')
      : format.table(
          ['subscription', 'differs in'],
          plan.drifted.map(({ subscription_id, fields }) => [subscription_id, fields.join(', ')]),
        ),
    ...plan.unreadable.map(({ subscription_id, problem }) => format.wrong(`${subscription_id}: ${problem}`)),
  ].join('\n');

export const printReconcileResult = ({ queued }: ReconcileResult, format: Formatting): string =>
  format.good(
    `Queued ${queued.billing} for billing and ${queued.payments} for payments. Run \`reconcile\` again in a minute to see that nothing is left.`,
  );
