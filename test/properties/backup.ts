import type { StripeAccount } from '../model/stripe-account.ts';
import type { Database } from './database.ts';
import { usersOf } from './held.ts';

const tables = {
  subscriptions: 'customer_id',
  customers: 'customer_id',
  checkouts: 'session_id',
  invoices: 'invoice_id',
  payments: 'payment_id',
  refunds: 'refund_id',
  disputes: 'dispute_id',
  invoice_payments: 'invoice_payment_id',
  purchases: 'invoice_id',
  events: 'event_id',
  plan_events: 'source_event_id',
  user_plans: 'user_id',
  subscription_history: 'source_event_id',
} as const;

type Backup = Record<string, unknown>;

/** Every row of one account, as a backup of the whole database would have kept them. */
export async function backUp({ admin }: Database, account: StripeAccount): Promise<Backup> {
  const backup: Backup = {};
  for (const [table, key] of Object.entries(tables)) {
    const { rows } = await admin.query(
      `select coalesce(json_agg(it), '[]') as kept from billing.${table} it where ${key} = any($1)`,
      [idsOf(account)],
    );
    backup[table] = rows[0].kept;
  }
  return backup;
}

/** Puts the account's rows back as they were; without a backup, none is left. */
export async function restore({ admin }: Database, account: StripeAccount, backup: Backup = {}): Promise<void> {
  for (const [table, key] of Object.entries(tables)) {
    await admin.query(`delete from billing.${table} where ${key} = any($1)`, [idsOf(account)]);
    await admin.query(
      `insert into billing.${table} overriding system value select * from json_populate_recordset(null::billing.${table}, $1)`,
      [JSON.stringify(backup[table] ?? [])],
    );
  }
}

function idsOf(account: StripeAccount): string[] {
  const objects = (
    [
      'customer',
      'checkout.session',
      'invoice',
      'charge',
      'payment_intent',
      'refund',
      'dispute',
      'invoice_payment',
    ] as const
  ).flatMap((kind) => account.all(kind).map(({ id }) => id));
  const asks = account.all('subscription').flatMap(({ id }) => [0, 1, 2].map((ask) => `reconcile_${id}_${ask}`));
  return [...objects, ...usersOf(account), ...account.happenings.map(({ id }) => id), ...asks];
}
