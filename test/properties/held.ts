import type { StripeAccount } from '../model/stripe-account.ts';
import type { Database } from './database.ts';

export type Row = Record<string, unknown>;

/** Everything that the database holds of one account's objects. */
export interface Held {
  subscriptions: Row[];
  schedules: Row[];
  customers: Row[];
  checkouts: Row[];
  invoices: Row[];
  payments: Row[];
  refunds: Row[];
  disputes: Row[];
  purchases: Row[];
  plan_states: Row[];
  /** In the order in which they were written. */
  plan_events: Row[];
  user_plans: Row[];
  subscription_history: Row[];
}

const query = `
  select json_build_object(
    'subscriptions', (select coalesce(json_agg(it order by subscription_id), '[]') from billing.subscriptions it where customer_id = any($1)),
    'schedules', (select coalesce(json_agg(it order by schedule_id), '[]') from billing.schedules it where customer_id = any($1)),
    'customers', (select coalesce(json_agg(it order by customer_id), '[]') from billing.customers it where customer_id = any($1)),
    'checkouts', (select coalesce(json_agg(it order by session_id), '[]') from billing.checkouts it where session_id = any($2)),
    'invoices', (select coalesce(json_agg(it order by invoice_id), '[]') from billing.invoices it where invoice_id = any($2)),
    'payments', (select coalesce(json_agg(it order by payment_id), '[]') from billing.payments it where payment_id = any($2)),
    'refunds', (select coalesce(json_agg(it order by refund_id), '[]') from billing.refunds it where refund_id = any($2)),
    'disputes', (select coalesce(json_agg(it order by dispute_id), '[]') from billing.disputes it where dispute_id = any($2)),
    'purchases', (select coalesce(json_agg(it order by invoice_id), '[]') from billing.purchases it where invoice_id = any($2)),
    'plan_states', (select coalesce(json_agg(it order by user_id, customer_id), '[]') from billing.plan_states it where customer_id = any($1)),
    'plan_events', (select coalesce(json_agg(it order by sequence), '[]') from billing.plan_events it where source_event_id = any($3)),
    'user_plans', (select coalesce(json_agg(it order by user_id), '[]') from billing.user_plans it where user_id = any($4)),
    'subscription_history', (select coalesce(json_agg(it order by subscription_id, as_of, source_event_id), '[]') from billing.subscription_history it where source_event_id = any($3))
  ) as held`;

export async function heldOf(database: Database, account: StripeAccount): Promise<Held> {
  const customers = account.all('customer').map(({ id }) => id);
  const objects = (['checkout.session', 'invoice', 'charge', 'payment_intent', 'refund', 'dispute'] as const).flatMap(
    (kind) => account.all(kind).map(({ id }) => id),
  );
  const asks = account.all('subscription').flatMap(({ id }) => [0, 1, 2].map((ask) => `reconcile_${id}_${ask}`));
  const events = [...account.happenings.map(({ id }) => id), ...asks];
  const { rows } = await database.admin.query(query, [customers, objects, events, usersOf(account)]);
  return rows[0].held;
}

/** Everybody whom the account's objects name. */
export const usersOf = (account: StripeAccount): string[] => [
  ...new Set(
    [
      ...account.all('subscription').map(({ userId }) => userId),
      ...account.all('customer').map(({ userId }) => userId),
      ...account.all('invoice').map(({ ownUserId }) => ownUserId),
      ...account.all('checkout.session').flatMap(({ clientReferenceId, userId }) => [clientReferenceId, userId]),
    ].filter((user) => user !== null),
  ),
];
