-- What is scheduled for later: Stripe's subscription schedules (the customer portal's "downgrade at the end of the period"), and in the plan state the
-- change that comes next.
--
-- Safe while live: one new table, one new column without a default, functions and views. The states that are held get the new key at once, so that nobody is
-- notified of a change that is none; for 100,000 users that takes seconds, during which the handlers wait. Schedules from before are brought by
-- `ops backfill` or `ops reconcile`; until then a state says that nothing is scheduled.

create table billing.schedules (
  schedule_id text primary key,
  customer_id text not null,
  -- The subscription that it manages, or managed until it was released; null: none has begun yet.
  subscription_id text,
  status text not null,
  -- What it changes next, as the plan state shows it: { at, plan_id, tier, price_id, quantity, plan_unknown }. null: nothing more.
  next_change jsonb,
  created timestamptz not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index schedules_customer on billing.schedules (customer_id);
create index schedules_changing on billing.schedules (subscription_id) where next_change is not null;
alter table billing.schedules enable row level security;
create policy every_row on billing.schedules for select to billing_reader using (true);
grant select on billing.schedules to billing_reader, service_role;
select billing.make_store('billing.schedules', 'schedule_id');

alter table billing.subscriptions add column scheduled_change jsonb;
comment on column billing.subscriptions.scheduled_change is 'Derived: what a schedule of Stripe''s changes next, as long as the subscription does not show it.';
select billing.make_write_subscription();
grant select (scheduled_change) on billing.subscriptions to authenticated;

-- As in 20261121000200, with schedules.
create or replace function billing.progress(kind text, event_type text, fact jsonb) returns bigint[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case kind
    when 'customer' then array[
      case event_type when 'customer.created' then 0 when 'customer.updated' then 1 else 2 end,
      -- Of two updates in one second, the one that says whose customer it is.
      (fact ->> 'metadata_user_id' is not null)::integer]
    when 'checkout' then array[
      case fact ->> 'status' when 'expired' then 0 when 'unpaid' then 1 when 'failed' then 2 else 3 end]
    when 'invoice' then array[
      case fact ->> 'status' when 'draft' then 0 when 'open' then 1 when 'uncollectible' then 2 when 'void' then 3 else 4 end,
      (fact ->> 'attempt_count')::bigint,
      case fact ->> 'problem' when 'action_required' then 2 when 'payment_failed' then 1 else 0 end]
    when 'payment' then array[
      case fact ->> 'status' when 'succeeded' then 3 when 'canceled' then 2 when 'failed' then 2 when 'requires_payment_method' then 1 else 0 end,
      (fact ->> 'amount_refunded_minor')::bigint,
      -- Authorised first, captured later.
      (fact ->> 'amount_minor')::bigint]
    when 'refund' then array[
      case fact ->> 'status' when 'pending' then 0 when 'requires_action' then 1 when 'succeeded' then 2 else 3 end]
    when 'dispute' then array[
      case event_type when 'charge.dispute.created' then 0 when 'charge.dispute.updated' then 1 else 2 end]
    when 'invoice_payment' then array[0]
    when 'schedule' then array[
      case fact ->> 'status' when 'not_started' then 0 when 'active' then 1 else 2 end,
      (event_type <> 'subscription_schedule.created')::integer,
      -- It is made first, and then given what comes next. Of two such updates in one second nothing tells the later: any, but the same whatever came first.
      (fact ->> 'next_change' is not null)::integer,
      coalesce(hashtextextended(fact ->> 'next_change', 0), 0)]
  end::bigint[];
end
$$;

-- What a schedule changes next. Not what the subscription shows already: Stripe tells of the change and of the schedule's next phase by two events, in
-- either order. Nor what was due by the second of which the subscription tells: it tells what became of it.
create function billing.scheduled_change_of(subscription billing.subscriptions) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  change jsonb;
begin
  select next_change into change from billing.schedules as schedule
  where schedule.subscription_id = subscription.subscription_id and schedule.customer_id = subscription.customer_id and schedule.next_change is not null
  order by schedule.as_of desc, schedule.schedule_id desc limit 1;
  if change is null or subscription.as_of is null or billing.is_terminal(subscription.status) then
    return null;
  end if;
  if (change ->> 'at')::timestamptz <= subscription.as_of
    or ((change ->> 'price_id', (change ->> 'quantity')::integer) is not distinct from (subscription.price_id, subscription.quantity)) then
    return null;
  end if;
  return change;
end
$$;

-- As in 20261121000300, with what is scheduled.
create or replace function billing.derive(subscription billing.subscriptions, customer billing.customers) returns billing.subscriptions
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  known billing.subscription_history;
begin
  subscription.user_id := billing.user_of(subscription, customer);
  if subscription.plan_unknown then
    -- Nobody loses a plan because a price is missing from a file: the plan of the latest price that the catalogue knew. By Stripe's seconds and not
    -- by arrival; of two in one second the higher.
    select * into known from billing.subscription_history as told
    where told.subscription_id = subscription.subscription_id and told.plan_id is not null and told.as_of <= subscription.as_of
    order by told.as_of desc, told.tier_rank desc, told.plan_id desc limit 1;
    subscription.plan_id := known.plan_id;
    subscription.tier := known.tier;
    subscription.tier_rank := known.tier_rank;
    subscription.grace_days := known.grace_days;
    subscription.features := known.features;
  end if;
  subscription.grace_ends_at := billing.grace_end_of(subscription);
  subscription.scheduled_change := billing.scheduled_change_of(subscription);
  subscription.entitled_until := case
    when subscription.plan_id is null then '-infinity'
    when subscription.status in ('active', 'trialing') then coalesce(subscription.cancel_at, 'infinity')
    when subscription.status = 'past_due' then least(coalesce(subscription.grace_ends_at, 'infinity'), coalesce(subscription.cancel_at, 'infinity'))
    else '-infinity'
  end;
  -- Bit 60: may be entitled, then the tier's rank, then the status. Of those that never are, the status, then the latest.
  subscription.precedence := case
    when subscription.plan_id is not null and subscription.status in ('active', 'trialing', 'past_due') then
      (1::bigint << 60) + (coalesce(subscription.tier_rank, 0)::bigint << 8) + array_position(array['past_due', 'trialing', 'active'], subscription.status)
    when subscription.status is not null then
      (array_position(array['incomplete_expired', 'canceled', 'unpaid', 'paused', 'incomplete', 'past_due', 'trialing', 'active'], subscription.status)::bigint << 40)
      + greatest(0, coalesce(extract(epoch from subscription.as_of), 0))::bigint
  end;
  return subscription;
end
$$;

-- A schedule may come before its subscription, whose first event then finds it here.
create function billing.apply_schedule(event jsonb, incoming jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  answer billing.applied;
  held billing.schedules;
  ruling text;
  subscription billing.subscriptions;
begin
  select * into held from billing.schedules where schedule_id = incoming ->> 'schedule_id';
  ruling := billing.store_schedules(jsonb_populate_record(null::billing.schedules, incoming));
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := held.source_event_id;
  answer.held_as_of := held.as_of;
  answer.notified := 0;
  if answer.verdict = 'stale' then
    return answer;
  end if;
  for subscription in
    select * from billing.subscriptions as managed
    where managed.subscription_id in (held.subscription_id, incoming ->> 'subscription_id') and managed.customer_id = customer.customer_id
    order by managed.subscription_id
  loop
    answer.notified := answer.notified + billing.rederive(event, subscription, customer);
  end loop;
  return answer;
end
$$;

-- As in 20261121000400, with schedules.
create or replace function billing.apply_fact(event jsonb, fact jsonb, fetched jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kind constant text := fact ->> 'kind';
  nobody billing.subscriptions;
  incoming jsonb;
  ruling text;
  answer billing.applied;
begin
  if kind = 'subscription' then
    return billing.apply_subscription(event, fact, fetched, customer);
  end if;
  if kind = 'due' then
    answer := row('same', 'not_due', null, null, billing.settle_user(event, fact ->> 'user_id', nobody), null);
    if answer.notified > 0 then
      answer.verdict := 'changed';
    end if;
    return answer;
  end if;
  incoming := fact || jsonb_build_object(
    'livemode', event -> 'livemode',
    'as_of', to_timestamp((event ->> 'created')::bigint),
    'source_event_id', event -> 'id',
    'progress', billing.progress(kind, event ->> 'type', fact));
  case kind
    when 'customer' then return billing.apply_customer(event, incoming, customer);
    when 'checkout' then return billing.apply_checkout(event, incoming, customer);
    when 'invoice' then return billing.apply_invoice(event, incoming, customer);
    when 'schedule' then
      select * into customer from billing.customers where customer_id = fact ->> 'customer_id';
      return billing.apply_schedule(event, incoming, customer);
    when 'payment' then ruling := billing.store_payments(jsonb_populate_record(null::billing.payments, incoming));
    when 'invoice_payment' then ruling := billing.store_invoice_payments(jsonb_populate_record(null::billing.invoice_payments, incoming));
    when 'refund' then ruling := billing.store_refunds(jsonb_populate_record(null::billing.refunds, incoming));
    when 'dispute' then ruling := billing.store_disputes(jsonb_populate_record(null::billing.disputes, incoming));
    else
      -- Undefined function: later, until the migration is there.
      raise exception 'billing.apply_events does not know facts of kind %', coalesce(kind, 'null')
        using errcode = '42883', hint = 'The handlers are newer than the migrations: run `npm run ops -- migrate`.';
  end case;
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.notified := 0;
  return answer;
end
$$;

-- As in 20261121000500, with what is scheduled; a view's new columns come last.
create or replace view billing.subscription_states with (security_invoker = true) as
select
  held.user_id,
  held.customer_id,
  held.subscription_id,
  held.plan_id,
  case when held.entitled_until > now() then held.tier else catalogue.tiers[1] end as tier,
  case held.status
    when 'incomplete' then 'pending'
    when 'unpaid' then 'suspended'
    when 'paused' then 'suspended'
    when 'canceled' then 'cancelled'
    when 'incomplete_expired' then 'expired'
    else held.status
  end as status,
  coalesce(held.entitled_until > now(), false) as entitled,
  coalesce(held.plan_unknown, false) as plan_unknown,
  case when held.entitled_until > now() then coalesce(held.features, '{}') else catalogue.default_features end as features,
  held.quantity,
  held.currency,
  held.amount_minor,
  held.billing_interval,
  held.interval_count,
  held.current_period_end,
  held.trial_end,
  coalesce(held.cancel_at_period_end, false) as cancel_at_period_end,
  held.cancel_at,
  held.grace_ends_at,
  coalesce(held.collection_paused, false) as collection_paused,
  held.as_of,
  held.precedence,
  held.scheduled_change
from billing.subscriptions as held cross join billing.catalogue
where held.status is not null;

create or replace view billing.state_without_subscription with (security_invoker = true) as
select
  null::text as customer_id, null::text as subscription_id, default_plan_id as plan_id, tiers[1] as tier, 'none' as status, false as entitled,
  false as plan_unknown, default_features as features, null::integer as quantity, null::text as currency, null::bigint as amount_minor,
  null::text as billing_interval, null::integer as interval_count, null::timestamptz as current_period_end, null::timestamptz as trial_end,
  false as cancel_at_period_end, null::timestamptz as cancel_at, null::timestamptz as grace_ends_at, false as collection_paused,
  null::jsonb as scheduled_change
from billing.catalogue;

create or replace view billing.plan_states with (security_invoker = true) as
select distinct on (user_id, case when user_id is null then customer_id end) *
from billing.subscription_states
order by user_id, case when user_id is null then customer_id end, entitled desc, precedence desc, subscription_id desc;

create or replace view public.my_plan with (security_invoker = true) as
select
  me.user_id, coalesce(told.version, 0) as version,
  case when plan.status is null then nobody.plan_id else plan.plan_id end as plan_id,
  coalesce(plan.tier, nobody.tier) as tier,
  coalesce(plan.status, nobody.status) as status,
  coalesce(plan.entitled, false) as entitled,
  coalesce(plan.plan_unknown, false) as plan_unknown,
  coalesce(plan.features, nobody.features) as features,
  plan.quantity, plan.currency, plan.amount_minor, plan.billing_interval, plan.interval_count, plan.current_period_end, plan.trial_end,
  coalesce(plan.cancel_at_period_end, false) as cancel_at_period_end, plan.cancel_at, plan.grace_ends_at,
  coalesce(plan.collection_paused, false) as collection_paused, plan.as_of,
  plan.scheduled_change
from (select (select auth.uid())::text as user_id) as me
cross join billing.state_without_subscription as nobody
left join billing.user_plans as told on told.user_id = me.user_id
left join lateral (
  select * from billing.subscription_states as mine where mine.user_id = me.user_id
  order by mine.entitled desc, mine.precedence desc, mine.subscription_id desc limit 1
) as plan on true
where me.user_id is not null;

update billing.user_plans set state = state || '{"scheduled_change": null}' where state is not null and not state ? 'scheduled_change';

-- As in 20261121000700 (and named as 20261121000900 has it), with schedules.
create or replace function billing.held_rows_of(kind text, ids text[], span_from bigint default null, span_to bigint default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  since constant timestamptz := to_timestamp(span_from);
  -- The newest span has no end: no list of Stripe's shows what somebody gave a beginning that is yet to come.
  until constant timestamptz := case when span_to > extract(epoch from now()) - 3600 then 'infinity' else to_timestamp(span_to + 1) end;
  held jsonb;
  others jsonb := '{}';
begin
  case kind
    when 'customer' then
      select jsonb_object_agg(customer_id, billing.compared_customer(it)) into held from billing.customers as it where customer_id = any (ids) and as_of is not null;
    when 'checkout' then
      select jsonb_object_agg(session_id, to_jsonb(it)) into held from billing.checkouts as it where session_id = any (ids);
    when 'invoice_payment' then
      select jsonb_object_agg(invoice_payment_id, to_jsonb(it)) into held from billing.invoice_payments as it where invoice_payment_id = any (ids);
    when 'schedule' then
      select jsonb_object_agg(schedule_id, to_jsonb(it)) into held from billing.schedules as it where schedule_id = any (ids);
    when 'subscription' then
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, true)) into held from billing.subscriptions as it where subscription_id = any (ids);
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, false)) into others from (
        select * from billing.subscriptions
        where started_at >= since and started_at < until and subscription_id <> all (ids) and not billing.is_terminal(status) limit 100) as it;
    when 'invoice' then
      select jsonb_object_agg(invoice_id, to_jsonb(it)) into held from billing.invoices as it where invoice_id = any (ids);
      select jsonb_object_agg(invoice_id, to_jsonb(it)) into others from (
        select * from billing.invoices where created >= since and created < until and invoice_id <> all (ids) limit 100) as it;
    when 'charge' then
      select jsonb_object_agg(payment_id, to_jsonb(it)) into held from billing.payments as it where payment_id = any (ids);
      select jsonb_object_agg(payment_id, to_jsonb(it)) into others from (
        select * from billing.payments
        where object = 'charge' and created >= since and created < until and payment_id <> all (ids) limit 100) as it;
    when 'refund' then
      select jsonb_object_agg(refund_id, to_jsonb(it)) into held from billing.refunds as it where refund_id = any (ids);
      select jsonb_object_agg(refund_id, to_jsonb(it)) into others from (
        select * from billing.refunds where created >= since and created < until and refund_id <> all (ids) limit 100) as it;
    when 'dispute' then
      select jsonb_object_agg(dispute_id, to_jsonb(it)) into held from billing.disputes as it where dispute_id = any (ids);
      select jsonb_object_agg(dispute_id, to_jsonb(it)) into others from (
        select * from billing.disputes where created >= since and created < until and dispute_id <> all (ids) limit 100) as it;
    else
      raise exception 'billing.rows_of knows no rows of kind %', kind using errcode = '42883';
  end case;
  return jsonb_build_object('held', coalesce(held, '{}'), 'others', coalesce(others, '{}'));
end
$$;

-- As in 20261121000900, with schedules.
create or replace function billing.person_of(of_customer text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  names constant text[] := array[of_customer, billing.pseudonym_of(of_customer)];
  users text[];
  shared text[];
  subscriptions text[];
  sessions text[];
  invoices text[];
  payments text[];
begin
  users := array(
    select metadata_user_id from billing.customers where customer_id = of_customer union select session_user_id from billing.customers where customer_id = of_customer
    union select user_id from billing.customers where customer_id = of_customer
    union select user_id from billing.checkouts where customer_id = of_customer
    union select user_id from billing.subscriptions where customer_id = of_customer
    union select metadata_user_id from billing.subscriptions where customer_id = of_customer);
  users := array(select it from unnest(users) as it where it is not null order by it);
  shared := array(
    select it from unnest(users) as it
    where exists (select from billing.customers where user_id = it and customer_id <> of_customer)
       or exists (select from billing.subscriptions where user_id = it and customer_id <> of_customer));
  subscriptions := array(select subscription_id from billing.subscriptions where customer_id = any (names));
  sessions := array(
    select session_id from billing.checkouts
    where customer_id = any (names) or (customer_id is null and user_id = any (users) and user_id <> all (shared)));
  invoices := array(select invoice_id from billing.invoices where customer_id = any (names) or subscription_id = any (subscriptions));
  payments := array(
    select payment_id from billing.payments where customer_id = any (names)
    union select payment_intent_id from billing.payments where customer_id = any (names) and payment_intent_id is not null);
  return jsonb_build_object(
    'pseudonym', names[2],
    'erased_at', (select erased_at from billing.erasures where pseudonym = names[2]),
    'users', users,
    'shared_users', shared,
    'running', array(
      select subscription_id from billing.subscriptions where customer_id = any (names) and status is not null and not billing.is_terminal(status) order by 1),
    'last_event', (select max(created) from billing.events where customer_id = any (names)),
    'object_ids', array(
      select id from unnest(subscriptions || sessions || invoices || payments) as id
      union select schedule_id from billing.schedules where customer_id = any (names)
      union select invoice_payment_id from billing.invoice_payments where invoice_id = any (invoices)
      union select refund_id from billing.refunds where charge_id = any (payments) or payment_intent_id = any (payments)
      union select dispute_id from billing.disputes where charge_id = any (payments) or payment_intent_id = any (payments)
      order by 1));
end
$$;

create or replace function billing.erase_person(of_customer text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  person jsonb;
  alias text;
  theirs text[];
  subscriptions text[];
  one text;
  nobody billing.subscriptions;
  changed bigint;
  answer jsonb := '{}';
begin
  -- Every call of apply_events holds a share of this lock: those under way have ended, and the next ones see the mark.
  lock table billing.erasures in access exclusive mode;
  person := billing.person_of(of_customer);
  alias := person ->> 'pseudonym';
  if jsonb_array_length(person -> 'running') > 0 then
    raise exception 'billing.erase_person: % still runs', person #>> '{running,0}'
      using errcode = '55000', hint = 'End the subscription at Stripe first, and wait until its event has arrived.';
  end if;
  theirs := array(select it from jsonb_array_elements_text(person -> 'users') as it where not person -> 'shared_users' ? it);
  subscriptions := array(select subscription_id from billing.subscriptions where customer_id in (of_customer, alias));

  insert into billing.erasures (pseudonym) values (alias) on conflict do nothing;
  insert into billing.erasures (pseudonym)
  select billing.pseudonym_of(session_id) from billing.checkouts where customer_id is null and user_id = any (theirs) on conflict do nothing;

  update billing.checkouts set customer_id = case when customer_id is null then null else alias end, user_id = null
  where customer_id = of_customer or (customer_id is null and user_id = any (theirs));
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('checkouts', changed);
  update billing.subscriptions set customer_id = alias, user_id = null, metadata_user_id = null where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('subscriptions', changed);
  update billing.subscription_history set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('subscription_history', changed);
  update billing.schedules set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('schedules', changed);
  update billing.invoices set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('invoices', changed);
  update billing.payments set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('payments', changed);

  -- Ids of our own events hold the id of what they are about.
  update billing.events set
    event_id = replace(event_id, of_customer, alias), object_id = replace(object_id, of_customer, alias),
    held_event_id = replace(held_event_id, of_customer, alias), customer_id = alias
  where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('events', changed);
  -- Those of the clock are about a user.
  update billing.events set object_id = null where origin = 'clock' and object_id = any (theirs);
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('events', (answer ->> 'events')::bigint + changed);

  -- A restored backup may have brought the customer back beside the pseudonym.
  delete from billing.customers where customer_id = alias and exists (select from billing.customers where customer_id = of_customer);
  update billing.customers set
    customer_id = alias, metadata_user_id = null, session_user_id = null, user_id = null, source_event_id = replace(source_event_id, of_customer, alias),
    -- As billing.progress counts a customer who names no user.
    progress = case when progress is not null then array[progress[1], 0] end
  where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('customers', changed);

  delete from billing.plan_events
  where user_id = any (theirs) or subscription_id = any (subscriptions) or of_customer in (plan ->> 'customer_id', payload ->> 'customer_id');
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('plan_events', changed);
  delete from billing.user_plans where user_id = any (theirs);
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('user_plans', changed);
  -- Whoever has another customer keeps a plan: what it is made of is derived anew. Nothing that runs was taken, so there is nothing to notify of.
  for one in select jsonb_array_elements_text(person -> 'shared_users') loop
    perform billing.settle_user(jsonb_build_object('quiet', true), one, nobody);
  end loop;
  -- A comparison or a backfill that stood at this customer begins anew.
  delete from billing.reconcile_cursors where position(of_customer in cursor::text) > 0;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('reconcile_cursors', changed);
  return (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(answer) where value <> '0');
end
$$;

call billing.take_ownership();
