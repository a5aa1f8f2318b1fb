-- Who may do what. Safe while live; run as the project's `postgres` role.

do $$
begin
  -- Without a password it cannot log in over the network; docs/deploy.md says how to set one.
  if to_regrole('stripe_writer') is null then create role stripe_writer login noinherit; end if;
  if to_regrole('billing_reader') is null then create role billing_reader nologin; end if;
end $$;
comment on role stripe_writer is 'The handlers: may execute billing.apply_event and nothing else.';
comment on role billing_reader is 'Finance and support: may read the billing views.';
-- A handler waits 30 s at most; a statement that hangs must give its connection back before that.
alter role stripe_writer set statement_timeout = '10s';
alter role stripe_writer set lock_timeout = '8s';
alter role stripe_writer set idle_in_transaction_session_timeout = '10s';

revoke all on schema billing from public;
revoke all on all tables in schema billing from public;
revoke all on all functions in schema billing from public;

grant usage on schema billing to stripe_writer;
grant execute on function billing.apply_event(jsonb, jsonb, jsonb) to stripe_writer;

alter table billing.events enable row level security;
alter table billing.customers enable row level security;
alter table billing.checkouts enable row level security;
alter table billing.subscriptions enable row level security;
alter table billing.invoices enable row level security;
alter table billing.payments enable row level security;
alter table billing.refunds enable row level security;
alter table billing.disputes enable row level security;
alter table billing.plan_events enable row level security;

-- Signed-in users: their own rows, the columns the public views show, nothing else.
create policy own_subscriptions on billing.subscriptions for select to authenticated using (user_id = (select auth.uid())::text);
create policy own_plan_events on billing.plan_events for select to authenticated using (user_id = (select auth.uid())::text);
grant usage on schema billing to authenticated;
grant select (subscription_id, customer_id, user_id, plan_id, tier, status, current_period_end, cancel_at_period_end, cancel_at, grace_ends_at, as_of)
  on billing.subscriptions to authenticated;
grant select (id, sequence, event_type, user_id, payload, app_source, metadata, created_at) on billing.plan_events to authenticated;
grant select on billing.plan_states to authenticated;
grant execute on function billing.plan_status(text), billing.is_entitled(text, timestamptz, timestamptz), billing.tier_rank(text) to authenticated;

-- Supabase grants everything in `public` to its API roles by default: taken back, then given as meant.
revoke all on public.my_plan, public.my_plan_events from public, anon, authenticated, service_role;
grant select on public.my_plan, public.my_plan_events to authenticated;

grant usage on schema billing to billing_reader, service_role;
grant select on billing.plan_states, billing.revenue_daily, billing.subscriptions_by_plan, billing.conversion, billing.payment_history
  to billing_reader, service_role;
-- plan_states reads with its caller's rights, so that row-level security holds behind my_plan: these two see every row of it.
create policy all_subscriptions on billing.subscriptions for select to billing_reader using (true);
grant select (subscription_id, customer_id, user_id, plan_id, tier, status, current_period_end, cancel_at_period_end, cancel_at, grace_ends_at, as_of)
  on billing.subscriptions to billing_reader, service_role;
grant select on billing.plan_events to service_role;
grant execute on function billing.plan_status(text), billing.is_entitled(text, timestamptz, timestamptz), billing.tier_rank(text)
  to billing_reader, service_role;
