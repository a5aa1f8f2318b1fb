-- The apply function: one Stripe event, one call, one transaction. Functions only, so safe while live.
--
-- Idempotent by event id and monotonic by the order rule (20261121000200): no replay, race or crash can move a state backwards.
-- All events of one customer pass one after another (an advisory lock, the only lock that is waited for, hence no deadlock).

-- Takes a subscription event's snapshot, or the fetch that settles it. Answers changed | same | stale, or undecidable with a ticket.
create function billing.apply_subscription(event jsonb, fact jsonb, fetched jsonb) returns jsonb
language plpgsql as $$
declare
  id constant text := fact ->> 'subscription_id';
  created constant timestamptz := to_timestamp((event ->> 'created')::bigint);
  -- A reconcile run has no snapshot: it always asks Stripe, in the second of the row it found.
  asks_stripe constant boolean := fact -> 'snapshot' = 'null';
  -- Stripe's answer tells all that had happened by the event that asked; the comparison with Stripe asks in the row's own second.
  answer_as_of constant timestamptz := case when asks_stripe then (fetched ->> 'as_of')::timestamptz else greatest((fetched ->> 'as_of')::timestamptz, created) end;
  held billing.subscriptions;
  next billing.subscriptions;
  verdict text;
begin
  select * into held from billing.subscriptions where subscription_id = id;
  if fetched is not null then
    verdict := billing.order_of_fetch(held, (fetched ->> 'ticket')::integer, answer_as_of, fetched -> 'snapshot' ->> 'status', event ->> 'origin' <> 'webhook');
  elsif asks_stripe then
    verdict := 'undecidable';
  else
    verdict := billing.order_of_event(held, event ->> 'id', event ->> 'type', created, fact -> 'snapshot' ->> 'status', event ->> 'origin' = 'replay');
  end if;

  -- Two events of one second that show the same (Stripe sends `paused` beside an `updated`): whichever came later, the row is right, unless
  -- an answer is still under way that may show another one between them. A replay asks all the same: what is held may have been read wrongly.
  if verdict = 'undecidable' and not asks_stripe and event ->> 'origin' <> 'replay' and held.ticket_issued = held.ticket_applied
    and jsonb_populate_record(held, fact -> 'snapshot') is not distinct from held then
    return jsonb_build_object('verdict', 'same');
  end if;

  if verdict = 'stale' then
    return jsonb_build_object('verdict', 'stale');
  end if;

  if verdict = 'undecidable' then
    insert into billing.subscriptions as row (subscription_id, customer_id, livemode, ticket_issued)
    values (id, fact ->> 'customer_id', (event ->> 'livemode')::boolean, 1)
    on conflict (subscription_id) do update set ticket_issued = row.ticket_issued + 1
    returning * into next;
    return jsonb_build_object(
      'verdict', 'undecidable', 'ticket', next.ticket_issued, 'as_of', next.as_of, 'subscription_id', id, 'held', to_jsonb(held));
  end if;

  next := jsonb_populate_record(held, coalesce(fetched, fact) -> 'snapshot');
  next.subscription_id := id;
  next.customer_id := fact ->> 'customer_id';
  next.livemode := (event ->> 'livemode')::boolean;
  next.ticket_issued := coalesce(held.ticket_issued, 0);
  if fetched is null then
    next.as_of := created;
    next.source_event_id := event ->> 'id';
    next.source_type := event ->> 'type';
    -- A later event overtakes every question under way; the row's own event, read anew, overtakes none.
    next.ticket_applied := case when held.source_event_id = event ->> 'id' then held.ticket_applied else coalesce(held.ticket_issued, 0) end;
  else
    next.as_of := coalesce(answer_as_of, next.started_at, held.as_of);
    next.source_event_id := null;
    next.source_type := 'fetch';
    -- So does an end.
    next.ticket_applied := case
      when billing.is_terminal(next.status) and not billing.is_terminal(held.status) then held.ticket_issued
      else greatest((fetched ->> 'ticket')::integer, held.ticket_applied)
    end;
  end if;

  if held.subscription_id is null then
    insert into billing.subscriptions select next.*;
    return jsonb_build_object('verdict', 'changed');
  end if;
  update billing.subscriptions set (
    as_of, source_event_id, source_type, ticket_applied,
    status, metadata_user_id, price_id, lookup_key, quantity, currency, amount_minor, billing_interval,
    current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at,
    trial_start, trial_end, started_at, latest_invoice_id, plan_id, tier, grace_days
  ) = (
    next.as_of, next.source_event_id, next.source_type, next.ticket_applied,
    next.status, next.metadata_user_id, next.price_id, next.lookup_key, next.quantity, next.currency, next.amount_minor, next.billing_interval,
    next.current_period_start, next.current_period_end, next.cancel_at_period_end, next.cancel_at, next.canceled_at, next.ended_at,
    next.trial_start, next.trial_end, next.started_at, next.latest_invoice_id, next.plan_id, next.tier, next.grace_days
  ) where subscription_id = id;
  -- What a ticket counts is no news.
  next.ticket_applied := held.ticket_applied;
  if fetched is not null then
    next.source_event_id := held.source_event_id;
    next.source_type := held.source_type;
  end if;
  return jsonb_build_object('verdict', case when next is distinct from held then 'changed' else 'same' end);
end
$$;

-- A checkout names a subscription before Stripe has told us of it: a row that any event of that subscription overrides.
create function billing.expect_subscription(fact jsonb, livemode boolean) returns void
language sql as $$
  insert into billing.subscriptions (subscription_id, customer_id, livemode, status, currency, amount_minor)
  values (fact ->> 'subscription_id', fact ->> 'customer_id', livemode, 'incomplete', fact ->> 'currency', (fact ->> 'amount_minor')::bigint)
  on conflict (subscription_id) do nothing
$$;

create function billing.apply_fact(event jsonb, fact jsonb, fetched jsonb) returns jsonb
language plpgsql as $$
declare
  kind constant text := fact ->> 'kind';
  incoming jsonb;
  verdict text;
begin
  if kind = 'subscription' then
    return billing.apply_subscription(event, fact, fetched);
  end if;
  incoming := (fact - 'kind') || jsonb_build_object(
    'livemode', event -> 'livemode',
    'as_of', to_timestamp((event ->> 'created')::bigint),
    'source_event_id', event -> 'id',
    'progress', billing.progress(kind, event ->> 'type', fact));
  verdict := case kind
    when 'customer' then billing.store_if_later('billing.customers', 'customer_id', incoming)
    when 'checkout' then billing.store_if_later('billing.checkouts', 'session_id', incoming)
    when 'invoice' then billing.store_if_later('billing.invoices', 'invoice_id', incoming)
    when 'payment' then billing.store_if_later('billing.payments', 'payment_id', incoming)
    when 'refund' then billing.store_if_later('billing.refunds', 'refund_id', incoming)
    when 'dispute' then billing.store_if_later('billing.disputes', 'dispute_id', incoming)
  end;
  if verdict is null then
    raise exception 'billing.apply_event does not know facts of kind %', coalesce(kind, 'null')
      using errcode = '22023', hint = 'The handlers are newer than the migrations: run `npm run ops -- migrate`.';
  end if;
  if kind = 'checkout' and fact ->> 'status' = 'complete' and fact ->> 'subscription_id' is not null then
    perform billing.expect_subscription(fact, (event ->> 'livemode')::boolean);
  end if;
  return jsonb_build_object('verdict', verdict);
end
$$;

-- The plan events that this delivery must publish: a duplicate publishes again what a crash may have kept from the bus,
-- a replay only what that replay wrote.
create function billing.plan_events_of(event jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', id, 'event_type', event_type, 'user_id', user_id, 'payload', payload, 'app_source', app_source, 'metadata', metadata) order by sequence), '[]')
  from billing.plan_events
  where source_event_id = event ->> 'id' and replay_name is not distinct from event ->> 'replay_name'
$$;

-- Which of these events the ledger lacks, and what we hold of these subscriptions. Reads only.
create function billing.compare(fact jsonb) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'outcome', 'ignored',
    'plan_events', '[]'::jsonb,
    'missing_event_ids', coalesce((
      select jsonb_agg(wanted.id) from jsonb_array_elements_text(fact -> 'event_ids') as wanted(id)
      where not exists (select from billing.events where event_id = wanted.id)), '[]'),
    'held', coalesce((
      select jsonb_agg(to_jsonb(held)) from billing.subscriptions as held
      where held.subscription_id in (select jsonb_array_elements_text(fact -> 'subscription_ids'))
         or held.customer_id in (select jsonb_array_elements_text(coalesce(fact -> 'customer_ids', '[]')))
         or held.user_id in (select jsonb_array_elements_text(coalesce(fact -> 'user_ids', '[]')))), '[]'))
$$;

-- Applies one Stripe event.
--
-- event:   { id, type, created (Unix seconds), livemode, api_version, arrived_at, replay_name, origin, worker, ignored, parked }
-- fact:    what the event tells, by `kind` (core/facts), or null
-- fetched: { ticket, as_of, snapshot } once Stripe was asked because of an earlier answer `undecidable`
-- answer:  { outcome, reason, plan_events } with outcome applied | duplicate | stale | refetched | ignored | parked,
--          or { outcome: undecidable, ticket, as_of, subscription_id, held }, which changed nothing but the ticket counter
create function billing.apply_event(event jsonb, fact jsonb, fetched jsonb default null) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  customer constant text := fact ->> 'customer_id';
  object_id constant text := coalesce(
    fact ->> 'subscription_id', fact ->> 'session_id', fact ->> 'invoice_id', fact ->> 'payment_id',
    fact ->> 'refund_id', fact ->> 'dispute_id', customer);
  is_replay constant boolean := event ->> 'origin' = 'replay';
  known billing.events;
  result jsonb;
  verdict text;
  told integer := 0;
  outcome text;
  reason text;
begin
  if event ->> 'type' = 'reconcile.compare' then
    return billing.compare(fact);
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(coalesce(customer, object_id, event ->> 'id'), 0));

  select * into known from billing.events where event_id = event ->> 'id';
  -- What was parked was never applied; a redrive tries again.
  if known.outcome = 'parked' then
    known := null;
  end if;
  if known.event_id is not null and not is_replay then
    return pg_catalog.jsonb_build_object('outcome', 'duplicate', 'reason', 'known_event', 'plan_events', billing.plan_events_of(event));
  end if;

  if event ->> 'parked' is not null then
    outcome := 'parked';
    reason := event ->> 'parked';
  elsif event ->> 'ignored' is not null or fact is null or fact = 'null' then
    outcome := 'ignored';
    reason := coalesce(event ->> 'ignored', 'no_plan_state');
  else
    result := billing.apply_fact(event, fact, fetched);
    verdict := result ->> 'verdict';
    if verdict = 'undecidable' then
      return result - 'verdict' || '{"outcome": "undecidable", "plan_events": []}';
    end if;
    if customer is not null then
      told := billing.announce(event, customer);
    end if;
    outcome := case
      when told = 0 and verdict = 'same' and (fetched is null or is_replay) then 'duplicate'
      when verdict = 'stale' then 'stale'
      when fetched is not null then 'refetched'
      else 'applied'
    end;
    reason := case when outcome = 'duplicate' then 'same_state' end;
  end if;

  insert into billing.events as ledger
    (event_id, type, created, livemode, api_version, worker, origin, replay_name, customer_id, object_id, outcome, reason, arrived_at)
  values (
    event ->> 'id', event ->> 'type', pg_catalog.to_timestamp((event ->> 'created')::bigint), (event ->> 'livemode')::boolean,
    event ->> 'api_version', event ->> 'worker', event ->> 'origin', event ->> 'replay_name', customer, object_id,
    outcome, reason, (event ->> 'arrived_at')::timestamptz)
  on conflict (event_id) do update set
    outcome = excluded.outcome, reason = excluded.reason, replay_name = excluded.replay_name, committed_at = excluded.committed_at
    where ledger.outcome = 'parked' or excluded.outcome in ('applied', 'refetched');

  return pg_catalog.jsonb_build_object('outcome', outcome, 'reason', reason, 'plan_events', billing.plan_events_of(event));
end
$$;
