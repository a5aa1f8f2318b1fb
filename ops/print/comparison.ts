import type { ReconcilePlan, ReconcileResult } from '../reconcile.ts';
import type { SyncPlan, SyncResult } from '../sync.ts';
import { moment, type Paint } from './paint.ts';

export const printSyncPlan = ({ subscriptions, unknown_to_stripe }: SyncPlan, paint: Paint): string =>
  [
    ...subscriptions.flatMap(({ subscription_id, customer_id, user_id, as_of, differences }) => [
      `${paint.bold(subscription_id)} of ${customer_id}${user_id ? ` (user ${user_id})` : ''}, as of ${moment(as_of)}`,
      differences.length === 0
        ? paint.good('  The same here and at Stripe.')
        : paint.table(
            ['  field', 'here', 'at Stripe'],
            differences.map(({ field, ours, stripes }) => [`  ${field}`, String(ours), String(stripes)]),
          ),
    ]),
    ...unknown_to_stripe.map((id) => paint.care(`${id}: we hold it, Stripe does not know it.`)),
  ].join('\n');

export const printSyncResult = ({ healed, still_different }: SyncResult, paint: Paint): string =>
  [
    ...(healed.length > 0 ? [paint.good(`Healed: ${healed.join(', ')}`)] : []),
    ...(still_different.length > 0 ? [paint.wrong(`Still different: ${still_different.join(', ')}`)] : []),
  ].join('\n');

export const printReconcilePlan = (plan: ReconcilePlan, paint: Paint): string =>
  [
    `${plan.events_compared} events and ${plan.subscriptions_compared} subscriptions compared with Stripe.`,
    plan.missed_events.length === 0
      ? paint.good('No event is missing.')
      : paint.wrong(`Missing events: ${plan.missed_events.join(', ')}`),
    plan.drifted.length === 0
      ? paint.good('No row differs.')
      : paint.table(
          ['subscription', 'differs in'],
          plan.drifted.map(({ subscription_id, fields }) => [subscription_id, fields.join(', ')]),
        ),
    ...plan.unreadable.map(({ subscription_id, problem }) => paint.wrong(`${subscription_id}: ${problem}`)),
  ].join('\n');

export const printReconcileResult = ({ queued }: ReconcileResult, paint: Paint): string =>
  paint.good(
    `Queued ${queued.billing} for billing and ${queued.payments} for payments. Run \`reconcile\` again in a minute to see that nothing is left.`,
  );
