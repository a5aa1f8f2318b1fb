-- The comparison with Stripe looks for running rows that Stripe does not list, and now also for rows that say that they are over and do not look it: nobody else
-- would find one that was edited and whose subscription Stripe does not know any more. One function that reads, so safe while live.

-- As in 20261121001100, but for that.
create or replace function billing.held_rows_of(kind text, ids text[], span_from bigint default null, span_to bigint default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  since constant timestamptz := to_timestamp(span_from);
  -- The newest span has no end: no list of Stripe's shows what somebody gave a beginning that is yet to come.
  until constant timestamptz := case when span_to > extract(epoch from now()) - 3600 then 'infinity' else to_timestamp(span_to + 1) end;
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
    when 'schedule' then
      select jsonb_object_agg(schedule_id, to_jsonb(it)) into held from billing.schedules as it where schedule_id = any (ids);
    when 'subscription' then
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, true)) into held from billing.subscriptions as it where subscription_id = any (ids);
      select jsonb_object_agg(subscription_id, billing.compared_subscription(it, false)) into others from (
        select * from billing.subscriptions
        where started_at >= since and started_at < until and subscription_id <> all (ids)
          -- One that is over is in another list; but a row that gives a plan all the same was edited, and Stripe may not know the subscription any more.
          and (not billing.is_terminal(status) or entitled_until > '-infinity' or scheduled_change is not null) limit 100) as it;
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

call billing.take_ownership();
