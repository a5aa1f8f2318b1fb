-- Plans that are paid for once cost nothing to facts that no purchase is made of, and refunds of subscriptions do not wait for each other.
-- Functions only, so safe while live.

-- Whether a fact may be one that a purchase is made of: money that went back, and whatever names an invoice that is not known to be a subscription's.
create or replace function billing.may_be_of_purchase(fact jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if fact ->> 'kind' in ('refund', 'dispute') or jsonb_typeof(fact -> 'purchase') = 'object' then
    return true;
  end if;
  if fact ->> 'invoice_id' is null or fact ->> 'subscription_id' is not null then
    return false;
  end if;
  return not exists (select from billing.invoices where invoice_id = fact ->> 'invoice_id' and subscription_id is not null);
end
$$;

-- Whether money that went back is known to have paid a subscription: nearly all of it.
create function billing.is_of_subscription(fact jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return fact ->> 'kind' in ('refund', 'dispute') and exists (
    select from billing.invoice_payments as paid join billing.invoices as bill on bill.invoice_id = paid.invoice_id
    where paid.payment_intent_id = fact ->> 'payment_intent_id' and bill.subscription_id is not null);
end
$$;

-- Which purchases a fact is about: their invoice, or where their money went. Where a customer's link changes, billing.relink writes theirs.
create or replace function billing.purchases_about(fact jsonb) returns text[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  case fact ->> 'kind'
    when 'refund', 'dispute' then
      return array(
        select invoice_id from billing.invoice_payments where payment_intent_id = fact ->> 'payment_intent_id'
        union select invoice_id from billing.invoice_payments where charge_id = fact ->> 'charge_id'
        union select invoice_id from billing.purchases where payment_intent_id = fact ->> 'payment_intent_id'
        union select invoice_id from billing.purchases where charge_id = fact ->> 'charge_id' order by 1);
    when 'invoice', 'invoice_payment', 'checkout' then
      return array[fact ->> 'invoice_id'];
    else
      return '{}';
  end case;
end
$$;

-- As in 20261121001400, with these.
create or replace function billing.apply_fact(event jsonb, fact jsonb, fetched jsonb, customer billing.customers) returns billing.applied
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kind constant text := fact ->> 'kind';
  nobody billing.subscriptions;
  of_purchase boolean := false;
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
  -- A payment reaches a purchase by what links it to an invoice, a fact of its own.
  if kind <> 'payment' then
    of_purchase := billing.may_be_of_purchase(fact);
    -- An invoice, its payment and a refund share no customer whose row could be locked, and two that each do not see the other would both find nothing to do:
    -- so they pass one after another. The lock is on a table that is written when the configuration changes; readers do not wait for it.
    if of_purchase and not billing.is_of_subscription(fact) then
      lock table billing.catalogue in share update exclusive mode;
    end if;
  end if;
  incoming := fact || jsonb_build_object(
    'livemode', event -> 'livemode',
    'as_of', to_timestamp((event ->> 'created')::bigint),
    'source_event_id', event -> 'id',
    'progress', billing.progress(kind, event ->> 'type', fact));
  case kind
    when 'payment' then ruling := billing.store_payments(jsonb_populate_record(null::billing.payments, incoming));
    when 'invoice' then answer := billing.apply_invoice(event, incoming, customer);
    when 'invoice_payment' then ruling := billing.store_invoice_payments(jsonb_populate_record(null::billing.invoice_payments, incoming));
    when 'refund' then ruling := billing.store_refunds(jsonb_populate_record(null::billing.refunds, incoming));
    when 'customer' then answer := billing.apply_customer(event, incoming, customer);
    when 'checkout' then answer := billing.apply_checkout(event, incoming, customer);
    when 'schedule' then
      select * into customer from billing.customers where customer_id = fact ->> 'customer_id';
      answer := billing.apply_schedule(event, incoming, customer);
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
  if of_purchase then
    if jsonb_typeof(fact -> 'purchase') = 'object' then
      if billing.store_purchase(fact ->> 'invoice_id', fact -> 'purchase', fact -> 'paid_by') then
        answer.verdict := 'changed';
      end if;
    end if;
    purchases := billing.write_purchases(billing.purchases_about(fact));
    if purchases.after is not null then
      answer.notified := answer.notified + billing.settle_purchases(event, purchases.before, purchases.after);
    end if;
  end if;
  return answer;
end
$$;

call billing.take_ownership();
