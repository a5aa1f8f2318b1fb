import { workers } from '../../core/workers.ts';
import type { Formatting } from '../cli/formatting.ts';
import type { ReconcilePlan, ReconcileResult } from './reconcile.ts';

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
    `Queued ${workers.map((worker) => `${queued[worker]} for ${worker}`).join(' and ')}. Run \`reconcile\` again in a minute to see that nothing is left.`,
  );
