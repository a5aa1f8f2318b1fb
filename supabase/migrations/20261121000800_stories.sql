-- What support, on-call and finance ask for: the story of a user, the story of one event, a month's money. Reading functions only, so safe while live.

-- All that we hold of a user, or of some customers: who they are, what stands for their plan, what Stripe told when, what became of it, and what the
-- apps were notified of. Newest first; of ledger and plan events the latest `most` each. Reads only.
create function billing.story_of(of_user text, of_customers text[], most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  concerned constant text[] := array(
    select unnest(of_customers)
    union select customer_id from billing.customers where user_id = of_user
    union select customer_id from billing.subscriptions where user_id = of_user);
  users constant text[] := array(
    select of_user where of_user is not null
    union select user_id from billing.subscriptions where customer_id = any (concerned) and user_id is not null);
begin
  return jsonb_build_object(
    'customers', (select coalesce(jsonb_agg(to_jsonb(it) - array['progress', 'livemode'] order by customer_id), '[]') from billing.customers as it where customer_id = any (concerned)),
    'plans', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'user_id', named, 'version', coalesce(told.version, 0), 'state', (billing.state_of(named)).state, 'notified', told.state) order by named), '[]')
      from unnest(users) as named left join billing.user_plans as told on told.user_id = named),
    'subscriptions', (
      select coalesce(jsonb_agg(to_jsonb(state) || jsonb_build_object(
          'price_id', held.price_id, 'cancellation_reason', held.cancellation_reason, 'canceled_at', held.canceled_at, 'ended_at', held.ended_at,
          'source_event_id', held.source_event_id, 'source_type', held.source_type)
        order by state.entitled desc, state.precedence desc, state.subscription_id desc), '[]')
      from billing.subscription_states as state join billing.subscriptions as held using (subscription_id)
      where state.customer_id = any (concerned) or state.user_id = of_user),
    'unpaid_invoices', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'invoice_id', invoice_id, 'subscription_id', subscription_id, 'problem', problem, 'attempt_count', attempt_count, 'created', created) order by created desc), '[]')
      from billing.invoices where customer_id = any (concerned) and status = 'open' and attempt_count > 0),
    'ledger', (
      select coalesce(jsonb_agg(entry.it order by entry.created desc, entry.committed_at desc), '[]') from (
        select to_jsonb(settled) || jsonb_build_object('told', (
            select to_jsonb(snapshot) from billing.subscription_history as snapshot
            where snapshot.subscription_id = settled.object_id and snapshot.as_of = settled.created and snapshot.source_event_id = settled.event_id)) as it,
          settled.created, settled.committed_at
        from billing.events as settled where settled.customer_id = any (concerned) order by settled.created desc, settled.committed_at desc limit most) as entry),
    'plan_events', (
      select coalesce(jsonb_agg(to_jsonb(it) - array['payload', 'app_source', 'sequence'] order by it.version desc), '[]')
      from (select * from billing.plan_events where user_id = any (users) order by version desc limit most) as it));
end
$$;

-- One event: its row in the ledger, what it told of a subscription between what was told before and after, the row as it is now, the event that was
-- held against it, and the plan events that it made. Everything null or empty for an event that we never settled. Reads only.
create function billing.story_of_event(of_event text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  settled billing.events;
  told billing.subscription_history;
begin
  select * into settled from billing.events where event_id = of_event;
  select * into told from billing.subscription_history
  where subscription_id = settled.object_id and as_of = settled.created and source_event_id = of_event;
  return jsonb_build_object(
    'ledger', case when settled.event_id is not null then to_jsonb(settled) end,
    'told', case when told.subscription_id is not null then to_jsonb(told) end,
    'before', (
      select to_jsonb(it) from billing.subscription_history as it
      where it.subscription_id = told.subscription_id and it.as_of < told.as_of order by it.as_of desc, it.source_event_id desc limit 1),
    'after', (
      select to_jsonb(it) from billing.subscription_history as it
      where it.subscription_id = told.subscription_id and it.as_of > told.as_of order by it.as_of, it.source_event_id limit 1),
    'held_now', (
      select to_jsonb(it) - 'precedence' from billing.subscription_states as it where it.subscription_id = settled.object_id),
    'held_event', (select to_jsonb(it) from billing.events as it where it.event_id = settled.held_event_id),
    'plan_events', (
      select coalesce(jsonb_agg(to_jsonb(it) - array['payload', 'app_source', 'sequence'] order by it.sequence), '[]')
      from billing.plan_events as it where it.source_event_id = of_event));
end
$$;

-- A month (UTC) in money, by currency: what came in and went out, and how recurring revenue moved. A month in which nothing moved opens and closes with
-- what the month before closed with. `opening_customers` paid something when the month began. Reads only.
create function billing.money_of(month date, of_livemode boolean) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  first constant date := date_trunc('month', month)::date;
begin
  return (
    with revenue as (
      select currency, sum(gross_minor) as gross_minor, sum(refunded_minor) as refunded_minor, sum(disputed_minor) as disputed_minor, sum(net_minor) as net_minor,
        sum(payments) as payments, sum(refunds) as refunds, sum(disputes_lost) as disputes_lost
      from billing.revenue_daily as daily
      where daily.livemode = of_livemode and daily.day >= first and daily.day < first + interval '1 month' group by currency
    ), movements as (
      select * from billing.mrr_movements as moved where moved.livemode = of_livemode and moved.month <= first
    ), mrr as (
      select currency,
        sum(closing_minor) filter (where is_last) - sum(change) as opening_minor, sum(new_minor) as new_minor, sum(expansion_minor) as expansion_minor,
        sum(contraction_minor) as contraction_minor, sum(churn_minor) as churn_minor, sum(reactivation_minor) as reactivation_minor,
        sum(closing_minor) filter (where is_last) as closing_minor,
        sum(customers) filter (where not is_month) as opening_customers,
        sum(new_customers) as new_customers, sum(churned_customers) as churned_customers, sum(reactivated_customers) as reactivated_customers
      from (
        select it.currency, it.month = first as is_month, it.closing_minor,
          row_number() over (partition by it.currency order by it.month desc) = 1 as is_last,
          it.new_customers + it.reactivated_customers - it.churned_customers as customers,
          case when it.month = first then it.closing_minor - it.opening_minor else 0 end as change,
          case when it.month = first then it.new_minor else 0 end as new_minor,
          case when it.month = first then it.expansion_minor else 0 end as expansion_minor,
          case when it.month = first then it.contraction_minor else 0 end as contraction_minor,
          case when it.month = first then it.churn_minor else 0 end as churn_minor,
          case when it.month = first then it.reactivation_minor else 0 end as reactivation_minor,
          case when it.month = first then it.new_customers else 0 end as new_customers,
          case when it.month = first then it.churned_customers else 0 end as churned_customers,
          case when it.month = first then it.reactivated_customers else 0 end as reactivated_customers
        from movements as it) as by_month
      group by currency
    )
    select coalesce(jsonb_agg(jsonb_build_object(
      'currency', currency,
      'gross_minor', coalesce(revenue.gross_minor, 0), 'refunded_minor', coalesce(revenue.refunded_minor, 0),
      'disputed_minor', coalesce(revenue.disputed_minor, 0), 'net_minor', coalesce(revenue.net_minor, 0),
      'payments', coalesce(revenue.payments, 0), 'refunds', coalesce(revenue.refunds, 0), 'disputes_lost', coalesce(revenue.disputes_lost, 0),
      'opening_minor', coalesce(mrr.opening_minor, 0), 'new_minor', coalesce(mrr.new_minor, 0), 'expansion_minor', coalesce(mrr.expansion_minor, 0),
      'contraction_minor', coalesce(mrr.contraction_minor, 0), 'churn_minor', coalesce(mrr.churn_minor, 0),
      'reactivation_minor', coalesce(mrr.reactivation_minor, 0), 'closing_minor', coalesce(mrr.closing_minor, 0),
      'opening_customers', coalesce(mrr.opening_customers, 0), 'new_customers', coalesce(mrr.new_customers, 0),
      'churned_customers', coalesce(mrr.churned_customers, 0), 'reactivated_customers', coalesce(mrr.reactivated_customers, 0)) order by currency), '[]')
    from revenue full join mrr using (currency));
end
$$;

call billing.take_ownership();
grant execute on function billing.story_of(text, text[], integer), billing.story_of_event(text), billing.money_of(date, boolean) to stripe_writer, billing_reader;
comment on role stripe_writer is
  'The handlers: may execute billing.apply_events, compare, due_users, the five functions of the comparison with Stripe and the three that tell stories, and nothing else.';
