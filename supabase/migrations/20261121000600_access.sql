-- Who owns what, and who may do what. Safe while live; run as the project's `postgres` role.

do $$
begin
  -- Owns the schema's objects and nothing else, and cannot log in: what runs with its rights can reach no further.
  if to_regrole('billing_owner') is null then create role billing_owner nologin; end if;
  -- Without a password it cannot log in over the network; docs/deploy.md says how to set one.
  if to_regrole('stripe_writer') is null then create role stripe_writer login noinherit; end if;
  if to_regrole('billing_reader') is null then create role billing_reader nologin; end if;
end $$;
comment on role billing_owner is 'Owns the objects of the schema billing; nobody logs in as it.';
comment on role stripe_writer is 'The handlers: may execute billing.apply_events, compare and due_users, and nothing else.';
comment on role billing_reader is 'Finance and support: may read the billing views, and the rows behind them.';
-- A handler waits 30 s at most; a statement that hangs must give its connection back before that.
alter role stripe_writer set statement_timeout = '10s';
alter role stripe_writer set lock_timeout = '8s';
alter role stripe_writer set idle_in_transaction_session_timeout = '10s';

-- Every migration ends with this: what it made belongs to billing_owner, and is executable by nobody who is not named.
create procedure billing.take_ownership()
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  object record;
begin
  for object in
    select format('table billing.%I', relname) as name from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'r' and relowner <> 'billing_owner'::regrole
    union all select format('view billing.%I', relname) from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'v' and relowner <> 'billing_owner'::regrole
    union all select format('type billing.%I', relname) from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'c' and relowner <> 'billing_owner'::regrole
    union all select format('routine %s', oid::regprocedure) from pg_proc
    where pronamespace = 'billing'::regnamespace and proowner <> 'billing_owner'::regrole
  loop
    execute format('alter %s owner to billing_owner', object.name);
    if object.name like 'routine %' then
      execute format('revoke all on %s from public', object.name);
    end if;
  end loop;
end
$$;
grant billing_owner to current_user;
alter schema billing owner to billing_owner;
call billing.take_ownership();
alter default privileges for role billing_owner revoke execute on functions from public;

revoke all on schema billing from public;
revoke all on all tables in schema billing from public;

grant usage on schema billing to stripe_writer;
grant execute on function billing.apply_events(jsonb, jsonb), billing.compare(jsonb), billing.due_users(integer) to stripe_writer;

do $$
declare
  name text;
begin
  for name in select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind = 'r' loop
    execute format('alter table billing.%I enable row level security', name);
  end loop;
end $$;

-- Signed-in users: their own rows, and those of an owner whose members billing.may_read_plan lets read; the columns the public views show, nothing else.
create policy own_subscriptions on billing.subscriptions for select to authenticated
  using (user_id = (select auth.uid())::text or billing.may_read_plan(user_id));
create policy own_plan on billing.user_plans for select to authenticated
  using (user_id = (select auth.uid())::text or billing.may_read_plan(user_id));
create policy own_plan_events on billing.plan_events for select to authenticated using (user_id = (select auth.uid())::text);
create policy names_of_tiers on billing.catalogue for select to authenticated using (true);
grant usage on schema billing to authenticated;
grant select (
  subscription_id, customer_id, user_id, plan_id, tier, status, plan_unknown, features, quantity, currency, amount_minor, billing_interval, interval_count,
  current_period_end, trial_end, cancel_at_period_end, cancel_at, grace_ends_at, collection_paused, entitled_until, precedence, as_of)
  on billing.subscriptions to authenticated;
grant select on billing.user_plans, billing.catalogue, billing.subscription_states, billing.state_without_subscription, billing.plan_states to authenticated;
grant select (id, sequence, event_type, user_id, version, occurred_at, plan, payload, app_source, metadata, created_at) on billing.plan_events to authenticated;
grant execute on function billing.may_read_plan(text) to authenticated, service_role, billing_reader;

-- Supabase grants everything in `public` to its API roles by default: taken back, then given as meant.
revoke all on public.my_plan, public.my_plan_events from public, anon, authenticated, service_role;
grant select on public.my_plan, public.my_plan_events to authenticated;
revoke all on function public.plan_of(text), public.has_plan(text), public.has_feature(text) from public, anon, authenticated, service_role;
grant execute on function public.plan_of(text), public.has_plan(text), public.has_feature(text) to authenticated;
grant execute on function public.plan_of(text) to service_role;

-- Finance, support and servers read every row: service_role by its own right, billing_reader by these policies.
grant usage on schema billing to billing_reader, service_role;
grant select on all tables in schema billing to billing_reader, service_role;
grant execute on function billing.plan_status(text) to billing_reader, service_role;
do $$
declare
  name text;
begin
  for name in select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind = 'r' loop
    execute format('create policy every_row on billing.%I for select to billing_reader using (true)', name);
  end loop;
  -- Apps that listen to Supabase Realtime get each change of their own row.
  if exists (select from pg_publication where pubname = 'supabase_realtime') then
    alter publication supabase_realtime add table billing.user_plans;
  end if;
end $$;
