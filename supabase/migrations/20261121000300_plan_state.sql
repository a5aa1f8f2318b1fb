-- What we derive from the facts: whose subscription it is, which plan it gives until when, and what the apps must be notified of.
-- Functions only, so safe while live.

create function billing.plan_status(stripe_status text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case stripe_status
    when 'incomplete' then 'pending'
    when 'trialing' then 'trialing'
    when 'active' then 'active'
    when 'past_due' then 'past_due'
    when 'unpaid' then 'suspended'
    when 'paused' then 'suspended'
    when 'canceled' then 'cancelled'
    when 'incomplete_expired' then 'expired'
  end;
end
$$;
comment on function billing.plan_status is 'Stripe''s word for a subscription, in the apps'' words.';

-- Whose subscription, from the strongest to the weakest: its own metadata, the customer's metadata, the Checkout session that made it, the
-- customer's earliest completed session for a subscription. What somebody set on purpose beats what a payer may have typed into a link.
create function billing.user_of(subscription billing.subscriptions, customer billing.customers) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  buyer text;
begin
  if subscription.metadata_user_id is not null then
    return subscription.metadata_user_id;
  end if;
  if customer.metadata_user_id is not null then
    return customer.metadata_user_id;
  end if;
  select user_id into buyer from billing.checkouts as session
  where session.subscription_id = subscription.subscription_id and session.user_id is not null and session.mode = 'subscription'
  order by session.as_of, session.session_id collate "C" limit 1;
  return coalesce(buyer, customer.session_user_id);
end
$$;

-- A past_due subscription stays entitled for the plan's grace days, counted from when payment failed first: the oldest invoice that is still open,
-- else the unpaid period. By Stripe's own dates, so that it depends neither on which event reached us first nor begins anew with each renewal.
create function billing.grace_end_of(subscription billing.subscriptions) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  latest_invoice timestamptz;
  oldest_unpaid timestamptz;
begin
  if subscription.status is distinct from 'past_due' then
    return null;
  end if;
  select created into latest_invoice from billing.invoices where invoice_id = subscription.latest_invoice_id;
  select created into oldest_unpaid from billing.invoices as unpaid
  where unpaid.subscription_id = subscription.subscription_id and unpaid.status = 'open' order by unpaid.created limit 1;
  return least(oldest_unpaid, greatest(subscription.current_period_start, latest_invoice)) + make_interval(days => subscription.grace_days);
end
$$;

-- The row with everything derived anew. Reads the neighbours, writes nothing.
create function billing.derive(subscription billing.subscriptions, customer billing.customers) returns billing.subscriptions
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

-- A user's plan, as the apps see it: of all their subscriptions the one that stands for it, or the plan of those without. And until when it stays
-- so if nothing else happens; null: until something does.
create function billing.state_of(of_user text, out state jsonb, out changes_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  best text;
  until timestamptz;
begin
  select subscription_id, entitled_until into best, until from billing.subscriptions
  where user_id = of_user and precedence >= 1::bigint << 60 and entitled_until > now()
  order by precedence desc, subscription_id desc limit 1;
  if best is null then
    select subscription_id into best from billing.subscriptions
    where user_id = of_user and precedence is not null order by precedence desc, subscription_id desc limit 1;
  end if;
  if best is null then
    select to_jsonb(nobody) into state from billing.state_without_subscription as nobody;
  else
    select to_jsonb(plan) - array['user_id', 'as_of', 'precedence'] into state from billing.subscription_states as plan where subscription_id = best;
  end if;
  changes_at := case when until < 'infinity' then until end;
end
$$;

create function billing.is_over(state jsonb) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(state ->> 'status' in ('cancelled', 'expired', 'none'), false);
end
$$;

create function billing.transition(before jsonb, after jsonb) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case
    when (after ->> 'entitled')::boolean and not coalesce((before ->> 'entitled')::boolean, false) then 'SUBSCRIPTION_ACTIVATED'
    when billing.is_over(after) and not billing.is_over(before) then 'SUBSCRIPTION_CANCELLED'
    else 'SUBSCRIPTION_UPDATED'
  end;
end
$$;

-- Grows for one user with every message. The clock is in it only so that it goes on growing after a backup was restored: by then the apps hold
-- versions that the backup does not know.
create function billing.next_version(held bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return greatest(held + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
end
$$;

create function billing.write_plan_event(event jsonb, event_type text, of_user text, subject billing.subscriptions, payload jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  session text;
  plan billing.user_plans;
begin
  select session_id into session from billing.checkouts as made
  where made.subscription_id = subject.subscription_id order by made.as_of, made.session_id limit 1;
  update billing.user_plans set version = billing.next_version(version) where user_id = of_user returning * into plan;
  insert into billing.plan_events (event_type, user_id, version, occurred_at, plan, payload, metadata, subscription_id, source_event_id, replay_name)
  values (
    write_plan_event.event_type, of_user, plan.version, to_timestamp((event ->> 'created')::bigint), plan.state,
    jsonb_strip_nulls(jsonb_build_object('session_id', session, 'subscription_id', subject.subscription_id, 'customer_id', subject.customer_id))
      || write_plan_event.payload || '{"source": "stripe"}',
    jsonb_build_object('version', 'v2', 'origin', event -> 'origin'),
    subject.subscription_id, event ->> 'id', event ->> 'replay_name');
end
$$;

-- Derives one user's plan anew and notifies the apps if it is another one. The first sight of something long over is no news; nor is what
-- a quiet event (a backfill) finds. Answers how many plan events it wrote.
create function billing.settle_user(event jsonb, of_user text, subject billing.subscriptions) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  held billing.user_plans;
  now_is record;
begin
  select * into held from billing.user_plans where user_id = of_user for update;
  if not found then
    insert into billing.user_plans (user_id) values (of_user) on conflict do nothing;
    select * into held from billing.user_plans where user_id = of_user for update;
  end if;
  now_is := billing.state_of(of_user);
  if (now_is.state, now_is.changes_at) is not distinct from (held.state, held.changes_at) then
    return 0;
  end if;
  update billing.user_plans set state = now_is.state, changes_at = now_is.changes_at where user_id = of_user;
  if now_is.state is not distinct from held.state
    or (event ->> 'quiet')::boolean
    or (held.version = 0 and billing.is_over(now_is.state) and (held.state is null or billing.is_over(held.state))) then
    return 0;
  end if;
  perform billing.write_plan_event(event, billing.transition(held.state, now_is.state), of_user, subject, '{}');
  return 1;
end
$$;

-- Notifies the user of an invoice that could not be collected: once for each attempt.
create function billing.settle_problem(event jsonb, invoice billing.invoices, subject billing.subscriptions) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  notice constant text := invoice.problem || '#' || invoice.attempt_count;
begin
  if notice is null or notice is not distinct from invoice.notified_problem or subject.user_id is null or subject.status is null then
    return 0;
  end if;
  update billing.invoices set notified_problem = notice where invoice_id = invoice.invoice_id;
  if (event ->> 'quiet')::boolean then
    return 0;
  end if;
  perform billing.write_plan_event(
    event, case invoice.problem when 'payment_failed' then 'PAYMENT_FAILED' else 'PAYMENT_ACTION_REQUIRED' end, subject.user_id, subject,
    jsonb_build_object('invoice_id', invoice.invoice_id, 'currency', invoice.currency, 'amount', invoice.amount_due_minor));
  return 1;
end
$$;

-- The user of a customer's earliest subscription that has one.
create function billing.first_named(of_customer text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select user_id from billing.subscriptions
    where customer_id = of_customer and user_id is not null order by started_at, subscription_id limit 1);
end
$$;

-- What a changed subscription means to its user, and to the one who had it before. Users in the order of their ids: two calls never wait for each other crosswise.
create function billing.settle_subscription(event jsonb, before billing.subscriptions, after billing.subscriptions, customer billing.customers) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  concerned text;
  invoice billing.invoices;
  notified integer := 0;
begin
  foreach concerned in array case
    when before.user_id is null or before.user_id = after.user_id then array[after.user_id]
    when after.user_id is null or before.user_id < after.user_id then array[before.user_id, after.user_id]
    else array[after.user_id, before.user_id]
  end loop
    if concerned is not null then
      notified := notified + billing.settle_user(event, concerned, after);
    end if;
  end loop;

  if after.user_id is distinct from before.user_id and customer.metadata_user_id is null and customer.session_user_id is null then
    update billing.customers set user_id = billing.first_named(customer_id) where customer_id = after.customer_id;
  end if;

  if after.user_id is null then
    return notified;
  end if;
  if before.user_id is null or before.status is null then
    for invoice in
      select * from billing.invoices as open where open.subscription_id = after.subscription_id and open.problem is not null order by open.as_of, open.invoice_id
    loop
      notified := notified + billing.settle_problem(event, invoice, after);
    end loop;
  end if;
  if after.status = 'trialing' and after.trial_ending_at = after.trial_end and after.trial_ending_notified is distinct from after.trial_end then
    update billing.subscriptions set trial_ending_notified = trial_end where subscription_id = after.subscription_id;
    if not coalesce((event ->> 'quiet')::boolean, false) then
      perform billing.write_plan_event(event, 'TRIAL_ENDING', after.user_id, after, '{}');
      notified := notified + 1;
    end if;
  end if;
  return notified;
end
$$;

-- Derives a held subscription anew after a neighbour of it changed, and settles what that means.
create function billing.rederive(event jsonb, held billing.subscriptions, customer billing.customers) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  next constant billing.subscriptions := billing.derive(held, customer);
begin
  if next is not distinct from held then
    return 0;
  end if;
  perform billing.write_subscription(next);
  return billing.settle_subscription(event, held, next, customer);
end
$$;
