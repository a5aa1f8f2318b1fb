-- What we derive from the facts: whose subscription it is, what plan state it gives, what the apps must be told.
-- Functions only, so safe while live.

create function billing.plan_status(stripe_status text) returns text
language sql immutable as $$
  select case stripe_status
    when 'incomplete' then 'pending'
    when 'trialing' then 'trialing'
    when 'active' then 'active'
    when 'past_due' then 'past_due'
    when 'unpaid' then 'suspended'
    when 'paused' then 'suspended'
    when 'canceled' then 'cancelled'
    when 'incomplete_expired' then 'expired'
  end
$$;
comment on function billing.plan_status is 'Stripe''s word for a subscription, in the apps'' words.';

-- Grace without an end (null) is a price that the catalogue lacks: never silently without a plan.
create function billing.is_entitled(plan_status text, grace_ends_at timestamptz, at timestamptz) returns boolean
language sql immutable as $$
  select coalesce(
    plan_status in ('active', 'trialing') or (plan_status = 'past_due' and (grace_ends_at is null or at < grace_ends_at)),
    false)
$$;

create function billing.tier_rank(tier text) returns integer
language sql immutable as $$
  select array_position(array['FREE', 'PREMIUM', 'PREMIUM_PLUS'], tier)
$$;

-- Whose subscription: the checkout that made it, its own metadata, the customer's metadata, another checkout of that customer.
create function billing.user_of(subscription billing.subscriptions) returns text
language sql stable as $$
  select coalesce(
    (select user_id from billing.checkouts c where c.subscription_id = subscription.subscription_id and user_id is not null
      order by as_of desc, session_id desc limit 1),
    subscription.metadata_user_id,
    (select metadata_user_id from billing.customers c where c.customer_id = subscription.customer_id),
    (select user_id from billing.checkouts c where c.customer_id = subscription.customer_id and user_id is not null
      order by as_of desc, session_id desc limit 1))
$$;

-- A past_due subscription stays entitled for the plan's grace days, counted from when the unpaid period or invoice began.
-- Taken from Stripe's own dates, so that it does not depend on which event reached us first.
create function billing.grace_end_of(subscription billing.subscriptions) returns timestamptz
language sql stable as $$
  select case when subscription.status = 'past_due' then
    greatest(
      subscription.current_period_start,
      (select created from billing.invoices where invoice_id = subscription.latest_invoice_id)
    ) + make_interval(days => subscription.grace_days)
  end
$$;

-- What the apps can see of a subscription; a change of it is a plan event.
create function billing.announcement_of(subscription billing.subscriptions) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'user_id', subscription.user_id,
    'status', billing.plan_status(subscription.status),
    'plan_id', subscription.plan_id,
    'tier', subscription.tier,
    'currency', subscription.currency,
    'amount', subscription.amount_minor,
    'current_period_end', subscription.current_period_end,
    'cancel_at_period_end', coalesce(subscription.cancel_at_period_end, false),
    'cancel_at', subscription.cancel_at)
$$;

create function billing.transition(before jsonb, after jsonb) returns text
language sql immutable as $$
  select case
    when after ->> 'status' in ('cancelled', 'expired') and coalesce(before ->> 'status', '') not in ('cancelled', 'expired')
      then 'SUBSCRIPTION_CANCELLED'
    when after ->> 'status' in ('active', 'trialing', 'past_due') and coalesce(before ->> 'status', 'pending') in ('pending', 'suspended')
      then 'SUBSCRIPTION_ACTIVATED'
    else 'SUBSCRIPTION_UPDATED'
  end
$$;

create function billing.write_plan_event(
  event jsonb, event_type text, subscription billing.subscriptions, currency text, amount bigint
) returns void
language sql as $$
  insert into billing.plan_events (event_type, user_id, payload, metadata, subscription_id, source_event_id, replay_name)
  values (
    write_plan_event.event_type,
    subscription.user_id,
    jsonb_strip_nulls(jsonb_build_object(
      'session_id', (select session_id from billing.checkouts c where c.subscription_id = subscription.subscription_id
                     order by as_of desc, session_id desc limit 1),
      'subscription_id', subscription.subscription_id))
    || jsonb_build_object(
      'plan_id', subscription.plan_id,
      'status', billing.plan_status(subscription.status),
      'customer_id', subscription.customer_id,
      'currency', currency,
      'amount', amount,
      'source', 'stripe'),
    jsonb_build_object('version', 'v1', 'origin', event ->> 'origin'),
    subscription.subscription_id,
    event ->> 'id',
    event ->> 'replay_name')
$$;

-- Derives anew what depends on a customer's facts, and tells the apps what changed. A subscription whose user is not known
-- yet waits: the link that completes it announces it. Answers how many plan events it wrote.
create function billing.announce(event jsonb, of_customer text) returns integer
language plpgsql as $$
declare
  subscription billing.subscriptions;
  invoice billing.invoices;
  announcement jsonb;
  written integer := 0;
begin
  for subscription in select * from billing.subscriptions where customer_id = of_customer order by subscription_id loop
    announcement := subscription.announced;
    subscription.user_id := billing.user_of(subscription);
    subscription.grace_ends_at := billing.grace_end_of(subscription);
    if subscription.status is not null and subscription.user_id is not null then
      announcement := billing.announcement_of(subscription);
      if announcement is distinct from subscription.announced then
        perform billing.write_plan_event(
          event,
          -- Another user's history is not this user's: for them it begins here.
          billing.transition(case when subscription.announced ->> 'user_id' = subscription.user_id then subscription.announced end, announcement),
          subscription, subscription.currency, subscription.amount_minor);
        written := written + 1;
      end if;
    end if;
    update billing.subscriptions as held
    set user_id = subscription.user_id, grace_ends_at = subscription.grace_ends_at, announced = announcement
    where held.subscription_id = subscription.subscription_id
      and (held.user_id, held.grace_ends_at, held.announced) is distinct from (subscription.user_id, subscription.grace_ends_at, announcement);
  end loop;

  for invoice in
    select * from billing.invoices
    where customer_id = of_customer and problem is not null
      and announced_problem is distinct from problem || '#' || attempt_count
    order by as_of, invoice_id
  loop
    select * into subscription from billing.subscriptions where subscription_id = invoice.subscription_id;
    continue when subscription.user_id is null or subscription.status is null;
    perform billing.write_plan_event(
      event,
      case invoice.problem when 'payment_failed' then 'PAYMENT_FAILED' else 'PAYMENT_ACTION_REQUIRED' end,
      subscription, invoice.currency, invoice.amount_due_minor);
    update billing.invoices set announced_problem = problem || '#' || attempt_count where invoice_id = invoice.invoice_id;
    written := written + 1;
  end loop;
  return written;
end
$$;
