-- The order rule: which of two things that Stripe said is the later one. It lives here and nowhere else.
-- Functions only, so safe while live.
--
-- Every function of this schema names its search path, `pg_temp` last: left out, Postgres looks there first for types, and whoever calls a
-- `security definer` function could bring types of their own. They are written in plpgsql because Postgres up to 17 plans a function in SQL anew at every call.

create function billing.is_terminal(status text) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(status in ('canceled', 'incomplete_expired'), false);
end
$$;
comment on function billing.is_terminal is 'A status that Stripe never takes back.';

-- Subscriptions. Held row against an incoming event's snapshot: a verdict (apply | stale | undecidable), a slash, and the branch that spoke.
--
-- 1. An end is final, and nothing brings the row back. Of two ends the later one tells more; within one second an update
--    that already shows the end can only have come after the deletion itself.
-- 2. The later second wins.
-- 3. Within one second, whatever is not the `created` event came after it.
-- 4. Within one second otherwise, events cannot decide: `previous_attributes` look like a way out and are not (three updates
--    of which one reverts another defeat every rule built on them). Stripe must be asked.
--
-- A replay repairs what was read wrongly. The very event that the row stems from is applied anew. A row that stems from a fetch is
-- fetched anew. And an event which says that the subscription lived on after the end that we hold, or in its second, makes us ask:
-- that end may have been a wrong reading. (Not so the deletion's own event, which cannot be read wrongly.) For the same reason the
-- deletion asks when it finds its second closed by an update.
create function billing.order_of_event(
  held billing.subscriptions, event_id text, event_type text, created timestamptz, status text, is_replay boolean
) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case
    when held.as_of is null then 'apply/first_sight'
    when held.source_event_id = event_id then 'apply/own_event'
    when billing.is_terminal(held.status) and not billing.is_terminal(status) then
      case when is_replay and created >= held.as_of and held.source_type <> 'customer.subscription.deleted' then 'undecidable/mistaken_end' else 'stale/ended' end
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply/ends'
    when created > held.as_of then 'apply/later'
    when created < held.as_of then 'stale/newer_event_held'
    when is_replay and held.source_type = 'fetch' then 'undecidable/fetched_row'
    when billing.is_terminal(status) and event_type = 'customer.subscription.deleted' then
      case when is_replay then 'undecidable/ended_in_same_second' else 'stale/ended_in_same_second' end
    when billing.is_terminal(status) and held.source_type = 'customer.subscription.deleted' then 'apply/after_deletion'
    when held.source_type = 'customer.subscription.created' then 'apply/after_created'
    when event_type = 'customer.subscription.created' then 'stale/created_in_same_second'
    else 'undecidable/same_second'
  end;
end
$$;

-- Subscriptions. Held row against what Stripe answered to a fetch that began after `ticket` was handed out: likewise.
--
-- The answer counts for the second of the event that asked (`answer_as_of`; the comparison with Stripe asks in the row's own). A newer event
-- or, within that second, a newer ticket has overtaken it.
-- An end is final here too: it closes the row whatever the row says meanwhile. Only a replay or the comparison with Stripe (`repairs`)
-- may open a row again, with an answer to a question asked after the row was closed: the end was a wrong reading then. What the
-- deletion's own event closed stays closed, whatever a read of Stripe that lags behind says.
create function billing.order_of_fetch(
  held billing.subscriptions, ticket integer, answer_as_of timestamptz, status text, repairs boolean
) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case
    when billing.is_terminal(held.status) and not billing.is_terminal(status)
      and not (repairs and held.source_type <> 'customer.subscription.deleted') then 'stale/ended'
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply/ends'
    when held.as_of is null and ticket > coalesce(held.ticket_applied, 0) then 'apply/first_sight'
    when answer_as_of > held.as_of then 'apply/later'
    when held.as_of is not distinct from answer_as_of and ticket > held.ticket_applied then 'apply/same_second'
    when held.as_of = answer_as_of then 'stale/overtaken_answer'
    else 'stale/newer_event_held'
  end;
end
$$;

-- Everything else follows the later second; within one second, what is further along in its life wins.
-- Arrays compare from left to right.
create function billing.progress(kind text, event_type text, fact jsonb) returns bigint[]
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
  end::bigint[];
end
$$;

-- An event of our own making, which shows an object as Stripe's API answered it.
create function billing.is_own_event(event_id text) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return event_id like 'reconcile\_%' or event_id like 'backfill\_%';
end
$$;

-- Makes `billing.store_<table>(incoming jsonb)`, which stores a row if it is later than the one held under the same key, or is that row's own
-- event read anew. Its answer is a verdict (changed | same | stale), a slash, and why.
--
-- A row whose second is none of any event that we know was edited: what the comparison with Stripe or a backfill brings replaces it, or a second
-- years ahead would keep everything out.
--
-- The table's columns are the one list: a migration that adds one calls this again. `derived` are those that no event tells and that are kept.
create function billing.make_store(target regclass, key text, derived text[] default '{}') returns void
language plpgsql set search_path = pg_catalog, pg_temp as $make$
declare
  columns text := (
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute where attrelid = target and attnum > 0 and not attisdropped and attname <> all (derived));
  incoming_columns text := regexp_replace(columns, '(^|, )', '\1incoming.', 'g');
  kept_columns text := regexp_replace(columns, '(^|, )', '\1kept.', 'g');
begin
  execute format($function$
create or replace function billing.store_%1$s(incoming billing.%1$s) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $store$
declare
  held billing.%1$s;
begin
  insert into billing.%1$s as kept (%2$s) values (%3$s)
  on conflict (%4$I) do update set (%2$s) = row(%3$s)
  where kept.as_of is null
     or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress)
     or (incoming.source_event_id = kept.source_event_id and row(%3$s) is distinct from row(%5$s));
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.%1$s where %4$I = incoming.%4$I;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and billing.is_own_event(incoming.source_event_id) then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.%1$s set (%2$s) = row(%3$s) where %4$I = incoming.%4$I;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.source_event_id = incoming.source_event_id then 'same/own_event'
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$store$
$function$, (select relname from pg_class where oid = target), columns, incoming_columns, key, kept_columns);
end
$make$;

select billing.make_store('billing.customers', 'customer_id', array['session_user_id', 'user_id']);
select billing.make_store('billing.checkouts', 'session_id');
select billing.make_store('billing.invoices', 'invoice_id', array['notified_problem']);
select billing.make_store('billing.payments', 'payment_id');
select billing.make_store('billing.invoice_payments', 'invoice_payment_id');
select billing.make_store('billing.refunds', 'refund_id');
select billing.make_store('billing.disputes', 'dispute_id');

-- Subscriptions have their own rule, and one writer: every column of the row, from the row. `make_store`'s counterpart.
create function billing.make_write_subscription() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $make$
declare
  columns text := (
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute where attrelid = 'billing.subscriptions'::regclass and attnum > 0 and not attisdropped);
begin
  execute format($function$
create or replace function billing.write_subscription(next billing.subscriptions) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $write$
begin
  insert into billing.subscriptions (%1$s) values (%2$s)
  on conflict (subscription_id) do update set (%1$s) = row(%2$s);
end
$write$
$function$, columns, regexp_replace(columns, '(^|, )', '\1next.', 'g'));
end
$make$;
select billing.make_write_subscription();
