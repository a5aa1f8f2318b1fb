-- What the comparison with Stripe cannot see in Stripe's lists: customers that were deleted there, and plans of users who have no subscription any more.
-- Functions only, so safe while live.

-- Customers whose derived columns are not what their neighbours give, among the next `most` after an id; `last` null: these were the last. Reads only.
create function billing.customers_not_as_derived(after text, most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  page billing.customers[] := array(select it from billing.customers as it where customer_id > after order by customer_id limit most);
  wrong jsonb;
begin
  select coalesce(jsonb_agg(it.customer_id order by it.customer_id), '[]') into wrong from unnest(page) as it
  where it.as_of is not null and billing.compared_customer(it) -> 'not_as_derived' <> '[]';
  return jsonb_build_object('last', case when cardinality(page) = most then page[most].customer_id end, 'wrong', wrong);
end
$$;

-- Users of whom the apps were notified of another plan than the one they have, likewise: { id, held, derived, subscription_ids: all of the user, and the one that was notified of }. Not
-- those whose plan changes by time: the clock is about to notify of it.
create function billing.plans_not_as_derived(after text, most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  page text[] := array(
    select user_id from (
      (select user_id from billing.user_plans where user_id > after order by user_id limit most)
      union (select distinct user_id from billing.subscriptions where user_id > after order by user_id limit most)) as it
    order by user_id limit most);
  wrong jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'held', held.state, 'derived', derived.state, 'subscription_ids', array(
    select subscription_id from billing.subscriptions where user_id = id
    union select held.state ->> 'subscription_id' where held.state ->> 'subscription_id' is not null)) order by id), '[]') into wrong
  from unnest(page) as id left join billing.user_plans as held on held.user_id = id cross join billing.state_of(id) as derived
  where (held.changes_at is null or held.changes_at > now()) and (held.state, held.changes_at) is distinct from (derived.state, derived.changes_at);
  return jsonb_build_object('last', case when cardinality(page) = most then page[most] end, 'wrong', wrong);
end
$$;

-- As in 20261121000900, but that a user whose row was deleted by hand gets it back: whoever was erased has no subscription either.
create or replace function billing.without_erased(fact jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  alias constant text := billing.pseudonym_of(fact ->> 'customer_id');
begin
  if fact ->> 'kind' = 'due' then
    return case when exists (select from billing.user_plans where user_id = fact ->> 'user_id')
      or exists (select from billing.subscriptions where user_id = fact ->> 'user_id') then fact end;
  end if;
  if exists (select from billing.erasures where pseudonym = alias) then
    fact := fact || jsonb_build_object('customer_id', alias);
  elsif fact ->> 'kind' is distinct from 'checkout'
    or not exists (select from billing.erasures where pseudonym = billing.pseudonym_of(fact ->> 'session_id')) then
    return fact;
  end if;
  if fact -> 'snapshot' ? 'metadata_user_id' then
    fact := jsonb_set(fact, '{snapshot,metadata_user_id}', 'null');
  end if;
  return fact || (select coalesce(jsonb_object_agg(key, null), '{}') from unnest(array['user_id', 'metadata_user_id']) as key where fact ? key);
end
$$;

call billing.take_ownership();
grant execute on function billing.customers_not_as_derived(text, integer), billing.plans_not_as_derived(text, integer) to stripe_writer;
comment on role stripe_writer is 
  'The handlers: may execute billing.apply_events, compare, due_users, trim_ledger, the functions of the comparison with Stripe and the three that tell stories, and nothing else.';
