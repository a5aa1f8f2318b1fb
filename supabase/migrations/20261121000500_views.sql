-- What people and apps read. Views and reading functions only, so safe while live.

-- One row a subscription: what it means for whoever has it. The one list of what the apps see of a plan; plan events carry its columns.
create view billing.subscription_states with (security_invoker = true) as
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
  held.precedence
from billing.subscriptions as held cross join billing.catalogue
where held.status is not null;

-- The same for whoever has none.
create view billing.state_without_subscription with (security_invoker = true) as
select
  null::text as customer_id, null::text as subscription_id, default_plan_id as plan_id, tiers[1] as tier, 'none' as status, false as entitled,
  false as plan_unknown, default_features as features, null::integer as quantity, null::text as currency, null::bigint as amount_minor,
  null::text as billing_interval, null::integer as interval_count, null::timestamptz as current_period_end, null::timestamptz as trial_end,
  false as cancel_at_period_end, null::timestamptz as cancel_at, null::timestamptz as grace_ends_at, false as collection_paused
from billing.catalogue;

-- One row per user (per customer while the user is not known): the subscription that entitles to most, else the latest. The columns behind
-- `distinct on` are plain ones, so that `where user_id = …` becomes an index condition.
create view billing.plan_states with (security_invoker = true) as
select distinct on (user_id, case when user_id is null then customer_id end) *
from billing.subscription_states
order by user_id, case when user_id is null then customer_id end, entitled desc, precedence desc, subscription_id desc;

-- Always one row for whoever is signed in, FREE (or what the catalogue calls it) without a subscription.
create view public.my_plan with (security_invoker = true) as
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
  coalesce(plan.collection_paused, false) as collection_paused, plan.as_of
from (select (select auth.uid())::text as user_id) as me
cross join billing.state_without_subscription as nobody
left join billing.user_plans as told on told.user_id = me.user_id
left join lateral (
  select * from billing.subscription_states as mine where mine.user_id = me.user_id
  order by mine.entitled desc, mine.precedence desc, mine.subscription_id desc limit 1
) as plan on true
where me.user_id is not null;
comment on view public.my_plan is 'The signed-in user''s plan, always one row: row-level security of billing.subscriptions lets nobody see another''s.';

create view public.my_plan_events with (security_invoker = true) as
select id, sequence, event_type, user_id, version, occurred_at, plan, payload, app_source, metadata, created_at
from billing.plan_events
where user_id = (select auth.uid())::text;
comment on view public.my_plan_events is 'What changed of the signed-in user''s plan, by version.';

-- Who may read a plan besides its owner: replace it where an organisation owns the plan and its members read it (docs/app.md).
create function billing.may_read_plan(owner text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return owner = (select auth.uid())::text;
end
$$;

-- Somebody's plan: for members of an organisation, by billing.may_read_plan, and for servers (service_role).
create function public.plan_of(owner text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  plan jsonb;
begin
  select to_jsonb(it) into plan from billing.subscription_states as it
  where it.user_id = owner order by it.entitled desc, it.precedence desc, it.subscription_id desc limit 1;
  if plan is null then
    select to_jsonb(it) || jsonb_build_object('user_id', owner) into plan from billing.state_without_subscription as it;
  end if;
  return plan - 'precedence' || jsonb_build_object('version', coalesce((select version from billing.user_plans as told where told.user_id = owner), 0));
end
$$;
comment on function public.plan_of is 'The plan of a user or an organisation, of the shape of my_plan, as far as the caller may read it; of whom they may not, the plan of those without.';

-- For policies: `using (has_plan('PREMIUM'))` on a table of the app.
create function public.has_plan(at_least text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  known text[];
  mine text;
begin
  select tiers into known from billing.catalogue;
  -- Until the first event brings the catalogue, only the least tier is known and nobody has another: no, and no mistake of the policy's.
  if not at_least = any (known) and cardinality(known) > 1 then
    raise exception 'has_plan: there is no tier %', coalesce(quote_literal(at_least), 'null')
      using errcode = '22023', hint = 'The tiers are ' || array_to_string(known, ', ') || ' (config/plans.yaml).';
  end if;
  select tier into mine from public.my_plan;
  return coalesce(array_position(known, mine) >= array_position(known, at_least), false);
end
$$;

-- A feature that is true, or a limit above zero.
create function public.has_feature(feature text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  value jsonb;
begin
  select features -> feature into value from public.my_plan;
  return coalesce(case jsonb_typeof(value) when 'boolean' then value::boolean when 'number' then value::numeric > 0 end, false);
end
$$;

-- Money in by the day of the charge, money out by the day of the refund or of the dispute's loss (UTC), currencies and modes apart, in minor units.
create view billing.revenue_daily as
select day, livemode, currency,
  sum(gross_minor) as gross_minor,
  sum(refunded_minor) as refunded_minor,
  sum(disputed_minor) as disputed_minor,
  sum(gross_minor) - sum(refunded_minor) - sum(disputed_minor) as net_minor,
  sum(payments) as payments,
  sum(refunds) as refunds,
  sum(disputes) as disputes_lost
from (
  select (created at time zone 'UTC')::date as day, livemode, currency, amount_minor as gross_minor, 0 as refunded_minor, 0 as disputed_minor,
    1 as payments, 0 as refunds, 0 as disputes
  from billing.payments where object = 'charge' and status = 'succeeded' and amount_minor > 0
  union all
  select (created at time zone 'UTC')::date, livemode, currency, 0, amount_minor, 0, 0, 1, 0
  from billing.refunds where status = 'succeeded'
  union all
  select (as_of at time zone 'UTC')::date, livemode, currency, 0, 0, amount_minor, 0, 0, 1
  from billing.disputes where status = 'lost'
) as moves
group by day, livemode, currency;

create view billing.subscriptions_by_plan as
select livemode, plan_id, tier, billing.plan_status(status) as status, currency, billing_interval, interval_count,
  count(*) as subscriptions, sum(amount_minor) as amount_minor, sum(monthly_minor) as monthly_minor
from billing.subscriptions
where status is not null
group by livemode, plan_id, tier, billing.plan_status(status), currency, billing_interval, interval_count;
comment on view billing.subscriptions_by_plan is 'amount_minor: what they pay together per billing interval; monthly_minor: per month. plan_id null: a price that the catalogue lacks.';

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

-- Of all that Stripe knows as customers, how many pay. Users where we know them, else customers.
create view billing.paying_users as
select livemode, count(*) as users, count(*) filter (where pays) as paying_users, round(count(*) filter (where pays)::numeric / count(*), 4) as share
from (
  select coalesce(payer.user_id, payer.customer_id) as owner, bool_or(coalesce(payer.livemode, paid.livemode, false)) as livemode, bool_or(paid.livemode is not null) as pays
  from billing.customers as payer
  left join lateral (
    select livemode from billing.subscriptions as held
    where held.customer_id = payer.customer_id and held.status in ('active', 'past_due') and held.monthly_minor > 0 limit 1
  ) as paid on true
  where not coalesce(payer.deleted, false)
  group by coalesce(payer.user_id, payer.customer_id)
) as owners
group by livemode;

-- Month by month (UTC), how recurring revenue moved: of each customer, what the last thing that Stripe told in a month makes of the month before. It reads the
-- history, which does not depend on the order of arrival; within one second the row itself is the later, because the order rule settled it.
create view billing.mrr_movements as
with told as (
  select subscription_id, customer_id, livemode, currency, status, monthly_minor, as_of,
    case source_type when 'fetch' then 0 when 'customer.subscription.created' then 1 when 'customer.subscription.deleted' then 3 else 2 end as rank,
    source_event_id
  from billing.subscription_history
  union all
  select subscription_id, customer_id, livemode, currency, status, monthly_minor, as_of, 4, '' from billing.subscriptions where as_of is not null
), monthly as (
  select distinct on (subscription_id, date_trunc('month', as_of at time zone 'UTC'))
    subscription_id, customer_id, livemode, currency, date_trunc('month', as_of at time zone 'UTC')::date as month,
    case when status in ('active', 'past_due') then coalesce(monthly_minor, 0) else 0 end as monthly_minor
  from told
  order by subscription_id, date_trunc('month', as_of at time zone 'UTC'), as_of desc, rank desc, source_event_id desc
), steps as (
  select *, monthly_minor - lag(monthly_minor, 1, 0::bigint) over (partition by subscription_id order by month) as change from monthly
), by_customer as (
  select customer_id, livemode, currency, month, sum(change) as change from steps group by customer_id, livemode, currency, month
), running as (
  select *, sum(change) over so_far as after, max(change) over so_far as ever
  from by_customer window so_far as (partition by customer_id, livemode, currency order by month)
), classified as (
  select month, livemode, currency, change, case
    when after - change = 0 and after > 0 and coalesce(max(after) over (
      partition by customer_id, livemode, currency order by month rows between unbounded preceding and 1 preceding), 0) = 0 then 'new'
    when after - change = 0 and after > 0 then 'reactivation'
    when after = 0 and change < 0 then 'churn'
    when change > 0 then 'expansion'
    when change < 0 then 'contraction'
  end as movement
  from running
)
select month, livemode, currency,
  sum(sum(change)) over (partition by livemode, currency order by month) - sum(change) as opening_minor,
  coalesce(sum(change) filter (where movement = 'new'), 0) as new_minor,
  coalesce(sum(change) filter (where movement = 'expansion'), 0) as expansion_minor,
  coalesce(sum(change) filter (where movement = 'contraction'), 0) as contraction_minor,
  coalesce(sum(change) filter (where movement = 'churn'), 0) as churn_minor,
  coalesce(sum(change) filter (where movement = 'reactivation'), 0) as reactivation_minor,
  sum(sum(change)) over (partition by livemode, currency order by month) as closing_minor,
  count(*) filter (where movement = 'new') as new_customers,
  count(*) filter (where movement = 'churn') as churned_customers,
  count(*) filter (where movement = 'reactivation') as reactivated_customers
from classified
group by month, livemode, currency;
comment on view billing.mrr_movements is 'Only months in which something moved; a month between two has the closing of the one before.';

-- One line a purchase: the charge that succeeded or else the last one, an intent that never came to a charge, and its invoice.
create view billing.payment_history as
select
  payer.user_id, payment.customer_id, payment.payment_id, payment.payment_intent_id,
  coalesce(payment.invoice_id, paid.invoice_id) as invoice_id,
  payment.status, payment.failure_code, payment.currency, payment.amount_minor,
  -- By the refunds themselves where we know them: no event of the charge tells that one bounced.
  coalesce(refunded.amount_minor, payment.amount_refunded_minor) as amount_refunded_minor,
  dispute.status as dispute_status, payment.livemode, payment.created
from billing.payments as payment
left join billing.customers as payer on payer.customer_id = payment.customer_id
left join lateral (
  select invoice_id from billing.invoice_payments as it
  where it.payment_intent_id = payment.payment_intent_id order by it.as_of desc, it.invoice_payment_id limit 1
) as paid on true
left join lateral (
  select case when count(*) > 0 then coalesce(sum(amount_minor) filter (where status = 'succeeded'), 0)::bigint end as amount_minor
  from billing.refunds where charge_id = payment.payment_id
) as refunded on true
left join lateral (
  select status from billing.disputes where charge_id = payment.payment_id order by as_of desc limit 1
) as dispute on true
where not exists (
  select from billing.payments as better
  where better.payment_intent_id = payment.payment_intent_id and better.payment_id <> payment.payment_id
    and (better.object = 'charge', better.status = 'succeeded', better.created, better.payment_id)
      > (payment.object = 'charge', payment.status = 'succeeded', payment.created, payment.payment_id));
comment on view billing.payment_history is 'For support: where user_id = ''…'' order by created.';
