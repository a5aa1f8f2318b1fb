-- `billing.compare` answers in json: its answer is only read by the caller, and as jsonb each row was taken apart and put together three times, most of what a
-- call took. Safe while live: whoever calls meanwhile has the old function or the new one.

drop function billing.compare(jsonb), billing.compare_held(jsonb);

-- What is held: which of `event_ids` are not in the ledger; the subscriptions of `subscription_ids`, `customer_ids`, `user_ids`. Whoever asks for a customer who
-- was erased gets the rows under the pseudonym: there they are, as Stripe has them but for the person. Reads only.
create function billing.compare(wanted jsonb) returns json
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  event_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'event_ids'));
  subscription_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'subscription_ids'));
  customer_ids text[] := array(select jsonb_array_elements_text(wanted -> 'customer_ids'));
  user_ids constant text[] := array(select jsonb_array_elements_text(wanted -> 'user_ids'));
  missing json;
  held json;
begin
  if exists (select from billing.erasures) then
    customer_ids := customer_ids || array(select billing.pseudonym_of(id) from unnest(customer_ids) as id);
  end if;
  select coalesce(json_agg(id), '[]') into missing from unnest(event_ids) as id
  where not exists (select from billing.events where event_id = id);
  select coalesce(json_agg(row), '[]') into held from billing.subscriptions as row where subscription_id = any (array(
    select unnest(subscription_ids)
    union select subscription_id from billing.subscriptions where customer_id = any (customer_ids)
    union select subscription_id from billing.subscriptions where user_id = any (user_ids)));
  return json_build_object('missing_event_ids', missing, 'held', held);
end
$$;

call billing.take_ownership();
grant execute on function billing.compare(jsonb) to stripe_writer;
