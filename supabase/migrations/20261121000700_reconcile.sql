-- What the comparison with Stripe and the backfill need to know of our rows, and where they keep how far they came.
-- One new table, indexes on tables that are small or built at leisure, functions: safe while live.

-- How far a comparison or a backfill came, so that the next run goes on. Losing a row costs time: the run begins anew.
create table billing.reconcile_cursors (
  name text primary key,
  cursor jsonb not null,
  kept_at timestamptz not null default clock_timestamp()
);
alter table billing.reconcile_cursors enable row level security;
create policy every_row on billing.reconcile_cursors for select to billing_reader using (true);
grant select on billing.reconcile_cursors to billing_reader, service_role;

create index subscriptions_without_user on billing.subscriptions (subscription_id) where user_id is null;
-- What we hold of a span of Stripe's seconds, page by page: payments and refunds have theirs already.
create index subscriptions_started on billing.subscriptions (started_at);
create index invoices_created on billing.invoices (created);
create index disputes_created on billing.disputes (created);

create function billing.cursor_of(of_name text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (select cursor from billing.reconcile_cursors where name = of_name);
end
$$;

create function billing.keep_cursor(of_name text, value jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into billing.reconcile_cursors as kept (name, cursor) values (of_name, value)
  on conflict (name) do update set cursor = excluded.cursor, kept_at = clock_timestamp();
end
$$;

-- Rows of one kind, by their ids (`held`); and those created in a span of Stripe's seconds that are not among the ids (`others`, at most a
-- hundred): objects that Stripe did not list. Of subscriptions only those that run, for those that ended are in another list of Stripe's.
-- Reads only.
create function billing.rows_of(kind text, ids text[], span_from bigint default null, span_to bigint default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  since constant timestamptz := to_timestamp(span_from);
  until constant timestamptz := to_timestamp(span_to + 1);
  held jsonb;
  others jsonb := '{}';
begin
  case kind
    when 'customer' then
      select jsonb_object_agg(customer_id, billing.compared_customer(it)) into held from billing.customers as it where customer_id = any (ids) and as_of is not null;
    when 'checkout' then
      select jsonb_object_agg(session_id, to_jsonb(it)) into held from billing.checkouts as it where session_id = any (ids);
    when 'invoice_payment' then
      select jsonb_object_agg(invoice_payment_id, to_jsonb(it)) into held from billing.invoice_payments as it where invoice_payment_id = any (ids);
    when 'subscription' then
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, true)) into held from billing.subscriptions as it where subscription_id = any (ids);
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, false)) into others from (
        select * from billing.subscriptions
        where started_at >= since and started_at < until and subscription_id <> all (ids) and not billing.is_terminal(status) limit 100) as it;
    when 'invoice' then
      select jsonb_object_agg(invoice_id, to_jsonb(it)) into held from billing.invoices as it where invoice_id = any (ids);
      select jsonb_object_agg(invoice_id, to_jsonb(it)) into others from (
        select * from billing.invoices where created >= since and created < until and invoice_id <> all (ids) limit 100) as it;
    when 'charge' then
      select jsonb_object_agg(payment_id, to_jsonb(it)) into held from billing.payments as it where payment_id = any (ids);
      select jsonb_object_agg(payment_id, to_jsonb(it)) into others from (
        select * from billing.payments
        where object = 'charge' and created >= since and created < until and payment_id <> all (ids) limit 100) as it;
    when 'refund' then
      select jsonb_object_agg(refund_id, to_jsonb(it)) into held from billing.refunds as it where refund_id = any (ids);
      select jsonb_object_agg(refund_id, to_jsonb(it)) into others from (
        select * from billing.refunds where created >= since and created < until and refund_id <> all (ids) limit 100) as it;
    when 'dispute' then
      select jsonb_object_agg(dispute_id, to_jsonb(it)) into held from billing.disputes as it where dispute_id = any (ids);
      select jsonb_object_agg(dispute_id, to_jsonb(it)) into others from (
        select * from billing.disputes where created >= since and created < until and dispute_id <> all (ids) limit 100) as it;
    else
      raise exception 'billing.rows_of knows no rows of kind %', kind using errcode = '42883';
  end case;
  return jsonb_build_object('held', coalesce(held, '{}'), 'others', coalesce(others, '{}'));
end
$$;

-- A customer's row, and which of its derived columns are not what the neighbours give (edited by hand, say).
create function billing.compared_customer(held billing.customers) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  buyer constant text := billing.first_buyer(held.customer_id);
begin
  return to_jsonb(held) || jsonb_build_object('not_as_derived', array_to_json(array_remove(array[
    case when held.session_user_id is distinct from buyer then 'session_user_id' end,
    case when held.user_id is distinct from coalesce(held.metadata_user_id, buyer, billing.first_named(held.customer_id)) then 'user_id' end], null)));
end
$$;

-- A subscription's row, and which of its derived columns are not what the row and its neighbours give; `user_plan` among them where it stands for its
-- user's plan and the apps were notified of another. (Not when that changes by time: the clock is about to notify of it.)
create function billing.compared_subscription(held billing.subscriptions, with_plan boolean) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  payer billing.customers;
  row jsonb := to_jsonb(held);
  other jsonb;
  told billing.user_plans;
  state_is record;
begin
  select * into payer from billing.customers where customer_id = held.customer_id;
  select jsonb_agg(derived.key order by derived.key) into other from jsonb_each(to_jsonb(billing.derive(held, payer))) as derived
  where derived.value is distinct from row -> derived.key;
  if with_plan and held.user_id is not null and held.status is not null then
    select * into told from billing.user_plans where user_id = held.user_id;
    state_is := billing.state_of(held.user_id);
    if state_is.state ->> 'subscription_id' = held.subscription_id and (told.changes_at is null or told.changes_at > now())
      and (told.state, told.changes_at) is distinct from (state_is.state, state_is.changes_at) then
      other := coalesce(other, '[]') || '["user_plan"]';
      row := row || jsonb_build_object('user_plan', told.state);
    end if;
  end if;
  return row || jsonb_build_object('not_as_derived', coalesce(other, '[]'));
end
$$;

-- How things stand, in numbers: who is entitled and nobody knows whom; how far each worker lags, by what was committed in the last ten minutes;
-- and, as long as no comparison has kept a cursor, when the first live event reached us. Reads only.
create function billing.standing() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  nobodys bigint;
  lag jsonb;
  first_event bigint;
begin
  select count(*) into nobodys from billing.subscriptions
  where user_id is null and precedence >= 1::bigint << 60 and entitled_until > now();
  select jsonb_object_agg(worker, seconds) into lag from (
    select worker, percentile_cont(0.5) within group (order by extract(epoch from committed_at - arrived_at)) as seconds
    from billing.events where committed_at > now() - interval '10 minutes' and origin = 'webhook' group by worker) as recent;
  if not exists (select from billing.reconcile_cursors where name = 'reconcile') then
    select extract(epoch from min(created))::bigint into first_event from billing.events where origin = 'webhook';
  end if;
  return jsonb_build_object('entitled_without_user', nobodys, 'lag', coalesce(lag, '{}'), 'first_event', first_event);
end
$$;

-- Money by the day (UTC) on which the object was made, currencies apart: charges and refunds that succeeded, disputes whatever became of them.
-- Reads only.
create function billing.money_by_day(kind text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  days jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object('day', day, 'currency', currency, 'minor', minor, 'count', count)), '[]') into days from (
    select (created at time zone 'UTC')::date as day, currency, sum(amount_minor) as minor, count(*) as count from (
      select created, currency, amount_minor from billing.payments where kind = 'charge' and object = 'charge' and status = 'succeeded'
      union all select created, currency, amount_minor from billing.refunds where kind = 'refund' and status = 'succeeded'
      union all select created, currency, amount_minor from billing.disputes where kind = 'dispute') as moved
    group by 1, 2) as sums;
  return days;
end
$$;

-- Running subscriptions of which nobody knows whose they are, in the order of their ids. Reads only.
create function billing.without_user(after text, most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('subscription_id', subscription_id, 'customer_id', customer_id) order by subscription_id), '[]')
    from (
      select subscription_id, customer_id from billing.subscriptions
      where user_id is null and subscription_id > after and not billing.is_terminal(status) order by subscription_id limit most) as it);
end
$$;

call billing.take_ownership();
grant execute on function billing.cursor_of(text), billing.keep_cursor(text, jsonb), billing.rows_of(text, text[], bigint, bigint),
  billing.standing(), billing.without_user(text, integer), billing.money_by_day(text) to stripe_writer;
comment on role stripe_writer is 'The handlers: may execute billing.apply_events, compare, due_users and the six functions of the comparison with Stripe, and nothing else.';
