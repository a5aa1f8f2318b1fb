-- The same as before, in fewer statements. A message that comes alone is a transaction of its own, in which plpgsql prepares each expression that it
-- reaches anew: so a single event takes a shorter way, expressions are reached only by those who need them, and nothing is read that is not used.
-- Functions, and two constraints dropped in a moment: safe while live.

-- Read and planned anew for each row of the ledger, on Postgres before 18; apply_event below writes the words, and nobody else may.
alter table billing.events drop constraint events_origin_check, drop constraint events_outcome_check;

-- As in 20261121001100, a branch for each kind.
create or replace function billing.progress(kind text, event_type text, fact jsonb) returns bigint[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  case kind
    when 'customer' then return array[
      case event_type when 'customer.created' then 0 when 'customer.updated' then 1 else 2 end,
      -- Of two updates in one second, the one that says whose customer it is.
      (fact ->> 'metadata_user_id' is not null)::integer];
    when 'checkout' then return array[
      case fact ->> 'status' when 'expired' then 0 when 'unpaid' then 1 when 'failed' then 2 else 3 end];
    when 'invoice' then return array[
      case fact ->> 'status' when 'draft' then 0 when 'open' then 1 when 'uncollectible' then 2 when 'void' then 3 else 4 end,
      (fact ->> 'attempt_count')::bigint,
      case fact ->> 'problem' when 'action_required' then 2 when 'payment_failed' then 1 else 0 end];
    when 'payment' then return array[
      case fact ->> 'status' when 'succeeded' then 3 when 'canceled' then 2 when 'failed' then 2 when 'requires_payment_method' then 1 else 0 end,
      (fact ->> 'amount_refunded_minor')::bigint,
      -- Authorised first, captured later.
      (fact ->> 'amount_minor')::bigint];
    when 'refund' then return array[
      case fact ->> 'status' when 'pending' then 0 when 'requires_action' then 1 when 'succeeded' then 2 else 3 end];
    when 'dispute' then return array[
      case event_type when 'charge.dispute.created' then 0 when 'charge.dispute.updated' then 1 else 2 end];
    when 'invoice_payment' then return array[0];
    when 'schedule' then return array[
      case fact ->> 'status' when 'not_started' then 0 when 'active' then 1 else 2 end,
      (event_type <> 'subscription_schedule.created')::integer,
      -- It is made first, and then given what comes next. Of two such updates in one second nothing tells the later: any, but the same whatever came first.
      (fact ->> 'next_change' is not null)::integer,
      coalesce(hashtextextended(fact ->> 'next_change', 0), 0)];
    else return null;
  end case;
end
$$;

-- As in 20261121000200, with two differences. Whether the row's own event says anything new is asked only when that event comes again. And a row whose
-- second is yet to come was edited, whatever comes: no event of Stripe's can be later than now, so without this none would be let in for years.
create or replace function billing.make_store(target regclass, key text, derived text[] default '{}') returns void
language plpgsql set search_path = pg_catalog, pg_temp as $make$
declare
  columns text := (
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute where attrelid = target and attnum > 0 and not attisdropped and attname <> all (derived));
  incoming_columns text := regexp_replace(columns, '(^|, )', '\1incoming.', 'g');
  keep_derived text := (select coalesce(string_agg(format('incoming.%1$I := held.%1$I;', name), ' '), '') from unnest(derived) as name);
begin
  execute format($function$
create or replace function billing.store_%1$s(incoming billing.%1$s) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $store$
declare
  held billing.%1$s;
begin
  insert into billing.%1$s as kept (%2$s) values (%3$s)
  on conflict (%4$I) do update set (%2$s) = row(%3$s)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.%1$s where %4$I = incoming.%4$I;
  if held.source_event_id = incoming.source_event_id then
    %5$s
    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.%1$s set (%2$s) = row(%3$s) where %4$I = incoming.%4$I;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.%1$s set (%2$s) = row(%3$s) where %4$I = incoming.%4$I;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$store$
$function$, (select relname from pg_class where oid = target), columns, incoming_columns, key, keep_derived);
end
$make$;

select billing.make_store('billing.customers', 'customer_id', array['session_user_id', 'user_id']);
select billing.make_store('billing.checkouts', 'session_id');
select billing.make_store('billing.invoices', 'invoice_id', array['notified_problem']);
select billing.make_store('billing.payments', 'payment_id');
select billing.make_store('billing.invoice_payments', 'invoice_payment_id');
select billing.make_store('billing.refunds', 'refund_id');
select billing.make_store('billing.disputes', 'dispute_id');
select billing.make_store('billing.schedules', 'schedule_id');

-- As in 20261121000400; reads of the ledger what it uses.
create or replace function billing.apply_event(event jsonb, fact jsonb, fetched jsonb) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  id constant text := event ->> 'id';
  of_customer constant text := fact ->> 'customer_id';
  object_id text;
  is_replay constant boolean := event ->> 'origin' = 'replay';
  known_outcome text;
  known_created timestamptz;
  customer billing.customers;
  answer billing.applied;
  outcome text;
begin
  select ledger.outcome, ledger.created into known_outcome, known_created from billing.events as ledger where ledger.event_id = id;
  -- What was parked was never applied; a redrive tries again.
  if known_outcome <> 'parked' and not is_replay then
    return jsonb_build_object(
      'outcome', 'duplicate', 'reason', 'known_event', 'held', jsonb_build_object('event_id', id, 'as_of', known_created),
      'plan_events', billing.plan_events_of(event));
  end if;
  object_id := coalesce(
    fact ->> 'subscription_id', fact ->> 'session_id', fact ->> 'invoice_id', fact ->> 'payment_id', fact ->> 'refund_id', fact ->> 'dispute_id',
    fact ->> 'user_id', of_customer);

  if event ->> 'parked' is not null then
    outcome := 'parked';
    answer.reason := event ->> 'parked';
  elsif event ->> 'ignored' is not null or fact is null or fact = 'null' then
    outcome := 'ignored';
    answer.reason := coalesce(event ->> 'ignored', 'no_plan_state');
  else
    -- Money needs to know whose customer it is only when it is read.
    if of_customer is not null and fact ->> 'kind' in ('subscription', 'customer', 'checkout', 'invoice') then
      select * into customer from billing.customers where customer_id = of_customer;
    end if;
    answer := billing.apply_fact(event, fact, fetched, customer);
    if answer.verdict = 'undecidable' then
      return jsonb_build_object(
        'outcome', 'undecidable', 'reason', answer.reason, 'ticket', answer.ticket, 'as_of', answer.held_as_of, 'subscription_id', object_id,
        'plan_events', '[]'::jsonb);
    end if;
    outcome := case
      when answer.notified = 0 and answer.verdict = 'same' and (fetched is null or is_replay) then 'duplicate'
      when answer.verdict = 'stale' then 'stale'
      when fetched is not null then 'refetched'
      else 'applied'
    end;
    if outcome = 'duplicate' then
      answer.reason := 'same_state';
    end if;
  end if;

  insert into billing.events as ledger
    (event_id, type, created, livemode, api_version, worker, origin, replay_name, customer_id, object_id, outcome, reason, held_event_id, held_as_of, arrived_at)
  values (
    id, event ->> 'type', to_timestamp((event ->> 'created')::bigint), (event ->> 'livemode')::boolean,
    event ->> 'api_version', event ->> 'worker', event ->> 'origin', event ->> 'replay_name', of_customer, object_id,
    outcome, answer.reason, answer.held_event_id, answer.held_as_of, (event ->> 'arrived_at')::timestamptz)
  on conflict (event_id) do update set
    outcome = excluded.outcome, reason = excluded.reason, held_event_id = excluded.held_event_id, held_as_of = excluded.held_as_of,
    replay_name = excluded.replay_name, committed_at = excluded.committed_at
    where ledger.outcome = 'parked' or excluded.outcome in ('applied', 'refetched');
  -- Nothing is locked for an event without a customer: another delivery of it may have come first.
  if not found and known_outcome is null then
    return jsonb_build_object('outcome', 'duplicate', 'reason', 'known_event', 'plan_events', billing.plan_events_of(event));
  end if;

  return jsonb_build_object(
    'outcome', outcome, 'reason', answer.reason,
    'held', case when answer.held_as_of is not null then jsonb_build_object('event_id', answer.held_event_id, 'as_of', answer.held_as_of) end,
    -- Most events notify nobody; what a replay finds known may have to be published again.
    'plan_events', case when answer.notified > 0 or is_replay or known_outcome is not null then billing.plan_events_of(event) else '[]' end);
end
$$;

create function billing.lock_customer(id text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from billing.customers where customer_id = id for no key update;
  if not found then
    insert into billing.customers (customer_id) values (id) on conflict do nothing;
    perform from billing.customers where customer_id = id for no key update;
  end if;
end
$$;

-- Locks the customers' rows in the order of their ids, so that two batches never wait for each other crosswise; makes those that are not there.
-- One by one: a statement with a list of ids is planned anew at every call.
create or replace function billing.lock_customers(ids text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  id text;
begin
  foreach id in array ids loop
    perform billing.lock_customer(id);
  end loop;
end
$$;

-- Applies the events of one batch, each in its place: by customer, then by Stripe's second. All of them or, when one raises, none.
drop function billing.apply_batch(jsonb, jsonb);
create function billing.apply_batch(batch jsonb) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  item record;
  answers jsonb[] := array_fill(null::jsonb, array[jsonb_array_length(batch)]);
begin
  perform billing.lock_customers(array(
    select distinct element -> 'fact' ->> 'customer_id' as id from jsonb_array_elements(batch) as element
    where element -> 'fact' ->> 'customer_id' is not null order by id));
  for item in
    select element -> 'event' as event, element -> 'fact' as fact, nullif(element -> 'fetched', 'null') as fetched, place
    from jsonb_array_elements(batch) with ordinality as it(element, place)
    order by element -> 'fact' ->> 'customer_id', (element -> 'event' ->> 'created')::bigint, element -> 'event' ->> 'id'
  loop
    answers[item.place] := billing.apply_event(item.event, item.fact, item.fetched);
  end loop;
  return to_jsonb(answers);
end
$$;

-- Takes erased persons out of a batch: what 20261121000900 did within apply_events.
create function billing.batch_without_erased(batch jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(jsonb_agg(element || case
      when jsonb_typeof(element -> 'fact') is distinct from 'object' then '{}'::jsonb
      else jsonb_build_object('fact', billing.without_erased(element -> 'fact')) || case
        when element -> 'fetched' -> 'snapshot' ? 'metadata_user_id'
          and exists (select from billing.erasures where pseudonym = billing.pseudonym_of(element -> 'fact' ->> 'customer_id'))
        then jsonb_build_object('fetched', jsonb_set(element -> 'fetched', '{snapshot,metadata_user_id}', 'null')) else '{}' end
      end order by place), '[]')
    from jsonb_array_elements(batch) with ordinality as it(element, place));
end
$$;

-- The handlers' function.
--
-- batch:     [{ event, fact, fetched }], as docs/decisions/0008 describes them
-- catalogue: { default_plan_id, tiers, default_features }: what config/plans.yaml says of those without a subscription
-- answer:    one for each, in the batch's order
create or replace function billing.apply_events(batch jsonb, catalogue jsonb default null) returns jsonb
-- Times in plan states and messages are written in UTC, whatever the session.
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  single jsonb;
  of_customer text;
begin
  -- Its own statement: what is read next sees every erasure that this has waited for.
  lock table billing.erasures in access share mode;
  if catalogue is not null then
    perform from billing.catalogue as known where to_jsonb(known) - 'single_row' = apply_events.catalogue;
    if not found then
      update billing.catalogue as known set (default_plan_id, tiers, default_features) = (
        select told.default_plan_id, told.tiers, told.default_features from jsonb_populate_record(known, apply_events.catalogue) as told);
    end if;
  end if;
  if batch @> '[{"fact": {"kind": "due"}}]' or exists (select from billing.erasures) then
    batch := billing.batch_without_erased(batch);
  end if;
  if jsonb_array_length(batch) <> 1 then
    return billing.apply_batch(batch);
  end if;
  single := batch -> 0;
  of_customer := single -> 'fact' ->> 'customer_id';
  if of_customer is not null then
    perform billing.lock_customer(of_customer);
  end if;
  return jsonb_build_array(billing.apply_event(single -> 'event', single -> 'fact', nullif(single -> 'fetched', 'null')));
end
$$;

call billing.take_ownership();
