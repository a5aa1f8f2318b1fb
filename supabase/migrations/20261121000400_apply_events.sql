-- The apply function: the events of one batch, one call, one transaction. Functions only, so safe while live.
--
-- Idempotent by event id and monotonic by the order rule (20261121000200): no replay, race or crash can move a state backwards.
-- All events of one customer pass one after another, by a lock on the customer's own row; a batch locks its customers in the order of their ids.
-- One file, since these functions call each other and are only right together.

-- What became of one event.
create type billing.applied as (
  -- changed | same | stale | undecidable
  verdict text,
  -- The branch of the order rule that spoke.
  reason text,
  held_event_id text,
  held_as_of timestamptz,
  -- How many plan events were written.
  notified integer,
  -- For undecidable: what the worker must bring back with Stripe's answer.
  ticket integer
);

-- Keeps a snapshot in the history, by its own second, whatever becomes of the row. A snapshot read anew by a replay replaces what it was read as before.
-- What a fetch showed stands only for a second of which no event tells: events can be read anew by a replay, an answer cannot.
create function billing.remember_snapshot(event_id text, event_type text, told billing.subscriptions) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if event_type = 'fetch' then
    if exists (
      select from billing.subscription_history as known
      where known.subscription_id = told.subscription_id and known.as_of = told.as_of and known.source_type <> 'fetch') then
      return;
    end if;
  else
    delete from billing.subscription_history as answer
    where answer.subscription_id = told.subscription_id and answer.as_of = told.as_of and answer.source_type = 'fetch';
  end if;
  insert into billing.subscription_history as kept (
    subscription_id, as_of, source_event_id, source_type, customer_id, livemode, status, price_id, plan_id, tier, tier_rank, grace_days, features,
    quantity, currency, monthly_minor, cancel_at, cancellation_reason)
  values (
    told.subscription_id, told.as_of, event_id, event_type, told.customer_id, told.livemode, told.status, told.price_id, told.plan_id, told.tier,
    told.tier_rank, told.grace_days, told.features, told.quantity, told.currency, told.monthly_minor, told.cancel_at, told.cancellation_reason)
  on conflict (subscription_id, as_of, source_event_id) do update set
    status = excluded.status, price_id = excluded.price_id, plan_id = excluded.plan_id, tier = excluded.tier, tier_rank = excluded.tier_rank,
    grace_days = excluded.grace_days, features = excluded.features, quantity = excluded.quantity, currency = excluded.currency,
    monthly_minor = excluded.monthly_minor, cancel_at = excluded.cancel_at, cancellation_reason = excluded.cancellation_reason;
end
$$;

-- Takes a subscription event's snapshot, or the fetch that settles it.
create function billing.apply_subscription(event jsonb, fact jsonb, fetched jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  id constant text := fact ->> 'subscription_id';
  event_id constant text := event ->> 'id';
  event_type constant text := event ->> 'type';
  created constant timestamptz := to_timestamp((event ->> 'created')::bigint);
  -- The comparison with Stripe has no snapshot: it always asks, in the second of the row it found.
  asks_stripe constant boolean := fact -> 'snapshot' = 'null';
  -- Stripe's answer tells all that had happened by the event that asked; the comparison with Stripe asks in the row's own second.
  answer_as_of constant timestamptz := case when asks_stripe then (fetched ->> 'as_of')::timestamptz else greatest((fetched ->> 'as_of')::timestamptz, created) end;
  held billing.subscriptions;
  next billing.subscriptions;
  ruling text;
  answer billing.applied;
begin
  select * into held from billing.subscriptions where subscription_id = id;
  -- A second of which no event of the customer tells was edited: years ahead, it would keep every event out.
  if held.as_of > created and billing.is_own_event(event_id) then
    if not exists (select from billing.events as told where told.customer_id = fact ->> 'customer_id' and told.created = held.as_of) then
      held.as_of := null;
    end if;
  end if;
  next := case when asks_stripe and fetched is null then held else jsonb_populate_record(held, coalesce(fetched, fact) -> 'snapshot') end;
  next.subscription_id := id;
  next.customer_id := fact ->> 'customer_id';
  next.livemode := (event ->> 'livemode')::boolean;
  next.as_of := created;
  if fetched is not null then
    ruling := billing.order_of_fetch(held, (fetched ->> 'ticket')::integer, answer_as_of, next.status, event ->> 'origin' <> 'webhook');
  elsif asks_stripe then
    ruling := 'undecidable/question';
  else
    perform billing.remember_snapshot(event_id, event_type, next);
    ruling := billing.order_of_event(held, event_id, event_type, created, next.status, event ->> 'origin' = 'replay');
  end if;
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := held.source_event_id;
  answer.held_as_of := held.as_of;
  answer.notified := 0;

  -- Two events of one second that show the same (Stripe sends `paused` beside an `updated`): whichever came later, the row is right, unless
  -- an answer is still under way that may show another one between them. A replay asks all the same: what is held may have been read wrongly.
  if answer.verdict = 'undecidable' and not asks_stripe and event ->> 'origin' <> 'replay' and held.ticket_issued = held.ticket_applied
    and billing.derive(jsonb_populate_record(held, fact -> 'snapshot'), customer) is not distinct from held then
    answer.verdict := 'same';
    answer.reason := 'same_state';
  end if;

  if answer.verdict = 'undecidable' then
    insert into billing.subscriptions as row (subscription_id, customer_id, livemode, ticket_issued)
    values (id, next.customer_id, next.livemode, 1)
    -- Past any that was applied, also when somebody edited that.
    on conflict (subscription_id) do update set ticket_issued = greatest(row.ticket_issued, row.ticket_applied) + 1
    returning ticket_issued into answer.ticket;
    return answer;
  end if;

  if answer.verdict <> 'apply' then
    next := held;
  else
    next.ticket_issued := coalesce(held.ticket_issued, 0);
    if fetched is null then
      next.source_event_id := event_id;
      next.source_type := event_type;
      -- A later event overtakes every question under way; the row's own event, read anew, overtakes none.
      next.ticket_applied := case when held.source_event_id = event_id then held.ticket_applied else coalesce(held.ticket_issued, 0) end;
    else
      next.as_of := coalesce(answer_as_of, next.started_at, held.as_of);
      next.source_event_id := null;
      next.source_type := 'fetch';
      -- So does an end.
      next.ticket_applied := case
        when billing.is_terminal(next.status) and not billing.is_terminal(held.status) then held.ticket_issued
        else greatest((fetched ->> 'ticket')::integer, held.ticket_applied)
      end;
      if asks_stripe then
        perform billing.remember_snapshot(event_id, 'fetch', next);
      end if;
    end if;
  end if;
  if event_type = 'customer.subscription.trial_will_end' then
    next.trial_ending_at := greatest(next.trial_ending_at, (fact -> 'snapshot' ->> 'trial_end')::timestamptz);
  end if;

  next := billing.derive(next, customer);
  if next is distinct from held then
    perform billing.write_subscription(next);
    answer.notified := billing.settle_subscription(event, held, next, customer);
  end if;
  if answer.verdict = 'apply' then
    -- What a ticket counts and where a row stems from is no change that anybody sees.
    next.ticket_applied := held.ticket_applied;
    if fetched is not null then
      next.source_event_id := held.source_event_id;
      next.source_type := held.source_type;
    end if;
    answer.verdict := case when next is distinct from held then 'changed' else 'same' end;
  end if;
  return answer;
end
$$;

-- A link changed: every subscription of the customer may be somebody else's.
create function billing.relink(event jsonb, of_customer billing.customers) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  subscription billing.subscriptions;
  next billing.subscriptions;
  before billing.subscriptions[];
  after billing.subscriptions[];
  notified integer := 0;
begin
  update billing.customers as payer set
    session_user_id = of_customer.session_user_id,
    user_id = coalesce(of_customer.metadata_user_id, of_customer.session_user_id, billing.first_named(payer.customer_id))
  where payer.customer_id = of_customer.customer_id;
  for subscription in select * from billing.subscriptions where customer_id = of_customer.customer_id order by subscription_id loop
    next := billing.derive(subscription, of_customer);
    if next is distinct from subscription then
      perform billing.write_subscription(next);
      before := before || subscription;
      after := after || next;
    end if;
  end loop;
  -- Only once all of them are somebody else's: their user's plan is made of all, and changes once.
  for place in 1 .. coalesce(cardinality(after), 0) loop
    notified := notified + billing.settle_subscription(event, before[place], after[place], of_customer);
  end loop;
  return notified;
end
$$;

-- Who bought first: the user of the customer's earliest completed Checkout session for a subscription.
create function billing.first_buyer(of_customer text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select session.user_id from billing.checkouts as session
    where session.customer_id = of_customer and session.mode = 'subscription' and session.status = 'complete' and session.user_id is not null
    order by session.as_of, session.session_id collate "C" limit 1);
end
$$;

create function billing.apply_customer(event jsonb, incoming jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  answer billing.applied;
  ruling constant text := billing.store_customers(jsonb_populate_record(null::billing.customers, incoming));
  before constant text := customer.metadata_user_id;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := customer.source_event_id;
  answer.held_as_of := customer.as_of;
  answer.notified := 0;
  customer.metadata_user_id := incoming ->> 'metadata_user_id';
  -- The comparison with Stripe and the backfill make whole what was edited or lost, links included.
  if answer.verdict = 'changed' and (customer.metadata_user_id is distinct from before or event ->> 'origin' in ('reconcile', 'backfill')) then
    customer.session_user_id := billing.first_buyer(customer.customer_id);
    answer.notified := billing.relink(event, customer);
  end if;
  return answer;
end
$$;

create function billing.apply_checkout(event jsonb, incoming jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  answer billing.applied;
  ruling constant text := billing.store_checkouts(jsonb_populate_record(null::billing.checkouts, incoming));
  first_user text;
  subscription billing.subscriptions;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.notified := 0;
  if answer.verdict <> 'changed' or incoming ->> 'mode' <> 'subscription' then
    return answer;
  end if;

  -- A completed Checkout names a subscription before Stripe has told us of it: a row that any event of that subscription overrides.
  if incoming ->> 'status' = 'complete' and incoming ->> 'subscription_id' is not null and customer.customer_id is not null then
    insert into billing.subscriptions (subscription_id, customer_id, livemode, status, currency, amount_minor)
    values (
      incoming ->> 'subscription_id', customer.customer_id, (incoming ->> 'livemode')::boolean, 'incomplete', incoming ->> 'currency',
      (incoming ->> 'amount_minor')::bigint)
    on conflict (subscription_id) do nothing;
  end if;

  first_user := billing.first_buyer(customer.customer_id);
  if first_user is distinct from customer.session_user_id then
    customer.session_user_id := first_user;
    answer.notified := billing.relink(event, customer);
  else
    select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
    if found then
      answer.notified := billing.rederive(event, subscription, customer);
    end if;
  end if;
  return answer;
end
$$;

create function billing.apply_invoice(event jsonb, incoming jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  answer billing.applied;
  ruling constant text := billing.store_invoices(jsonb_populate_record(null::billing.invoices, incoming));
  invoice billing.invoices;
  subscription billing.subscriptions;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.notified := 0;
  if incoming ->> 'subscription_id' is null or answer.verdict = 'stale' then
    return answer;
  end if;
  select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
  if not found then
    return answer;
  end if;
  if subscription.status = 'past_due' then
    answer.notified := billing.rederive(event, subscription, customer);
    select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
  end if;
  if incoming ->> 'problem' is not null then
    select * into invoice from billing.invoices where invoice_id = incoming ->> 'invoice_id';
    answer.notified := answer.notified + billing.settle_problem(event, invoice, subscription);
  end if;
  return answer;
end
$$;

-- What one event tells, by its kind.
create function billing.apply_fact(event jsonb, fact jsonb, fetched jsonb, customer billing.customers) returns billing.applied
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

-- The plan events that this delivery must publish: a duplicate publishes again what a crash may have kept from the bus,
-- a replay only what that replay wrote.
create function billing.plan_events_of(event jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  messages jsonb;
begin
  select coalesce(jsonb_agg(to_jsonb(it) - array['sequence', 'subscription_id', 'source_event_id', 'replay_name', 'created_at'] order by it.sequence), '[]') into messages
  from billing.plan_events as it
  where it.source_event_id = event ->> 'id' and it.replay_name is not distinct from event ->> 'replay_name';
  return messages;
end
$$;

-- Applies one event whose customer's row is locked. Its answer is described in docs/decisions/0008.
create function billing.apply_event(event jsonb, fact jsonb, fetched jsonb) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  of_customer constant text := fact ->> 'customer_id';
  object_id constant text := coalesce(
    fact ->> 'subscription_id', fact ->> 'session_id', fact ->> 'invoice_id', fact ->> 'payment_id', fact ->> 'refund_id', fact ->> 'dispute_id',
    fact ->> 'user_id', of_customer);
  is_replay constant boolean := event ->> 'origin' = 'replay';
  known billing.events;
  customer billing.customers;
  answer billing.applied;
  outcome text;
begin
  select * into known from billing.events where event_id = event ->> 'id';
  -- What was parked was never applied; a redrive tries again.
  if known.event_id is not null and known.outcome <> 'parked' and not is_replay then
    return jsonb_build_object(
      'outcome', 'duplicate', 'reason', 'known_event', 'held', jsonb_build_object('event_id', known.event_id, 'as_of', known.created),
      'plan_events', billing.plan_events_of(event));
  end if;

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
    event ->> 'id', event ->> 'type', to_timestamp((event ->> 'created')::bigint), (event ->> 'livemode')::boolean,
    event ->> 'api_version', event ->> 'worker', event ->> 'origin', event ->> 'replay_name', of_customer, object_id,
    outcome, answer.reason, answer.held_event_id, answer.held_as_of, (event ->> 'arrived_at')::timestamptz)
  on conflict (event_id) do update set
    outcome = excluded.outcome, reason = excluded.reason, held_event_id = excluded.held_event_id, held_as_of = excluded.held_as_of,
    replay_name = excluded.replay_name, committed_at = excluded.committed_at
    where ledger.outcome = 'parked' or excluded.outcome in ('applied', 'refetched');
  -- Nothing is locked for an event without a customer: another delivery of it may have come first.
  if not found and known.event_id is null then
    return jsonb_build_object('outcome', 'duplicate', 'reason', 'known_event', 'plan_events', billing.plan_events_of(event));
  end if;

  return jsonb_build_object(
    'outcome', outcome, 'reason', answer.reason,
    'held', case when answer.held_as_of is not null then jsonb_build_object('event_id', answer.held_event_id, 'as_of', answer.held_as_of) end,
    -- Most events notify nobody; what a replay finds known may have to be published again.
    'plan_events', case when answer.notified > 0 or is_replay or known.event_id is not null then billing.plan_events_of(event) else '[]' end);
end
$$;

-- Locks the customers' rows in the order of their ids, so that two batches never wait for each other crosswise; makes those that are not there.
-- One by one: a statement with a list of ids is planned anew at every call.
create function billing.lock_customers(ids text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  id text;
begin
  foreach id in array ids loop
    perform from billing.customers where customer_id = id for no key update;
    if not found then
      insert into billing.customers (customer_id) values (id) on conflict do nothing;
      perform from billing.customers where customer_id = id for no key update;
    end if;
  end loop;
end
$$;

-- Applies the events of one batch, each in its place: by customer, then by Stripe's second. All of them or, when one raises, none.
--
-- batch:     [{ event, fact, fetched }], as docs/decisions/0008 describes them
-- catalogue: { default_plan_id, tiers, default_features }: what config/plans.yaml says of those without a subscription
-- answer:    one for each, in the batch's order
create function billing.apply_events(batch jsonb, catalogue jsonb default null) returns jsonb
-- Times in plan states and messages are written in UTC, whatever the session.
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  item record;
  known billing.catalogue;
  answers jsonb[] := array_fill(null::jsonb, array[jsonb_array_length(batch)]);
begin
  if catalogue is not null then
    select * into known from billing.catalogue;
    if jsonb_populate_record(known, catalogue) is distinct from known then
      known := jsonb_populate_record(known, catalogue);
      update billing.catalogue set (default_plan_id, tiers, default_features) = row(known.default_plan_id, known.tiers, known.default_features);
    end if;
  end if;
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

-- What we hold, for whoever compares it with Stripe: which of these events the ledger lacks, and our rows of these subscriptions, customers or users.
-- Reads only.
create function billing.compare(wanted jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  event_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'event_ids'));
  subscription_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'subscription_ids'));
  customer_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'customer_ids'));
  user_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'user_ids'));
  missing jsonb;
  held jsonb;
begin
  select coalesce(jsonb_agg(id), '[]') into missing from unnest(event_ids) as id
  where not exists (select from billing.events where event_id = id);
  select coalesce(jsonb_agg(to_jsonb(row)), '[]') into held from billing.subscriptions as row where subscription_id = any (array(
    select unnest(subscription_ids)
    union select subscription_id from billing.subscriptions where customer_id = any (customer_ids)
    union select subscription_id from billing.subscriptions where user_id = any (user_ids)));
  return jsonb_build_object('missing_event_ids', missing, 'held', held);
end
$$;

-- Whose plan changed by time alone: a grace period that ended, a cancellation whose date came. Reads only; the clock's event settles each.
create function billing.due_users(most integer) returns text[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return array(select user_id from billing.user_plans where changes_at <= now() order by changes_at limit most);
end
$$;
