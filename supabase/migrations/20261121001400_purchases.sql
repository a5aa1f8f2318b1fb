-- Plans that are paid for once, for life or for some days (docs/decisions/0014): what a paid invoice of no subscription gives, until the money went back.
-- Safe while live: one new table, new columns without a default, indexes on tables that are built at leisure (writers wait for seconds), functions and views.

alter table billing.invoices
  add column paid_at timestamptz,
  add column metadata_user_id text;
alter table billing.checkouts add column invoice_id text;
select billing.make_store('billing.invoices', 'invoice_id', array['notified_problem']);
select billing.make_store('billing.checkouts', 'session_id');
create index checkouts_invoice on billing.checkouts (invoice_id) where invoice_id is not null;

-- One row a purchase. What was bought stands in the invoice's lines, which no longer change once it is open: any of its events tells it, and a price that is
-- missing from the catalogue later takes nothing away. The rest is derived from the invoice and its neighbours.
create table billing.purchases (
  invoice_id text primary key,
  price_id text not null,
  plan_id text not null,
  tier text not null,
  tier_rank integer not null,
  features jsonb not null,
  -- null: for life.
  lasts_days integer,
  quantity integer not null,
  -- Who paid it, where the invoice itself says so: before API 2025-03-31. Since, billing.invoice_payments does.
  payment_intent_id text,
  charge_id text,

  customer_id text,
  livemode boolean,
  currency text,
  amount_minor bigint,
  paid_at timestamptz,
  as_of timestamptz,
  user_id text,
  -- Until when the plan may be used, if nothing else happens. null: not paid; -infinity: the money went back.
  entitled_until timestamptz
);
comment on table billing.purchases is 'Plans that were paid for once: docs/decisions/0014.';
create index purchases_user on billing.purchases (user_id);
create index purchases_customer on billing.purchases (customer_id);
create index purchases_intent on billing.purchases (payment_intent_id) where payment_intent_id is not null;
create index purchases_charge on billing.purchases (charge_id) where charge_id is not null;

-- From a purchase to its payments, and back from a refund or a dispute.
create index invoice_payments_invoice on billing.invoice_payments (invoice_id);
create index invoice_payments_charge on billing.invoice_payments (charge_id) where charge_id is not null;
create index refunds_intent on billing.refunds (payment_intent_id) where payment_intent_id is not null;
create index disputes_intent on billing.disputes (payment_intent_id) where payment_intent_id is not null;

-- Whether what was paid went back: all of it refunded, or a dispute of it lost. (The amount of a dispute follows the exchange rate, so it is not compared.)
create function billing.is_paid_back(purchase billing.purchases) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  intents constant text[] := array(select payment_intent_id from billing.invoice_payments where invoice_id = purchase.invoice_id) || purchase.payment_intent_id;
  charges constant text[] := array(select charge_id from billing.invoice_payments where invoice_id = purchase.invoice_id) || purchase.charge_id;
begin
  if exists (select from billing.disputes where status = 'lost' and (payment_intent_id = any (intents) or charge_id = any (charges))) then
    return true;
  end if;
  return coalesce((
    select sum(amount_minor) >= purchase.amount_minor from billing.refunds
    where status = 'succeeded' and (payment_intent_id = any (intents) or charge_id = any (charges))), false);
end
$$;

-- Whose purchase, from the strongest to the weakest, as of a subscription: the invoice's own metadata, the customer's, the Checkout session that made it, the
-- customer's earliest completed session for a subscription.
create function billing.buyer_of(bill billing.invoices, customer billing.customers) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(bill.metadata_user_id, customer.metadata_user_id, (
    select session.user_id from billing.checkouts as session
    where session.invoice_id = bill.invoice_id and session.user_id is not null
    order by session.as_of, session.session_id collate "C" limit 1), customer.session_user_id);
end
$$;

-- The row with everything derived anew. Reads the neighbours, writes nothing.
create function billing.derive_purchase(purchase billing.purchases) returns billing.purchases
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  bill billing.invoices;
  payer billing.customers;
begin
  select * into bill from billing.invoices where invoice_id = purchase.invoice_id;
  select * into payer from billing.customers where customer_id = bill.customer_id;
  purchase.customer_id := bill.customer_id;
  purchase.livemode := bill.livemode;
  purchase.currency := bill.currency;
  purchase.amount_minor := bill.amount_paid_minor;
  purchase.paid_at := bill.paid_at;
  purchase.as_of := bill.as_of;
  purchase.user_id := billing.buyer_of(bill, payer);
  purchase.entitled_until := case
    when bill.status is distinct from 'paid' then null
    when billing.is_paid_back(purchase) then '-infinity'
    else coalesce(bill.paid_at + make_interval(hours => 24 * purchase.lasts_days), 'infinity')
  end;
  return purchase;
end
$$;

-- One row a purchase that was paid, with the columns of billing.subscription_states. Behind a subscription of the same tier: that one may have seats and add-ons.
create view billing.purchase_states with (security_invoker = true) as
select
  held.user_id,
  held.customer_id,
  null::text as subscription_id,
  held.plan_id,
  case when held.entitled_until > now() then held.tier else catalogue.tiers[1] end as tier,
  case when held.entitled_until > now() then 'active' when held.entitled_until = '-infinity' then 'cancelled' else 'expired' end as status,
  held.entitled_until > now() as entitled,
  false as plan_unknown,
  case when held.entitled_until > now() then held.features else catalogue.default_features end as features,
  held.quantity,
  held.currency,
  held.amount_minor,
  'once' as billing_interval,
  null::integer as interval_count,
  held.paid_at + make_interval(hours => 24 * held.lasts_days) as current_period_end,
  null::timestamptz as trial_end,
  held.lasts_days is not null as cancel_at_period_end,
  held.paid_at + make_interval(hours => 24 * held.lasts_days) as cancel_at,
  null::timestamptz as grace_ends_at,
  false as collection_paused,
  held.as_of,
  case
    when held.entitled_until > now() then (1::bigint << 60) + (held.tier_rank::bigint << 8)
    -- As a subscription that was cancelled.
    else (2::bigint << 40) + greatest(0, extract(epoch from held.paid_at))::bigint
  end as precedence,
  null::jsonb as scheduled_change,
  held.invoice_id
from billing.purchases as held cross join billing.catalogue
where held.entitled_until is not null;

-- Whatever may stand for a user's plan.
create view billing.plan_sources with (security_invoker = true) as
select *, null::text as invoice_id from billing.subscription_states
union all
select * from billing.purchase_states;

-- A user's plan, as the apps see it: of all their subscriptions and purchases the one that stands for it, or the plan of those without. And until when it
-- stays so if nothing else happens; null: until something does.
create or replace function billing.state_of(of_user text, out state jsonb, out changes_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  best text;
  until timestamptz;
  rank bigint;
  bought billing.purchase_states;
begin
  select subscription_id, entitled_until, precedence into best, until, rank from billing.subscriptions
  where user_id = of_user and precedence >= 1::bigint << 60 and entitled_until > now()
  order by precedence desc, subscription_id desc limit 1;
  if exists (select from billing.purchases where user_id = of_user) then
    select * into bought from billing.purchase_states as it where it.user_id = of_user order by it.entitled desc, it.precedence desc, it.invoice_id desc limit 1;
  end if;
  if best is null and not coalesce(bought.entitled, false) then
    select subscription_id, precedence into best, rank from billing.subscriptions
    where user_id = of_user and precedence is not null order by precedence desc, subscription_id desc limit 1;
  end if;
  if bought.invoice_id is not null and (best is null or bought.precedence > rank) then
    state := to_jsonb(bought) - array['user_id', 'as_of', 'precedence', 'invoice_id'];
    until := case when bought.entitled then bought.cancel_at end;
  elsif best is null then
    select to_jsonb(nobody) into state from billing.state_without_subscription as nobody;
  else
    select to_jsonb(plan) - array['user_id', 'as_of', 'precedence'] into state from billing.subscription_states as plan where subscription_id = best;
  end if;
  changes_at := case when until < 'infinity' then until end;
end
$$;

-- What a plan event is about is a subscription; or a purchase, which has no subscription but an invoice (`latest_invoice_id`).
create or replace function billing.write_plan_event(event jsonb, event_type text, of_user text, subject billing.subscriptions, payload jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  session text;
  invoice constant text := case when subject.subscription_id is null then subject.latest_invoice_id end;
  plan billing.user_plans;
begin
  if invoice is null then
    select session_id into session from billing.checkouts as made
    where made.subscription_id = subject.subscription_id order by made.as_of, made.session_id limit 1;
  else
    select session_id into session from billing.checkouts as made where made.invoice_id = invoice order by made.as_of, made.session_id limit 1;
  end if;
  update billing.user_plans set version = billing.next_version(version) where user_id = of_user returning * into plan;
  insert into billing.plan_events (event_type, user_id, version, occurred_at, plan, payload, metadata, subscription_id, source_event_id, replay_name)
  values (
    write_plan_event.event_type, of_user, plan.version, to_timestamp((event ->> 'created')::bigint), plan.state,
    jsonb_strip_nulls(jsonb_build_object(
      'session_id', session, 'subscription_id', subject.subscription_id, 'invoice_id', invoice, 'customer_id', subject.customer_id))
      || write_plan_event.payload || '{"source": "stripe"}',
    jsonb_build_object('version', 'v2', 'origin', event -> 'origin'),
    subject.subscription_id, event ->> 'id', event ->> 'replay_name');
end
$$;

-- The user of a customer's earliest subscription that has one; of who only ever bought once, of the earliest purchase.
create or replace function billing.first_named(of_customer text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(
    (select user_id from billing.subscriptions
     where customer_id = of_customer and user_id is not null order by started_at, subscription_id limit 1),
    (select user_id from billing.purchases
     where customer_id = of_customer and user_id is not null order by paid_at, invoice_id limit 1));
end
$$;

-- Derives purchases anew after something that they are made of changed, and writes those that differ: what they were, and what they are.
create function billing.write_purchases(invoices text[], out before billing.purchases[], out after billing.purchases[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  of_invoice text;
  held billing.purchases;
  next billing.purchases;
begin
  foreach of_invoice in array invoices loop
    -- Locked: of an event of the customer and a refund at the same time, the second sees what the first made of it.
    select * into held from billing.purchases where invoice_id = of_invoice for no key update;
    if found then
      next := billing.derive_purchase(held);
      if next is distinct from held then
        update billing.purchases set
          customer_id = next.customer_id, livemode = next.livemode, currency = next.currency, amount_minor = next.amount_minor, paid_at = next.paid_at,
          as_of = next.as_of, user_id = next.user_id, entitled_until = next.entitled_until
        where invoice_id = of_invoice;
        before := before || held;
        after := after || next;
      end if;
    end if;
  end loop;
end
$$;

-- Settles what changed purchases mean to whoever has them and had them before: once all of them are written, since a user's plan is made of all, and changes
-- once. Users in the order of their ids, as billing.settle_subscription.
create function billing.settle_purchases(event jsonb, before billing.purchases[], after billing.purchases[]) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  subject billing.subscriptions;
  concerned record;
  notified integer := 0;
begin
  for concerned in
    select distinct on (user_id) user_id, customer_id, invoice_id from (select * from unnest(after) union all select * from unnest(before)) as it
    where user_id is not null order by user_id, as_of desc, invoice_id
  loop
    subject.customer_id := concerned.customer_id;
    subject.latest_invoice_id := concerned.invoice_id;
    notified := notified + billing.settle_user(event, concerned.user_id, subject);
  end loop;
  for place in 1 .. coalesce(cardinality(after), 0) loop
    if after[place].user_id is distinct from before[place].user_id then
      update billing.customers set user_id = billing.first_named(customer_id)
      where customer_id = after[place].customer_id and metadata_user_id is null and session_user_id is null;
    end if;
  end loop;
  return notified;
end
$$;

-- As in 20261121000400, with the customer's purchases: a link changed, so every subscription and purchase of the customer may be somebody else's.
create or replace function billing.relink(event jsonb, of_customer billing.customers) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  subscription billing.subscriptions;
  next billing.subscriptions;
  before billing.subscriptions[];
  after billing.subscriptions[];
  purchases record;
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
  purchases := billing.write_purchases(array(select invoice_id from billing.purchases where customer_id = of_customer.customer_id order by invoice_id));
  -- Only once all of them are somebody else's: their user's plan is made of all, and changes once.
  for place in 1 .. coalesce(cardinality(after), 0) loop
    notified := notified + billing.settle_subscription(event, before[place], after[place], of_customer);
  end loop;
  return notified + billing.settle_purchases(event, purchases.before, purchases.after);
end
$$;

-- Keeps what an invoice's lines say was bought, and who the invoice itself says paid it. Answers whether that is news.
create function billing.store_purchase(of_invoice text, bought jsonb, paid_by jsonb) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into billing.purchases as held (invoice_id, price_id, plan_id, tier, tier_rank, features, lasts_days, quantity, payment_intent_id, charge_id)
  values (
    of_invoice, bought ->> 'price_id', bought ->> 'plan_id', bought ->> 'tier', (bought ->> 'tier_rank')::integer, bought -> 'features',
    (bought ->> 'lasts_days')::integer, (bought ->> 'quantity')::integer, paid_by ->> 'payment_intent_id', paid_by ->> 'charge_id')
  on conflict (invoice_id) do update set
    price_id = excluded.price_id, plan_id = excluded.plan_id, tier = excluded.tier, tier_rank = excluded.tier_rank, features = excluded.features,
    lasts_days = excluded.lasts_days, quantity = excluded.quantity,
    payment_intent_id = coalesce(excluded.payment_intent_id, held.payment_intent_id), charge_id = coalesce(excluded.charge_id, held.charge_id)
  where (held.price_id, held.plan_id, held.tier, held.tier_rank, held.features, held.lasts_days, held.quantity, held.payment_intent_id, held.charge_id)
    is distinct from (
      excluded.price_id, excluded.plan_id, excluded.tier, excluded.tier_rank, excluded.features, excluded.lasts_days, excluded.quantity,
      coalesce(excluded.payment_intent_id, held.payment_intent_id), coalesce(excluded.charge_id, held.charge_id));
  return found;
end
$$;

-- Which purchases a fact is about: their invoice, whose they are, or where their money went.
create function billing.purchases_about(fact jsonb) returns text[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  case fact ->> 'kind'
    when 'invoice', 'invoice_payment' then
      return array_remove(array[fact ->> 'invoice_id'], null);
    when 'customer', 'checkout' then
      return array(
        select invoice_id from billing.purchases where customer_id = fact ->> 'customer_id'
        union select invoice_id from billing.purchases where invoice_id = fact ->> 'invoice_id' order by 1);
    when 'refund', 'dispute' then
      return array(
        select invoice_id from billing.invoice_payments where payment_intent_id = fact ->> 'payment_intent_id'
        union select invoice_id from billing.invoice_payments where charge_id = fact ->> 'charge_id'
        union select invoice_id from billing.purchases where payment_intent_id = fact ->> 'payment_intent_id'
        union select invoice_id from billing.purchases where charge_id = fact ->> 'charge_id' order by 1);
    else
      return '{}';
  end case;
end
$$;

-- Whether a fact may be one that a purchase is made of: money that went back, and whatever names an invoice that is not known to be a subscription's.
create function billing.may_be_of_purchase(fact jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if fact ->> 'kind' in ('refund', 'dispute') then
    return true;
  end if;
  if fact ->> 'kind' = 'payment' or fact ->> 'invoice_id' is null or fact ->> 'subscription_id' is not null then
    return false;
  end if;
  return not exists (select from billing.invoices where invoice_id = fact ->> 'invoice_id' and subscription_id is not null);
end
$$;

-- As in 20261121001100; what a fact means to purchases comes last, when its own rows are written.
create or replace function billing.apply_fact(event jsonb, fact jsonb, fetched jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kind constant text := fact ->> 'kind';
  nobody billing.subscriptions;
  incoming jsonb;
  ruling text;
  purchases record;
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
  -- An invoice, its payment and a refund share no customer whose row could be locked, and two that each do not see the other would both find nothing to do:
  -- so they pass one after another. The lock is on a table that is written when the configuration changes; readers do not wait for it.
  if billing.may_be_of_purchase(fact) then
    lock table billing.catalogue in share update exclusive mode;
  end if;
  incoming := fact || jsonb_build_object(
    'livemode', event -> 'livemode',
    'as_of', to_timestamp((event ->> 'created')::bigint),
    'source_event_id', event -> 'id',
    'progress', billing.progress(kind, event ->> 'type', fact));
  case kind
    when 'customer' then answer := billing.apply_customer(event, incoming, customer);
    when 'checkout' then answer := billing.apply_checkout(event, incoming, customer);
    when 'invoice' then answer := billing.apply_invoice(event, incoming, customer);
    when 'schedule' then
      select * into customer from billing.customers where customer_id = fact ->> 'customer_id';
      answer := billing.apply_schedule(event, incoming, customer);
    when 'payment' then ruling := billing.store_payments(jsonb_populate_record(null::billing.payments, incoming));
    when 'invoice_payment' then ruling := billing.store_invoice_payments(jsonb_populate_record(null::billing.invoice_payments, incoming));
    when 'refund' then ruling := billing.store_refunds(jsonb_populate_record(null::billing.refunds, incoming));
    when 'dispute' then ruling := billing.store_disputes(jsonb_populate_record(null::billing.disputes, incoming));
    else
      -- Undefined function: later, until the migration is there.
      raise exception 'billing.apply_events does not know facts of kind %', coalesce(kind, 'null')
        using errcode = '42883', hint = 'The handlers are newer than the migrations: run `npm run ops -- migrate`.';
  end case;
  if ruling is not null then
    answer.verdict := split_part(ruling, '/', 1);
    answer.reason := split_part(ruling, '/', 2);
    answer.notified := 0;
  end if;
  if jsonb_typeof(fact -> 'purchase') = 'object' then
    if billing.store_purchase(fact ->> 'invoice_id', fact -> 'purchase', fact -> 'paid_by') then
      answer.verdict := 'changed';
    end if;
  end if;
  purchases := billing.write_purchases(billing.purchases_about(fact));
  if purchases.after is not null then
    answer.notified := answer.notified + billing.settle_purchases(event, purchases.before, purchases.after);
  end if;
  return answer;
end
$$;

-- As in 20261121000700; whoever paid once and is known to nobody counts, too.
create or replace function billing.standing() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  nobodys bigint;
  lag jsonb;
  first_event bigint;
begin
  select count(*) into nobodys from billing.subscriptions
  where user_id is null and precedence >= 1::bigint << 60 and entitled_until > now();
  select nobodys + count(*) into nobodys from billing.purchases where user_id is null and entitled_until > now();
  select jsonb_object_agg(worker, seconds) into lag from (
    select worker, percentile_cont(0.5) within group (order by extract(epoch from committed_at - arrived_at)) as seconds
    from billing.events where committed_at > now() - interval '10 minutes' and origin = 'webhook' group by worker) as recent;
  if not exists (select from billing.reconcile_cursors where name = 'reconcile') then
    select extract(epoch from min(created))::bigint into first_event from billing.events where origin = 'webhook';
  end if;
  return jsonb_build_object('entitled_without_user', nobodys, 'lag', coalesce(lag, '{}'), 'first_event', first_event);
end
$$;

-- As in 20261121000800, with purchases.
create or replace function billing.story_of(of_user text, of_customers text[], most integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  concerned constant text[] := array(
    select unnest(of_customers)
    union select customer_id from billing.customers where user_id = of_user
    union select customer_id from billing.subscriptions where user_id = of_user
    union select customer_id from billing.purchases where user_id = of_user);
  users constant text[] := array(
    select of_user where of_user is not null
    union select user_id from billing.subscriptions where customer_id = any (concerned) and user_id is not null
    union select user_id from billing.purchases where customer_id = any (concerned) and user_id is not null);
begin
  return jsonb_build_object(
    'customers', (select coalesce(jsonb_agg(to_jsonb(it) - array['progress', 'livemode'] order by customer_id), '[]') from billing.customers as it where customer_id = any (concerned)),
    'plans', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'user_id', named, 'version', coalesce(told.version, 0), 'state', (billing.state_of(named)).state, 'notified', told.state) order by named), '[]')
      from unnest(users) as named left join billing.user_plans as told on told.user_id = named),
    'subscriptions', (
      select coalesce(jsonb_agg(to_jsonb(state) || jsonb_build_object(
          'price_id', held.price_id, 'cancellation_reason', held.cancellation_reason, 'canceled_at', held.canceled_at, 'ended_at', held.ended_at,
          'source_event_id', held.source_event_id, 'source_type', held.source_type)
        order by state.entitled desc, state.precedence desc, state.subscription_id desc), '[]')
      from billing.subscription_states as state join billing.subscriptions as held using (subscription_id)
      where state.customer_id = any (concerned) or state.user_id = of_user),
    'purchases', (
      select coalesce(jsonb_agg(to_jsonb(state) || jsonb_build_object('price_id', held.price_id) order by state.entitled desc, state.precedence desc, state.invoice_id desc), '[]')
      from billing.purchase_states as state join billing.purchases as held using (invoice_id)
      where state.customer_id = any (concerned) or state.user_id = of_user),
    'unpaid_invoices', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'invoice_id', invoice_id, 'subscription_id', subscription_id, 'problem', problem, 'attempt_count', attempt_count, 'created', created) order by created desc), '[]')
      from billing.invoices where customer_id = any (concerned) and status = 'open' and attempt_count > 0),
    'ledger', (
      select coalesce(jsonb_agg(entry.it order by entry.created desc, entry.committed_at desc), '[]') from (
        select to_jsonb(settled) || jsonb_build_object('told', (
            select to_jsonb(snapshot) from billing.subscription_history as snapshot
            where snapshot.subscription_id = settled.object_id and snapshot.as_of = settled.created and snapshot.source_event_id = settled.event_id)) as it,
          settled.created, settled.committed_at
        from billing.events as settled where settled.customer_id = any (concerned) order by settled.created desc, settled.committed_at desc limit most) as entry),
    'plan_events', (
      select coalesce(jsonb_agg(to_jsonb(it) - array['payload', 'app_source', 'sequence'] order by it.version desc), '[]')
      from (select * from billing.plan_events where user_id = any (users) order by version desc limit most) as it));
end
$$;

-- As in 20261121001100, with purchases; so is the next. A purchase does not keep a person from being erased: nothing is collected any more.
create or replace function billing.person_of(of_customer text) returns jsonb
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
    union select metadata_user_id from billing.subscriptions where customer_id = of_customer
    union select metadata_user_id from billing.invoices where customer_id = of_customer);
  users := array(select it from unnest(users) as it where it is not null order by it);
  shared := array(
    select it from unnest(users) as it
    where exists (select from billing.customers where user_id = it and customer_id <> of_customer)
       or exists (select from billing.subscriptions where user_id = it and customer_id <> of_customer)
       or exists (select from billing.purchases where user_id = it and customer_id <> of_customer));
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
      union select schedule_id from billing.schedules where customer_id = any (names)
      union select invoice_payment_id from billing.invoice_payments where invoice_id = any (invoices)
      union select refund_id from billing.refunds where charge_id = any (payments) or payment_intent_id = any (payments)
      union select dispute_id from billing.disputes where charge_id = any (payments) or payment_intent_id = any (payments)
      order by 1));
end
$$;

create or replace function billing.erase_person(of_customer text) returns jsonb
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
  update billing.schedules set customer_id = alias where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('schedules', changed);
  update billing.invoices set customer_id = alias, metadata_user_id = null where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('invoices', changed);
  update billing.purchases set customer_id = alias, user_id = null where customer_id = of_customer;
  get diagnostics changed = row_count;
  answer := answer || jsonb_build_object('purchases', changed);
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

-- Everybody who reads a plan reads purchases, too.
create or replace view billing.plan_states with (security_invoker = true) as
select distinct on (user_id, case when user_id is null then customer_id end)
  user_id, customer_id, subscription_id, plan_id, tier, status, entitled, plan_unknown, features, quantity, currency, amount_minor, billing_interval, interval_count,
  current_period_end, trial_end, cancel_at_period_end, cancel_at, grace_ends_at, collection_paused, as_of, precedence, scheduled_change
from billing.plan_sources
order by user_id, case when user_id is null then customer_id end, entitled desc, precedence desc, subscription_id desc nulls last, invoice_id desc;

create or replace view public.my_plan with (security_invoker = true) as
select
  me.user_id, coalesce(told.version, 0) as version,
  case when plan.status is null then nobody.plan_id else plan.plan_id end as plan_id,
  coalesce(plan.tier, nobody.tier) as tier,
  coalesce(plan.status, nobody.status) as status,
  coalesce(plan.entitled, false) as entitled,
  coalesce(plan.plan_unknown, false) as plan_unknown,
  coalesce(plan.features, nobody.features) as features,
  plan.quantity, plan.currency, plan.amount_minor, plan.billing_interval, plan.interval_count, plan.current_period_end, plan.trial_end,
  coalesce(plan.cancel_at_period_end, false) as cancel_at_period_end, plan.cancel_at, plan.grace_ends_at,
  coalesce(plan.collection_paused, false) as collection_paused, plan.as_of,
  plan.scheduled_change
from (select (select auth.uid())::text as user_id) as me
cross join billing.state_without_subscription as nobody
left join billing.user_plans as told on told.user_id = me.user_id
left join lateral (
  select * from billing.plan_sources as mine where mine.user_id = me.user_id
  order by mine.entitled desc, mine.precedence desc, mine.subscription_id desc nulls last, mine.invoice_id desc limit 1
) as plan on true
where me.user_id is not null;

create or replace function public.plan_of(owner text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  plan jsonb;
begin
  select to_jsonb(it) into plan from billing.plan_sources as it
  where it.user_id = owner order by it.entitled desc, it.precedence desc, it.subscription_id desc nulls last, it.invoice_id desc limit 1;
  if plan is null then
    select to_jsonb(it) || jsonb_build_object('user_id', owner) into plan from billing.state_without_subscription as it;
  end if;
  return plan - array['precedence', 'invoice_id']
    || jsonb_build_object('version', coalesce((select version from billing.user_plans as told where told.user_id = owner), 0));
end
$$;

-- An invoice's row for the comparison with Stripe: what was bought, and what of the purchase is not as derived; `user_plan` where a purchase stands for it and
-- the apps were notified of another (as billing.compared_subscription).
create function billing.compared_invoice(id text, bill jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  held billing.purchases;
  other jsonb;
  told billing.user_plans;
  state_is record;
begin
  select * into held from billing.purchases where invoice_id = id;
  if not found then
    return bill || '{"purchase": null}';
  end if;
  select jsonb_agg(derived.key order by derived.key) into other from jsonb_each(to_jsonb(billing.derive_purchase(held))) as derived
  where derived.value is distinct from to_jsonb(held) -> derived.key;
  if held.user_id is not null then
    select * into told from billing.user_plans where user_id = held.user_id;
    state_is := billing.state_of(held.user_id);
    if state_is.state ->> 'subscription_id' is null and (told.changes_at is null or told.changes_at > now())
      and (told.state, told.changes_at) is distinct from (state_is.state, state_is.changes_at) then
      other := coalesce(other, '[]') || '["user_plan"]';
      bill := bill || jsonb_build_object('user_plan', told.state);
    end if;
  end if;
  return to_jsonb(held) || bill || jsonb_build_object(
    'not_as_derived', coalesce(other, '[]'),
    'purchase', jsonb_build_object(
      'price_id', held.price_id, 'plan_id', held.plan_id, 'tier', held.tier, 'tier_rank', held.tier_rank, 'features', held.features,
      'lasts_days', held.lasts_days, 'quantity', held.quantity));
end
$$;

-- As in 20261121000900, with what was bought.
create or replace function billing.rows_of(kind text, ids text[], span_from bigint default null, span_to bigint default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb := billing.held_rows_of(kind, ids, span_from, span_to);
  erased jsonb;
begin
  if kind = 'invoice' then
    answer := (
      select jsonb_object_agg(part, (select coalesce(jsonb_object_agg(id, billing.compared_invoice(id, row)), '{}') from jsonb_each(rows) as each_row(id, row)))
      from jsonb_each(answer) as parts(part, rows));
  end if;
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

call billing.take_ownership();
alter table billing.purchases enable row level security;
create policy every_row on billing.purchases for select to billing_reader using (true);
create policy own_purchases on billing.purchases for select to authenticated using (user_id = (select auth.uid())::text or billing.may_read_plan(user_id));
grant select on billing.purchases, billing.purchase_states, billing.plan_sources to billing_reader, service_role;
grant select (
  invoice_id, customer_id, user_id, plan_id, tier, tier_rank, features, lasts_days, quantity, currency, amount_minor, paid_at, entitled_until, as_of)
  on billing.purchases to authenticated;
grant select on billing.purchase_states, billing.plan_sources to authenticated;
