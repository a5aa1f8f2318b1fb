-- Erasing a person: rows without the person, and a mark by which whatever comes later is kept without them, too.
-- One new table, functions: safe while live. Erasing itself holds up the handlers for as long as its transaction takes.
--
-- Ids of subscriptions, invoices and payments stay: they are the keys by which a late event or a replay finds its row instead of counting the money twice.
-- What leads from them to a person goes: the customer's id, the user's id, messages to the apps. Stripe can no longer lead back, once it has deleted the customer.

-- The id that stands for a customer (or a Checkout session) from then on. Derived, so that erasing twice, or once more after a restored backup, ends the same.
-- Nobody computes it backwards: Stripe's ids are random.
create function billing.pseudonym_of(id text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return 'erased_' || left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 32);
end
$$;

create table billing.erasures (
  -- Of a customer, or of a Checkout session that has none.
  pseudonym text primary key,
  erased_at timestamptz not null default clock_timestamp()
);
comment on table billing.erasures is 'Whom we must not learn of again. Holds no id of theirs; losing it brings the person back with the next replay.';
alter table billing.erasures enable row level security;
create policy every_row on billing.erasures for select to billing_reader using (true);
grant select on billing.erasures to billing_reader, service_role;

-- Whose rows these are and what they are called, for the plan of an erasure, its search of the audit trail and its proof. Reads only; works before and after.
create function billing.person_of(of_customer text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  names constant text[] := array[of_customer, billing.pseudonym_of(of_customer)];
  users text[];
  shared text[];
  subscriptions text[];
  sessions text[];
  invoices text[];
  payments text[];
begin
  users := array(
    select metadata_user_id from billing.customers where customer_id = of_customer union select session_user_id from billing.customers where customer_id = of_customer
    union select user_id from billing.customers where customer_id = of_customer
    union select user_id from billing.checkouts where customer_id = of_customer
    union select user_id from billing.subscriptions where customer_id = of_customer
    union select metadata_user_id from billing.subscriptions where customer_id = of_customer);
  users := array(select it from unnest(users) as it where it is not null order by it);
  shared := array(
    select it from unnest(users) as it
    where exists (select from billing.customers where user_id = it and customer_id <> of_customer)
       or exists (select from billing.subscriptions where user_id = it and customer_id <> of_customer));
  subscriptions := array(select subscription_id from billing.subscriptions where customer_id = any (names));
  sessions := array(
    select session_id from billing.checkouts
    where customer_id = any (names) or (customer_id is null and user_id = any (users) and user_id <> all (shared)));
  invoices := array(select invoice_id from billing.invoices where customer_id = any (names) or subscription_id = any (subscriptions));
  payments := array(
    select payment_id from billing.payments where customer_id = any (names)
    union select payment_intent_id from billing.payments where customer_id = any (names) and payment_intent_id is not null);
  return jsonb_build_object(
    'pseudonym', names[2],
    'erased_at', (select erased_at from billing.erasures where pseudonym = names[2]),
    'users', users,
    'shared_users', shared,
    'running', array(
      select subscription_id from billing.subscriptions where customer_id = any (names) and status is not null and not billing.is_terminal(status) order by 1),
    'last_event', (select max(created) from billing.events where customer_id = any (names)),
    'object_ids', array(
      select id from unnest(subscriptions || sessions || invoices || payments) as id
      union select invoice_payment_id from billing.invoice_payments where invoice_id = any (invoices)
      union select refund_id from billing.refunds where charge_id = any (payments) or payment_intent_id = any (payments)
      union select dispute_id from billing.disputes where charge_id = any (payments) or payment_intent_id = any (payments)
      order by 1));
end
$$;

-- In which tables of the schema a row still names the customer or one of these users, and in how many. Reads every row, of tables that are yet to come, too:
-- this is the proof.
create function billing.rows_naming(of_customer text, users text[]) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  named text;
  found_rows bigint;
  answer jsonb := '{}';
begin
  if of_customer !~ '^\w+$' then
    raise exception 'billing.rows_naming: % is no id of a Stripe customer', of_customer using errcode = '22023';
  end if;
  for named in select relname from pg_class where relnamespace = 'billing'::regnamespace and relkind = 'r' order by relname loop
    execute format($query$
      select count(*) from billing.%I as it
      where to_jsonb(it)::text ~ ('(^|[^A-Za-z0-9])' || $1 || '($|[^A-Za-z0-9])')
         or exists (select from unnest($2) as one where position(to_jsonb(one)::text in to_jsonb(it)::text) > 0)$query$, named)
    into found_rows using of_customer, users;
    if found_rows > 0 then
      answer := answer || jsonb_build_object(named, found_rows);
    end if;
  end loop;
  return answer;
end
$$;

-- Takes the person out of every row, and marks the customer, so that later events are kept without them. Answers how many rows changed, by table.
-- Idempotent. For the owner of the schema; `npm run ops -- erase` calls it.
create function billing.erase_person(of_customer text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  person jsonb;
  alias text;
  theirs text[];
  subscriptions text[];
  one text;
  nobody billing.subscriptions;
  changed bigint;
  answer jsonb := '{}';
begin
  -- Every call of apply_events holds a share of this lock: those under way have ended, and the next ones see the mark.
  lock table billing.erasures in access exclusive mode;
  person := billing.person_of(of_customer);
  alias := person ->> 'pseudonym';
  if jsonb_array_length(person -> 'running') > 0 then
    raise exception 'billing.erase_person: % still runs', person #>> '{running,0}'
      using errcode = '55000', hint = 'End the subscription at Stripe first, and wait until its event has arrived.';
  end if;
  theirs := array(select it from jsonb_array_elements_text(person -> 'users') as it where not person -> 'shared_users' ? it);
  subscriptions := array(select subscription_id from billing.subscriptions where customer_id in (of_customer, alias));

  insert into billing.erasures (pseudonym) values (alias) on conflict do nothing;
  insert into billing.erasures (pseudonym)
  select billing.pseudonym_of(session_id) from billing.checkouts where customer_id is null and user_id = any (theirs) on conflict do nothing;

  update billing.checkouts set customer_id = case when customer_id is null then null else alias end, user_id = null
  where customer_id = of_customer or (customer_id is null and user_id = any (theirs));
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('checkouts', changed);
  update billing.subscriptions set customer_id = alias, user_id = null, metadata_user_id = null where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('subscriptions', changed);
  update billing.subscription_history set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('subscription_history', changed);
  update billing.invoices set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('invoices', changed);
  update billing.payments set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('payments', changed);

  -- Ids of our own events hold the id of what they are about.
  update billing.events set
    event_id = replace(event_id, of_customer, alias), object_id = replace(object_id, of_customer, alias),
    held_event_id = replace(held_event_id, of_customer, alias), customer_id = alias
  where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('events', changed);
  -- Those of the clock are about a user.
  update billing.events set object_id = null where origin = 'clock' and object_id = any (theirs);
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('events', (answer ->> 'events')::bigint + changed);

  -- A restored backup may have brought the customer back beside the pseudonym.
  delete from billing.customers where customer_id = alias and exists (select from billing.customers where customer_id = of_customer);
  update billing.customers set
    customer_id = alias, metadata_user_id = null, session_user_id = null, user_id = null, source_event_id = replace(source_event_id, of_customer, alias),
    -- As billing.progress counts a customer who names no user.
    progress = case when progress is not null then array[progress[1], 0] end
  where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('customers', changed);

  delete from billing.plan_events
  where user_id = any (theirs) or subscription_id = any (subscriptions) or of_customer in (plan ->> 'customer_id', payload ->> 'customer_id');
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('plan_events', changed);
  delete from billing.user_plans where user_id = any (theirs);
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('user_plans', changed);
  -- Whoever has another customer keeps a plan: what it is made of is derived anew. Nothing that runs was taken, so there is nothing to notify of.
  for one in select jsonb_array_elements_text(person -> 'shared_users') loop
    perform billing.settle_user(jsonb_build_object('quiet', true), one, nobody);
  end loop;
  -- A comparison or a backfill that stood at this customer begins anew.
  delete from billing.reconcile_cursors where position(of_customer in cursor::text) > 0;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('reconcile_cursors', changed);
  return (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(answer) where value <> '0');
end
$$;

-- What an event or an answer of Stripe's tells, without the person, if that person was erased.
create function billing.without_erased(fact jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  alias constant text := billing.pseudonym_of(fact ->> 'customer_id');
begin
  -- The clock asks for users that have a row; whoever was erased meanwhile must not get a new one.
  if fact ->> 'kind' = 'due' then
    return case when exists (select from billing.user_plans where user_id = fact ->> 'user_id') then fact end;
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

-- Around the apply function of 20261121000400 and what reads for the comparison with Stripe, so that none of them needs to know of erasures.
alter function billing.apply_events(jsonb, jsonb) rename to apply_batch;
revoke all on function billing.apply_batch(jsonb, jsonb) from stripe_writer;
create function billing.apply_events(batch jsonb, catalogue jsonb default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  -- Its own statement: what is read next sees every erasure that this has waited for.
  lock table billing.erasures in access share mode;
  if batch @> '[{"fact": {"kind": "due"}}]' or exists (select from billing.erasures) then
    select coalesce(jsonb_agg(element || case
      when jsonb_typeof(element -> 'fact') is distinct from 'object' then '{}'::jsonb
      else jsonb_build_object('fact', billing.without_erased(element -> 'fact')) || case
        when element -> 'fetched' -> 'snapshot' ? 'metadata_user_id'
          and exists (select from billing.erasures where pseudonym = billing.pseudonym_of(element -> 'fact' ->> 'customer_id'))
        then jsonb_build_object('fetched', jsonb_set(element -> 'fetched', '{snapshot,metadata_user_id}', 'null')) else '{}' end
      end order by place), '[]') into batch
    from jsonb_array_elements(batch) with ordinality as it(element, place);
  end if;
  return billing.apply_batch(batch, catalogue);
end
$$;

alter function billing.rows_of(text, text[], bigint, bigint) rename to held_rows_of;
revoke all on function billing.held_rows_of(text, text[], bigint, bigint) from stripe_writer;
-- A row without its person is marked `erased`, so that nobody takes for a difference what was taken out on purpose; a customer who is still at Stripe is
-- found under the id that Stripe has.
create function billing.rows_of(kind text, ids text[], span_from bigint default null, span_to bigint default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb := billing.held_rows_of(kind, ids, span_from, span_to);
  erased jsonb;
begin
  if not exists (select from billing.erasures) then
    return answer;
  end if;
  if kind = 'customer' then
    select jsonb_object_agg(id, to_jsonb(it) || '{"not_as_derived": []}') into erased
    from unnest(ids) as id join billing.customers as it on it.customer_id = billing.pseudonym_of(id) and it.as_of is not null;
    answer := jsonb_set(answer, '{held}', (answer -> 'held') || coalesce(erased, '{}'));
  end if;
  return (
    select jsonb_object_agg(part, coalesce((
      select jsonb_object_agg(id, row || case when exists (
        select from billing.erasures where pseudonym = row ->> 'customer_id' or (kind = 'checkout' and pseudonym = billing.pseudonym_of(id)))
        then '{"erased": true}'::jsonb else '{}' end)
      from jsonb_each(rows) as each_row(id, row)), '{}'))
    from jsonb_each(answer) as parts(part, rows));
end
$$;

alter function billing.compare(jsonb) rename to compare_held;
revoke all on function billing.compare_held(jsonb) from stripe_writer;
-- Whoever asks for a customer who was erased gets the rows under the pseudonym: there they are, as Stripe has them but for the person.
create function billing.compare(wanted jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(wanted -> 'customer_ids') = 'array' and exists (select from billing.erasures) then
    wanted := jsonb_set(wanted, '{customer_ids}', (wanted -> 'customer_ids') || (
      select coalesce(jsonb_agg(billing.pseudonym_of(id)), '[]') from jsonb_array_elements_text(wanted -> 'customer_ids') as id));
  end if;
  return billing.compare_held(wanted);
end
$$;

call billing.take_ownership();
grant execute on function billing.apply_events(jsonb, jsonb), billing.compare(jsonb), billing.rows_of(text, text[], bigint, bigint) to stripe_writer;
