-- The order rule: which of two things that Stripe said is the later one. It lives here and nowhere else.
-- Functions only, so safe while live.

create function billing.is_terminal(status text) returns boolean
language sql immutable as $$
  select coalesce(status in ('canceled', 'incomplete_expired'), false)
$$;
comment on function billing.is_terminal is 'A status that Stripe never takes back.';

-- Subscriptions. Held row against an incoming event's snapshot: apply | stale | undecidable.
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
language sql immutable as $$
  select case
    when held.as_of is null then 'apply'
    when held.source_event_id = event_id then 'apply'
    when billing.is_terminal(held.status) and not billing.is_terminal(status) then
      case when is_replay and created >= held.as_of and held.source_type <> 'customer.subscription.deleted' then 'undecidable' else 'stale' end
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply'
    when created > held.as_of then 'apply'
    when created < held.as_of then 'stale'
    when is_replay and held.source_type = 'fetch' then 'undecidable'
    when billing.is_terminal(status) and event_type = 'customer.subscription.deleted' then
      case when is_replay then 'undecidable' else 'stale' end
    when billing.is_terminal(status) and held.source_type = 'customer.subscription.deleted' then 'apply'
    when held.source_type = 'customer.subscription.created' then 'apply'
    when event_type = 'customer.subscription.created' then 'stale'
    else 'undecidable'
  end
$$;

-- Subscriptions. Held row against what Stripe answered to a fetch that began after `ticket` was handed out: apply | stale.
--
-- The answer counts for the second of the event that asked (`answer_as_of`; the comparison with Stripe asks in the row's own). A newer event
-- or, within that second, a newer ticket has overtaken it.
-- An end is final here too: it closes the row whatever the row says meanwhile. Only a replay or the comparison with Stripe (`mends`)
-- may open a row again, with an answer to a question asked after the row was closed: the end was a wrong reading then. What the
-- deletion's own event closed stays closed, whatever a read of Stripe that lags behind says.
create function billing.order_of_fetch(
  held billing.subscriptions, ticket integer, answer_as_of timestamptz, status text, mends boolean
) returns text
language sql immutable as $$
  select case
    when billing.is_terminal(held.status) and not billing.is_terminal(status)
      and not (mends and held.source_type <> 'customer.subscription.deleted') then 'stale'
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply'
    when answer_as_of > held.as_of then 'apply'
    when held.as_of is not distinct from answer_as_of and ticket > held.ticket_applied then 'apply'
    else 'stale'
  end
$$;

-- Everything else follows the later second; within one second, what is further along in its life wins.
-- Arrays compare from left to right.
create function billing.progress(kind text, event_type text, fact jsonb) returns bigint[]
language sql immutable as $$
  select case kind
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
      (fact ->> 'amount_refunded_minor')::bigint]
    when 'refund' then array[
      case fact ->> 'status' when 'pending' then 0 when 'requires_action' then 1 when 'succeeded' then 2 else 3 end]
    when 'dispute' then array[
      case event_type when 'charge.dispute.created' then 0 when 'charge.dispute.updated' then 1 else 2 end]
  end::bigint[]
$$;

-- Stores `incoming` in `target` if it is later than the row held under the same key, or is that row's own event read anew.
-- Answers changed | same | stale. Only the columns that `incoming` names are written.
create function billing.store_if_later(target regclass, key text, incoming jsonb) returns text
language plpgsql as $$
declare
  columns text := (select string_agg(quote_ident(name), ', ' order by name) from jsonb_object_keys(incoming) as name);
  changed boolean;
  held jsonb;
begin
  execute format(
    'insert into %1$s as held (%2$s) select %2$s from jsonb_populate_record(null::%1$s, $1)
     on conflict (%3$I) do update set (%2$s) = (select %4$s)
     where (excluded.as_of, excluded.progress) > (held.as_of, held.progress)
        or (excluded.source_event_id = held.source_event_id and row(%4$s) is distinct from row(%5$s))
     returning true',
    target, columns, key,
    regexp_replace(columns, '(^|, )', '\1excluded.', 'g'),
    regexp_replace(columns, '(^|, )', '\1held.', 'g'))
  using incoming into changed;
  if changed then
    return 'changed';
  end if;
  execute format('select to_jsonb(held) from %s as held where %I = $1', target, key) using incoming ->> key into held;
  return case
    when (held ->> 'as_of')::timestamptz = (incoming ->> 'as_of')::timestamptz and held -> 'progress' = incoming -> 'progress' then 'same'
    else 'stale'
  end;
end
$$;
