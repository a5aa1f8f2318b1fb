import type { Difference } from '../../core/drift.ts';
import { type Formatting, moment } from '../cli/formatting.ts';
import type { SyncPlan, SyncResult } from './sync.ts';

/** Features are a record: in one order on both sides, so that the eye finds what differs. */
function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(Array.isArray(value) ? value : Object.fromEntries(Object.entries(value).sort()));
}

export const printSyncPlan = (
  { subscriptions, purchases, links, unknown_to_stripe }: SyncPlan,
  format: Formatting,
): string =>
  [
    ...subscriptions.flatMap(({ subscription_id, customer_id, user_id, as_of, differences }) => [
      `${format.bold(subscription_id)} of ${customer_id}${user_id ? ` (user ${user_id})` : ''}, as of ${moment(as_of)}`,
      fieldByField(differences, format),
    ]),
    ...purchases.flatMap(({ invoice_id, customer_id, differences }) => [
      `${format.bold(invoice_id)} of ${customer_id}, paid once`,
      fieldByField(differences, format),
    ]),
    ...links.map(({ kind, id, fields }) => format.wrong(`${kind} ${id} differs in ${fields.join(', ')}.`)),
    ...unknown_to_stripe.map((id) => format.care(`${id}: we hold it, Stripe does not know it.`)),
  ].join('\n');

const fieldByField = (differences: readonly Difference[], format: Formatting): string =>
  differences.length === 0
    ? format.good('  The same here and at Stripe.')
    : format.table(
        ['  field', 'here', 'at Stripe'],
        differences.map(({ field, ours, stripes }) => [`  ${field}`, shown(ours), shown(stripes)]),
      );

export const printSyncResult = ({ healed, still_different }: SyncResult, format: Formatting): string =>
  [
    ...(healed.length > 0 ? [format.good(`Healed: ${healed.join(', ')}`)] : []),
    ...(still_different.length > 0 ? [format.wrong(`Still different: ${still_different.join(', ')}`)] : []),
  ].join('\n');
