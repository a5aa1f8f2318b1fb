-- Purchases that are nobody's, beside the running subscriptions: the comparison with Stripe asks whose they are, and counts none whose Checkout is on its way.
-- An erased person's purchase is nobody's on purpose. An index that is built at leisure (writers wait for seconds), two functions that read: safe while live.

create index purchases_without_user on billing.purchases (invoice_id) where user_id is null;

-- As in 20261121001400, but for whom we must not learn of again.
create or replace function billing.standing() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  nobodys bigint;
  lag jsonb;
  first_event bigint;
begin
  select count(*) into nobodys from billing.subscriptions
  where user_id is null and precedence >= 1::bigint << 60 and entitled_until > now();
  select nobodys + count(*) into nobodys from billing.purchases as it
  where user_id is null and entitled_until > now() and not exists (select from billing.erasures where pseudonym = it.customer_id);
  select jsonb_object_agg(worker, seconds) into lag from (
    select worker, percentile_cont(0.5) within group (order by extract(epoch from committed_at - arrived_at)) as seconds
    from billing.events where committed_at > now() - interval '10 minutes' and origin = 'webhook' group by worker) as recent;
  if not exists (select from billing.reconcile_cursors where name = 'reconcile') then
    select extract(epoch from min(created))::bigint into first_event from billing.events where origin = 'webhook';
  end if;
  return jsonb_build_object('entitled_without_user', nobodys, 'lag', coalesce(lag, '{}'), 'first_event', first_event);
end
$$;

-- Running subscriptions, and purchases (by their invoice) that still entitle, of which nobody knows whose they are, in the order of their ids. Reads only.
create or replace function billing.without_user(after text, most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'id', id, 'customer_id', customer_id) order by id), '[]')
    from (
      (select 'subscription' as kind, subscription_id as id, customer_id from billing.subscriptions
      where user_id is null and subscription_id > after and not billing.is_terminal(status) order by subscription_id limit most)
      union all
      (select 'invoice', invoice_id, customer_id from billing.purchases as it
      where user_id is null and invoice_id > after and entitled_until > now()
        and not exists (select from billing.erasures where pseudonym = it.customer_id)
      order by invoice_id limit most)
      order by id limit most) as nobodys);
end
$$;

call billing.take_ownership();
