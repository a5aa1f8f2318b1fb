/** How many rows: of customers, each with one subscription; of the ledger; and of every other table. */
export interface Filling {
  customers: number;
  others: number;
  /** @default as many as customers */
  events?: number;
  /** Persons who were erased. @default as many as others */
  erasures?: number;
}

/**
 * SQL that fills every table: customers `cus_1` … with users `user_1` …, subscriptions `sub_1` …, and so on; one user is
 * `00000000-0000-4000-8000-000000000077`, and the customer `cus_hot` of `user_hot` has 10,000 subscriptions `sub_hot_1` ….
 */
export const filledTables = ({ customers, others, events = customers, erasures = others }: Filling): string => `
set synchronous_commit = off;
-- What the rows refer to is there, and nobody listens.
set session_replication_role = replica;
insert into billing.erasures (pseudonym) select 'erased_' || n from generate_series(1, ${erasures}) as n;
insert into billing.customers (customer_id, metadata_user_id, livemode, as_of, source_event_id, progress, user_id)
select 'cus_' || n, 'user_' || n, false, to_timestamp(1790000000), 'evt_c' || n, '{0,1}', 'user_' || n from generate_series(1, ${customers}) as n;
insert into billing.customers (customer_id, metadata_user_id, livemode, as_of, source_event_id, progress, user_id)
values ('cus_hot', 'user_hot', false, to_timestamp(1790000000), 'evt_hot', '{0,1}', 'user_hot');
insert into billing.subscriptions (subscription_id, customer_id, livemode, as_of, source_event_id, source_type, status, metadata_user_id, price_id, plan_id, tier, tier_rank,
  features, plan_unknown, user_id, entitled_until, precedence, started_at, current_period_start, current_period_end)
select id, customer, false, to_timestamp(1790000000), 'evt_' || id, 'customer.subscription.updated', 'active', owner, 'price_premium_monthly_eur', 'premium', 'PREMIUM', 1,
  '{}', false, owner, 'infinity', (1::bigint << 60) + (1 << 8) + 3, to_timestamp(1790000000 + n), to_timestamp(1790000000), to_timestamp(1800000000)
from (
  select n, 'sub_' || n as id, 'cus_' || n as customer, case n when 77 then '00000000-0000-4000-8000-000000000077' else 'user_' || n end as owner from generate_series(1, ${customers}) as n
  union all select n, 'sub_hot_' || n, 'cus_hot', 'user_hot' from generate_series(1, 10000) as n) as it;
insert into billing.subscription_history (subscription_id, as_of, source_event_id, source_type, customer_id, livemode, status)
select subscription_id, as_of, source_event_id, source_type, customer_id, livemode, status from billing.subscriptions limit ${others}
on conflict do nothing;
insert into billing.schedules (schedule_id, customer_id, subscription_id, status, next_change, created, livemode, as_of, source_event_id, progress)
select 'sub_sched_' || n, 'cus_' || n, 'sub_' || n, 'active', '{"at": "2030-01-01T00:00:00.000Z", "price_id": "price_other", "quantity": 1}', to_timestamp(1790000000 + n), false,
  to_timestamp(1790000000 + n), 'evt_sched' || n, '{1,1,1,0}' from generate_series(1, ${others}) as n;
insert into billing.user_plans (user_id, version, state) select distinct user_id, 1, '{}'::jsonb from billing.subscriptions where user_id is not null
on conflict do nothing;
insert into billing.plan_events (event_type, user_id, version, occurred_at, plan, payload, metadata, source_event_id)
select 'SUBSCRIPTION_UPDATED', user_id, 1, now(), '{}', '{}', '{}', 'evt_' || user_id from billing.user_plans limit ${others}
on conflict do nothing;
insert into billing.events (event_id, type, created, livemode, worker, origin, customer_id, object_id, outcome, arrived_at)
select 'evt_' || n, 'charge.succeeded', to_timestamp(1790000000 + n), false, 'payments', 'webhook', 'cus_' || 1 + n % ${customers}, 'ch_' || n, 'applied', now() from generate_series(1, ${events}) as n;
insert into billing.payments (payment_id, object, customer_id, payment_intent_id, status, currency, amount_minor, amount_refunded_minor, created, livemode, as_of, source_event_id, progress)
select 'ch_' || n, 'charge', 'cus_' || n, 'pi_' || n, 'succeeded', 'eur', 1900, 0, to_timestamp(1790000000 + n), false, to_timestamp(1790000000 + n), 'evt_' || n, '{3,0,1900}'
from generate_series(1, ${customers}) as n;
insert into billing.invoices (invoice_id, customer_id, subscription_id, status, attempt_count, currency, amount_due_minor, amount_paid_minor, created, livemode, as_of, source_event_id, progress)
select 'in_' || n, 'cus_' || n, 'sub_' || n, 'paid', 1, 'eur', 1900, 1900, to_timestamp(1790000000 + n), false, to_timestamp(1790000000 + n), 'evt_in' || n, '{4,1,0}'
from generate_series(1, ${others}) as n;
insert into billing.invoice_payments (invoice_payment_id, invoice_id, payment_intent_id, livemode, as_of, source_event_id, progress)
select 'inpay_' || n, 'in_' || n, 'pi_' || n, false, to_timestamp(1790000000 + n), 'evt_ip' || n, '{0}' from generate_series(1, ${others}) as n;
insert into billing.purchases (invoice_id, price_id, plan_id, tier, tier_rank, features, quantity, customer_id, livemode, currency, amount_minor, paid_at, as_of, user_id, entitled_until)
select 'in_once_' || n, 'price_once', 'premium', 'PREMIUM', 1, '{}', 1, 'cus_' || n, false, 'eur', 9900, to_timestamp(1790000000), to_timestamp(1790000000), 'user_' || n, 'infinity'
from generate_series(1, ${others}) as n;
insert into billing.refunds (refund_id, charge_id, payment_intent_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress)
select 're_' || n, 'ch_' || n, 'pi_' || n, 'succeeded', 'eur', 100, to_timestamp(1790000000 + n), false, to_timestamp(1790000000 + n), 'evt_re' || n, '{2}' from generate_series(1, ${others}) as n;
insert into billing.disputes (dispute_id, charge_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress)
select 'dp_' || n, 'ch_' || n, 'lost', 'eur', 100, to_timestamp(1790000000 + n), false, to_timestamp(1790000000 + n), 'evt_dp' || n, '{2}' from generate_series(1, ${others}) as n;
insert into billing.checkouts (session_id, mode, customer_id, subscription_id, user_id, status, livemode, as_of, source_event_id, progress)
select 'cs_' || n, 'subscription', 'cus_' || n, 'sub_' || n, 'user_' || n, 'complete', false, to_timestamp(1790000000 + n), 'evt_cs' || n, '{3}' from generate_series(1, ${others}) as n;
reset session_replication_role;
`;
