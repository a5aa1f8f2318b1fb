-- What people and apps read. Views only, so safe while live.

-- One row per user (per customer while the user is not known): the subscription that entitles to most, else the latest.
create view billing.plan_states with (security_invoker = true) as
select distinct on (coalesce('user ' || user_id, 'customer ' || customer_id))
  user_id,
  customer_id,
  subscription_id,
  plan_id,
  -- null for an entitled subscription whose price the catalogue lacks: unknown, not free
  case when entitled then tier else 'FREE' end as tier,
  status,
  entitled,
  current_period_end,
  cancel_at_period_end,
  cancel_at,
  grace_ends_at,
  as_of
from (
  select *, billing.is_entitled(status, grace_ends_at, now()) as entitled
  from (
    select subscription_id, customer_id, user_id, plan_id, tier, billing.plan_status(subscriptions.status) as status,
      current_period_end, cancel_at_period_end, cancel_at, grace_ends_at, as_of
    from billing.subscriptions
    where subscriptions.status is not null
  ) as named
) as judged
order by
  coalesce('user ' || user_id, 'customer ' || customer_id),
  entitled desc,
  billing.tier_rank(tier) desc nulls last,
  array_position(array['expired', 'cancelled', 'suspended', 'pending', 'past_due', 'trialing', 'active'], status) desc,
  as_of desc nulls last,
  subscription_id;

create view public.my_plan with (security_invoker = true) as
select plan_id, tier, status, entitled, current_period_end, cancel_at_period_end, cancel_at, grace_ends_at, as_of, user_id
from billing.plan_states;
comment on view public.my_plan is 'The signed-in user''s plan: row-level security of billing.subscriptions lets nobody see another''s.';

create view public.my_plan_events with (security_invoker = true) as
select id, sequence, event_type, user_id, payload, app_source, metadata, created_at
from billing.plan_events;
comment on view public.my_plan_events is 'What changed of the signed-in user''s plan, in order.';

-- Money in by the day of the charge, money out by the day of the refund (UTC), currencies and modes apart, in minor units.
create view billing.revenue_daily as
select day, livemode, currency,
  sum(gross_minor) as gross_minor,
  sum(refunded_minor) as refunded_minor,
  sum(gross_minor) - sum(refunded_minor) as net_minor,
  sum(payments) as payments,
  sum(refunds) as refunds
from (
  select (created at time zone 'UTC')::date as day, livemode, currency, amount_minor as gross_minor, 0 as refunded_minor, 1 as payments, 0 as refunds
  from billing.payments where object = 'charge' and status = 'succeeded'
  union all
  select (created at time zone 'UTC')::date, livemode, currency, 0, amount_minor, 0, 1
  from billing.refunds where status = 'succeeded'
) as moves
group by day, livemode, currency;

create view billing.subscriptions_by_plan as
select livemode, plan_id, tier, billing.plan_status(status) as status, currency, billing_interval,
  count(*) as subscriptions, sum(amount_minor) as amount_minor
from billing.subscriptions
where status is not null
group by livemode, plan_id, tier, billing.plan_status(status), currency, billing_interval;
comment on view billing.subscriptions_by_plan is 'amount_minor: what they pay together per billing interval. plan_id null: a price that the catalogue lacks.';

-- By day (UTC): how checkouts ended, and what became of the trials that began.
create view billing.conversion as
select day, livemode,
  sum(checkouts_completed) as checkouts_completed,
  sum(checkouts_expired) as checkouts_expired,
  sum(trials_started) as trials_started,
  sum(trials_running) as trials_running,
  sum(trials_converted) as trials_converted
from (
  select (as_of at time zone 'UTC')::date as day, livemode,
    (status = 'complete')::integer as checkouts_completed, (status = 'expired')::integer as checkouts_expired,
    0 as trials_started, 0 as trials_running, 0 as trials_converted
  from billing.checkouts
  union all
  select (trial_start at time zone 'UTC')::date, livemode, 0, 0, 1,
    (status = 'trialing')::integer,
    -- A trial converts when the subscription outlives it: a period after the trial's end was begun.
    (status not in ('trialing', 'incomplete', 'incomplete_expired') and coalesce(ended_at, 'infinity') > trial_end and current_period_start >= trial_end)::integer
  from billing.subscriptions where trial_start is not null
) as steps
group by day, livemode;

create view billing.payment_history as
select
  coalesce(subscriber.user_id, billed.user_id) as user_id,
  payment.customer_id, payment.payment_id, payment.object, payment.invoice_id, payment.status, payment.failure_code, payment.currency,
  payment.amount_minor,
  -- By the refunds themselves where we know them: no event of the charge tells that one bounced.
  coalesce(refunded.amount_minor, payment.amount_refunded_minor) as amount_refunded_minor,
  dispute.status as dispute_status, payment.livemode, payment.created
from billing.payments as payment
left join lateral (
  select user_id from billing.subscriptions where customer_id = payment.customer_id and user_id is not null order by as_of desc nulls last limit 1
) as subscriber on true
left join lateral (
  select coalesce(
    (select metadata_user_id from billing.customers where customer_id = payment.customer_id),
    (select user_id from billing.checkouts where customer_id = payment.customer_id and user_id is not null order by as_of desc limit 1)) as user_id
) as billed on true
left join lateral (
  select case when count(*) > 0 then coalesce(sum(amount_minor) filter (where status = 'succeeded'), 0)::bigint end as amount_minor
  from billing.refunds where charge_id = payment.payment_id
) as refunded on true
left join lateral (
  select status from billing.disputes where charge_id = payment.payment_id order by as_of desc limit 1
) as dispute on true;
comment on view billing.payment_history is 'For support: where user_id = ''…'' order by created.';
