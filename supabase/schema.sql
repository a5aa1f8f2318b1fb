-- Made by `npm run schema` from supabase/migrations. Do not edit; do not run.

-- Tables

table billing.checkouts (
  session_id text not null,
  mode text not null,
  customer_id text,
  subscription_id text,
  user_id text,
  status text not null,
  currency text,
  amount_minor bigint,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint checkouts_pkey PRIMARY KEY (session_id)
  constraint checkouts_status_check CHECK ((status = ANY (ARRAY['expired'::text, 'unpaid'::text, 'failed'::text, 'complete'::text])))
  CREATE INDEX checkouts_customer ON billing.checkouts USING btree (customer_id)
  CREATE INDEX checkouts_subscription ON billing.checkouts USING btree (subscription_id)
  row level security enabled

table billing.customers (
  customer_id text not null,
  metadata_user_id text,
  deleted boolean not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint customers_pkey PRIMARY KEY (customer_id)
  row level security enabled

table billing.disputes (
  dispute_id text not null,
  charge_id text,
  payment_intent_id text,
  status text not null,
  reason text,
  currency text not null,
  amount_minor bigint not null,
  created timestamp with time zone not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint disputes_pkey PRIMARY KEY (dispute_id)
  CREATE INDEX disputes_charge ON billing.disputes USING btree (charge_id)
  row level security enabled

table billing.events (
  event_id text not null,
  type text not null,
  created timestamp with time zone not null,
  livemode boolean not null,
  api_version text,
  worker text not null,
  origin text not null,
  replay_name text,
  customer_id text,
  object_id text,
  outcome text not null,
  reason text,
  arrived_at timestamp with time zone not null,
  committed_at timestamp with time zone not null default clock_timestamp()
)
  constraint events_origin_check CHECK ((origin = ANY (ARRAY['webhook'::text, 'replay'::text, 'reconcile'::text])))
  constraint events_outcome_check CHECK ((outcome = ANY (ARRAY['applied'::text, 'duplicate'::text, 'stale'::text, 'refetched'::text, 'ignored'::text, 'parked'::text])))
  constraint events_pkey PRIMARY KEY (event_id)
  CREATE INDEX events_committed_at ON billing.events USING btree (committed_at)
  CREATE INDEX events_customer ON billing.events USING btree (customer_id, created)
  row level security enabled

table billing.invoices (
  invoice_id text not null,
  customer_id text,
  subscription_id text,
  status text not null,
  problem text,
  attempt_count integer not null,
  currency text not null,
  amount_due_minor bigint not null,
  amount_paid_minor bigint not null,
  created timestamp with time zone not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null,
  announced_problem text
)
  constraint invoices_pkey PRIMARY KEY (invoice_id)
  constraint invoices_problem_check CHECK ((problem = ANY (ARRAY['payment_failed'::text, 'action_required'::text])))
  CREATE INDEX invoices_subscription ON billing.invoices USING btree (subscription_id)
  CREATE INDEX invoices_to_announce ON billing.invoices USING btree (customer_id) WHERE (problem IS NOT NULL)
  row level security enabled

table billing.payments (
  payment_id text not null,
  object text not null,
  customer_id text,
  payment_intent_id text,
  invoice_id text,
  status text not null,
  failure_code text,
  currency text not null,
  amount_minor bigint not null,
  amount_refunded_minor bigint not null,
  created timestamp with time zone not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint payments_object_check CHECK ((object = ANY (ARRAY['charge'::text, 'payment_intent'::text])))
  constraint payments_pkey PRIMARY KEY (payment_id)
  CREATE INDEX payments_created ON billing.payments USING btree (created) WHERE (object = 'charge'::text)
  CREATE INDEX payments_customer ON billing.payments USING btree (customer_id)
  row level security enabled

table billing.plan_events (
  id uuid not null default gen_random_uuid(),
  sequence bigint not null generated always as identity,
  event_type text not null,
  user_id text not null,
  payload jsonb not null,
  app_source text not null default 'website'::text,
  metadata jsonb not null,
  subscription_id text,
  source_event_id text not null,
  replay_name text,
  created_at timestamp with time zone not null default clock_timestamp()
)
  constraint plan_events_event_type_check CHECK ((event_type = ANY (ARRAY['SUBSCRIPTION_ACTIVATED'::text, 'SUBSCRIPTION_UPDATED'::text, 'SUBSCRIPTION_CANCELLED'::text, 'PAYMENT_FAILED'::text, 'PAYMENT_ACTION_REQUIRED'::text])))
  constraint plan_events_pkey PRIMARY KEY (id)
  CREATE INDEX plan_events_source ON billing.plan_events USING btree (source_event_id)
  CREATE INDEX plan_events_user ON billing.plan_events USING btree (user_id, sequence)
  row level security enabled

table billing.refunds (
  refund_id text not null,
  charge_id text,
  payment_intent_id text,
  status text not null,
  currency text not null,
  amount_minor bigint not null,
  created timestamp with time zone not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint refunds_pkey PRIMARY KEY (refund_id)
  CREATE INDEX refunds_charge ON billing.refunds USING btree (charge_id)
  CREATE INDEX refunds_created ON billing.refunds USING btree (created)
  row level security enabled

table billing.subscriptions (
  subscription_id text not null,
  customer_id text not null,
  livemode boolean not null,
  as_of timestamp with time zone,
  source_event_id text,
  source_type text,
  ticket_issued integer not null default 0,
  ticket_applied integer not null default 0,
  status text,
  metadata_user_id text,
  price_id text,
  lookup_key text,
  quantity integer,
  currency text,
  amount_minor bigint,
  billing_interval text,
  current_period_start timestamp with time zone,
  current_period_end timestamp with time zone,
  cancel_at_period_end boolean,
  cancel_at timestamp with time zone,
  canceled_at timestamp with time zone,
  ended_at timestamp with time zone,
  trial_start timestamp with time zone,
  trial_end timestamp with time zone,
  started_at timestamp with time zone,
  latest_invoice_id text,
  plan_id text,
  tier text,
  grace_days integer,
  user_id text,
  grace_ends_at timestamp with time zone,
  announced jsonb
)
  constraint subscriptions_pkey PRIMARY KEY (subscription_id)
  constraint subscriptions_status_check CHECK ((status = ANY (ARRAY['incomplete'::text, 'incomplete_expired'::text, 'trialing'::text, 'active'::text, 'past_due'::text, 'canceled'::text, 'unpaid'::text, 'paused'::text])))
  constraint subscriptions_tier_check CHECK ((tier = ANY (ARRAY['FREE'::text, 'PREMIUM'::text, 'PREMIUM_PLUS'::text])))
  CREATE INDEX subscriptions_customer ON billing.subscriptions USING btree (customer_id)
  CREATE INDEX subscriptions_user ON billing.subscriptions USING btree (user_id)
  row level security enabled


-- Views

view billing.conversion as
 SELECT day,
    livemode,
    sum(checkouts_completed) AS checkouts_completed,
    sum(checkouts_expired) AS checkouts_expired,
    sum(trials_started) AS trials_started,
    sum(trials_running) AS trials_running,
    sum(trials_converted) AS trials_converted
   FROM ( SELECT (checkouts.as_of AT TIME ZONE 'UTC'::text)::date AS day,
            checkouts.livemode,
            (checkouts.status = 'complete'::text)::integer AS checkouts_completed,
            (checkouts.status = 'expired'::text)::integer AS checkouts_expired,
            0 AS trials_started,
            0 AS trials_running,
            0 AS trials_converted
           FROM billing.checkouts
        UNION ALL
         SELECT (subscriptions.trial_start AT TIME ZONE 'UTC'::text)::date AS timezone,
            subscriptions.livemode,
            0,
            0,
            1,
            (subscriptions.status = 'trialing'::text)::integer AS int4,
            ((subscriptions.status <> ALL (ARRAY['trialing'::text, 'incomplete'::text, 'incomplete_expired'::text])) AND COALESCE(subscriptions.ended_at, 'infinity'::timestamp with time zone) > subscriptions.trial_end AND subscriptions.current_period_start >= subscriptions.trial_end)::integer AS int4
           FROM billing.subscriptions
          WHERE subscriptions.trial_start IS NOT NULL) steps
  GROUP BY day, livemode;

view billing.payment_history as
 SELECT COALESCE(subscriber.user_id, billed.user_id) AS user_id,
    payment.customer_id,
    payment.payment_id,
    payment.object,
    payment.invoice_id,
    payment.status,
    payment.failure_code,
    payment.currency,
    payment.amount_minor,
    COALESCE(refunded.amount_minor, payment.amount_refunded_minor) AS amount_refunded_minor,
    dispute.status AS dispute_status,
    payment.livemode,
    payment.created
   FROM billing.payments payment
     LEFT JOIN LATERAL ( SELECT subscriptions.user_id
           FROM billing.subscriptions
          WHERE subscriptions.customer_id = payment.customer_id AND subscriptions.user_id IS NOT NULL
          ORDER BY subscriptions.as_of DESC NULLS LAST
         LIMIT 1) subscriber ON true
     LEFT JOIN LATERAL ( SELECT COALESCE(( SELECT customers.metadata_user_id
                   FROM billing.customers
                  WHERE customers.customer_id = payment.customer_id), ( SELECT checkouts.user_id
                   FROM billing.checkouts
                  WHERE checkouts.customer_id = payment.customer_id AND checkouts.user_id IS NOT NULL
                  ORDER BY checkouts.as_of DESC
                 LIMIT 1)) AS user_id) billed ON true
     LEFT JOIN LATERAL ( SELECT
                CASE
                    WHEN count(*) > 0 THEN COALESCE(sum(refunds.amount_minor) FILTER (WHERE refunds.status = 'succeeded'::text), 0::numeric)::bigint
                    ELSE NULL::bigint
                END AS amount_minor
           FROM billing.refunds
          WHERE refunds.charge_id = payment.payment_id) refunded ON true
     LEFT JOIN LATERAL ( SELECT disputes.status
           FROM billing.disputes
          WHERE disputes.charge_id = payment.payment_id
          ORDER BY disputes.as_of DESC
         LIMIT 1) dispute ON true;

view billing.plan_states with (security_invoker=true) as
 SELECT DISTINCT ON ((COALESCE('user '::text || user_id, 'customer '::text || customer_id))) user_id,
    customer_id,
    subscription_id,
    plan_id,
        CASE
            WHEN entitled THEN tier
            ELSE 'FREE'::text
        END AS tier,
    status,
    entitled,
    current_period_end,
    cancel_at_period_end,
    cancel_at,
    grace_ends_at,
    as_of
   FROM ( SELECT named.subscription_id,
            named.customer_id,
            named.user_id,
            named.plan_id,
            named.tier,
            named.status,
            named.current_period_end,
            named.cancel_at_period_end,
            named.cancel_at,
            named.grace_ends_at,
            named.as_of,
            billing.is_entitled(named.status, named.grace_ends_at, now()) AS entitled
           FROM ( SELECT subscriptions.subscription_id,
                    subscriptions.customer_id,
                    subscriptions.user_id,
                    subscriptions.plan_id,
                    subscriptions.tier,
                    billing.plan_status(subscriptions.status) AS status,
                    subscriptions.current_period_end,
                    subscriptions.cancel_at_period_end,
                    subscriptions.cancel_at,
                    subscriptions.grace_ends_at,
                    subscriptions.as_of
                   FROM billing.subscriptions
                  WHERE subscriptions.status IS NOT NULL) named) judged
  ORDER BY (COALESCE('user '::text || user_id, 'customer '::text || customer_id)), entitled DESC, (billing.tier_rank(tier)) DESC NULLS LAST, (array_position(ARRAY['expired'::text, 'cancelled'::text, 'suspended'::text, 'pending'::text, 'past_due'::text, 'trialing'::text, 'active'::text], status)) DESC, as_of DESC NULLS LAST, subscription_id;

view billing.revenue_daily as
 SELECT day,
    livemode,
    currency,
    sum(gross_minor) AS gross_minor,
    sum(refunded_minor) AS refunded_minor,
    sum(gross_minor) - sum(refunded_minor) AS net_minor,
    sum(payments) AS payments,
    sum(refunds) AS refunds
   FROM ( SELECT (payments.created AT TIME ZONE 'UTC'::text)::date AS day,
            payments.livemode,
            payments.currency,
            payments.amount_minor AS gross_minor,
            0 AS refunded_minor,
            1 AS payments,
            0 AS refunds
           FROM billing.payments
          WHERE payments.object = 'charge'::text AND payments.status = 'succeeded'::text
        UNION ALL
         SELECT (refunds.created AT TIME ZONE 'UTC'::text)::date AS timezone,
            refunds.livemode,
            refunds.currency,
            0,
            refunds.amount_minor,
            0,
            1
           FROM billing.refunds
          WHERE refunds.status = 'succeeded'::text) moves
  GROUP BY day, livemode, currency;

view billing.subscriptions_by_plan as
 SELECT livemode,
    plan_id,
    tier,
    billing.plan_status(status) AS status,
    currency,
    billing_interval,
    count(*) AS subscriptions,
    sum(amount_minor) AS amount_minor
   FROM billing.subscriptions
  WHERE status IS NOT NULL
  GROUP BY livemode, plan_id, tier, (billing.plan_status(status)), currency, billing_interval;

view my_plan with (security_invoker=true) as
 SELECT plan_id,
    tier,
    status,
    entitled,
    current_period_end,
    cancel_at_period_end,
    cancel_at,
    grace_ends_at,
    as_of,
    user_id
   FROM billing.plan_states;

view my_plan_events with (security_invoker=true) as
 SELECT id,
    sequence,
    event_type,
    user_id,
    payload,
    app_source,
    metadata,
    created_at
   FROM billing.plan_events;


-- Policies

policy own_plan_events on billing.plan_events for select to authenticated using (user_id = (( SELECT auth.uid() AS uid))::text)
policy all_subscriptions on billing.subscriptions for select to billing_reader using true
policy own_subscriptions on billing.subscriptions for select to authenticated using (user_id = (( SELECT auth.uid() AS uid))::text)

-- Rights on tables and views

grant select on billing.conversion to billing_reader
grant select on billing.conversion to service_role
grant select on billing.payment_history to billing_reader
grant select on billing.payment_history to service_role
grant select on billing.plan_events to service_role
grant select on billing.plan_states to authenticated
grant select on billing.plan_states to billing_reader
grant select on billing.plan_states to service_role
grant select on billing.revenue_daily to billing_reader
grant select on billing.revenue_daily to service_role
grant select on billing.subscriptions_by_plan to billing_reader
grant select on billing.subscriptions_by_plan to service_role
grant select on my_plan to authenticated
grant select on my_plan_events to authenticated

-- Rights on columns

grant select (id, sequence, event_type, user_id, payload, app_source, metadata, created_at) on billing.plan_events to authenticated
grant select (subscription_id, customer_id, as_of, status, current_period_end, cancel_at_period_end, cancel_at, plan_id, tier, user_id, grace_ends_at) on billing.subscriptions to authenticated
grant select (subscription_id, customer_id, as_of, status, current_period_end, cancel_at_period_end, cancel_at, plan_id, tier, user_id, grace_ends_at) on billing.subscriptions to billing_reader
grant select (subscription_id, customer_id, as_of, status, current_period_end, cancel_at_period_end, cancel_at, plan_id, tier, user_id, grace_ends_at) on billing.subscriptions to service_role

-- Rights on the schema

grant usage on schema billing to authenticated
grant usage on schema billing to billing_reader
grant usage on schema billing to service_role
grant usage on schema billing to stripe_writer

-- Functions

CREATE OR REPLACE FUNCTION billing.announce(event jsonb, of_customer text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  subscription billing.subscriptions;
  invoice billing.invoices;
  announcement jsonb;
  written integer := 0;
begin
  for subscription in select * from billing.subscriptions where customer_id = of_customer order by subscription_id loop
    announcement := subscription.announced;
    subscription.user_id := billing.user_of(subscription);
    subscription.grace_ends_at := billing.grace_end_of(subscription);
    if subscription.status is not null and subscription.user_id is not null then
      announcement := billing.announcement_of(subscription);
      if announcement is distinct from subscription.announced then
        perform billing.write_plan_event(
          event,
          -- Another user's history is not this user's: for them it begins here.
          billing.transition(case when subscription.announced ->> 'user_id' = subscription.user_id then subscription.announced end, announcement),
          subscription, subscription.currency, subscription.amount_minor);
        written := written + 1;
      end if;
    end if;
    update billing.subscriptions as held
    set user_id = subscription.user_id, grace_ends_at = subscription.grace_ends_at, announced = announcement
    where held.subscription_id = subscription.subscription_id
      and (held.user_id, held.grace_ends_at, held.announced) is distinct from (subscription.user_id, subscription.grace_ends_at, announcement);
  end loop;

  for invoice in
    select * from billing.invoices
    where customer_id = of_customer and problem is not null
      and announced_problem is distinct from problem || '#' || attempt_count
    order by as_of, invoice_id
  loop
    select * into subscription from billing.subscriptions where subscription_id = invoice.subscription_id;
    continue when subscription.user_id is null or subscription.status is null;
    perform billing.write_plan_event(
      event,
      case invoice.problem when 'payment_failed' then 'PAYMENT_FAILED' else 'PAYMENT_ACTION_REQUIRED' end,
      subscription, invoice.currency, invoice.amount_due_minor);
    update billing.invoices set announced_problem = problem || '#' || attempt_count where invoice_id = invoice.invoice_id;
    written := written + 1;
  end loop;
  return written;
end
$function$


CREATE OR REPLACE FUNCTION billing.announcement_of(subscription billing.subscriptions)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  select jsonb_build_object(
    'user_id', subscription.user_id,
    'status', billing.plan_status(subscription.status),
    'plan_id', subscription.plan_id,
    'tier', subscription.tier,
    'currency', subscription.currency,
    'amount', subscription.amount_minor,
    'current_period_end', subscription.current_period_end,
    'cancel_at_period_end', coalesce(subscription.cancel_at_period_end, false),
    'cancel_at', subscription.cancel_at)
$function$


CREATE OR REPLACE FUNCTION billing.apply_event(event jsonb, fact jsonb, fetched jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  customer constant text := fact ->> 'customer_id';
  object_id constant text := coalesce(
    fact ->> 'subscription_id', fact ->> 'session_id', fact ->> 'invoice_id', fact ->> 'payment_id',
    fact ->> 'refund_id', fact ->> 'dispute_id', customer);
  is_replay constant boolean := event ->> 'origin' = 'replay';
  known billing.events;
  result jsonb;
  verdict text;
  told integer := 0;
  outcome text;
  reason text;
begin
  if event ->> 'type' = 'reconcile.compare' then
    return billing.compare(fact);
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(coalesce(customer, object_id, event ->> 'id'), 0));

  select * into known from billing.events where event_id = event ->> 'id';
  -- What was parked was never applied; a redrive tries again.
  if known.outcome = 'parked' then
    known := null;
  end if;
  if known.event_id is not null and not is_replay then
    return pg_catalog.jsonb_build_object('outcome', 'duplicate', 'reason', 'known_event', 'plan_events', billing.plan_events_of(event));
  end if;

  if event ->> 'parked' is not null then
    outcome := 'parked';
    reason := event ->> 'parked';
  elsif event ->> 'ignored' is not null or fact is null or fact = 'null' then
    outcome := 'ignored';
    reason := coalesce(event ->> 'ignored', 'no_plan_state');
  else
    result := billing.apply_fact(event, fact, fetched);
    verdict := result ->> 'verdict';
    if verdict = 'undecidable' then
      return result - 'verdict' || '{"outcome": "undecidable", "plan_events": []}';
    end if;
    if customer is not null then
      told := billing.announce(event, customer);
    end if;
    outcome := case
      when told = 0 and verdict = 'same' and (fetched is null or is_replay) then 'duplicate'
      when verdict = 'stale' then 'stale'
      when fetched is not null then 'refetched'
      else 'applied'
    end;
    reason := case when outcome = 'duplicate' then 'same_state' end;
  end if;

  insert into billing.events as ledger
    (event_id, type, created, livemode, api_version, worker, origin, replay_name, customer_id, object_id, outcome, reason, arrived_at)
  values (
    event ->> 'id', event ->> 'type', pg_catalog.to_timestamp((event ->> 'created')::bigint), (event ->> 'livemode')::boolean,
    event ->> 'api_version', event ->> 'worker', event ->> 'origin', event ->> 'replay_name', customer, object_id,
    outcome, reason, (event ->> 'arrived_at')::timestamptz)
  on conflict (event_id) do update set
    outcome = excluded.outcome, reason = excluded.reason, replay_name = excluded.replay_name, committed_at = excluded.committed_at
    where ledger.outcome = 'parked' or excluded.outcome in ('applied', 'refetched');

  return pg_catalog.jsonb_build_object('outcome', outcome, 'reason', reason, 'plan_events', billing.plan_events_of(event));
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.apply_fact(event jsonb, fact jsonb, fetched jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
declare
  kind constant text := fact ->> 'kind';
  incoming jsonb;
  verdict text;
begin
  if kind = 'subscription' then
    return billing.apply_subscription(event, fact, fetched);
  end if;
  incoming := (fact - 'kind') || jsonb_build_object(
    'livemode', event -> 'livemode',
    'as_of', to_timestamp((event ->> 'created')::bigint),
    'source_event_id', event -> 'id',
    'progress', billing.progress(kind, event ->> 'type', fact));
  verdict := case kind
    when 'customer' then billing.store_if_later('billing.customers', 'customer_id', incoming)
    when 'checkout' then billing.store_if_later('billing.checkouts', 'session_id', incoming)
    when 'invoice' then billing.store_if_later('billing.invoices', 'invoice_id', incoming)
    when 'payment' then billing.store_if_later('billing.payments', 'payment_id', incoming)
    when 'refund' then billing.store_if_later('billing.refunds', 'refund_id', incoming)
    when 'dispute' then billing.store_if_later('billing.disputes', 'dispute_id', incoming)
  end;
  if verdict is null then
    raise exception 'billing.apply_event does not know facts of kind %', coalesce(kind, 'null')
      using errcode = '22023', hint = 'The handlers are newer than the migrations: run `npm run ops -- migrate`.';
  end if;
  if kind = 'checkout' and fact ->> 'status' = 'complete' and fact ->> 'subscription_id' is not null then
    perform billing.expect_subscription(fact, (event ->> 'livemode')::boolean);
  end if;
  return jsonb_build_object('verdict', verdict);
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_subscription(event jsonb, fact jsonb, fetched jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
declare
  id constant text := fact ->> 'subscription_id';
  created constant timestamptz := to_timestamp((event ->> 'created')::bigint);
  -- A reconcile run has no snapshot: it always asks Stripe, in the second of the row it found.
  asks_stripe constant boolean := fact -> 'snapshot' = 'null';
  -- Stripe's answer tells all that had happened by the event that asked; the comparison with Stripe asks in the row's own second.
  answer_as_of constant timestamptz := case when asks_stripe then (fetched ->> 'as_of')::timestamptz else greatest((fetched ->> 'as_of')::timestamptz, created) end;
  held billing.subscriptions;
  next billing.subscriptions;
  verdict text;
begin
  select * into held from billing.subscriptions where subscription_id = id;
  if fetched is not null then
    verdict := billing.order_of_fetch(held, (fetched ->> 'ticket')::integer, answer_as_of, fetched -> 'snapshot' ->> 'status', event ->> 'origin' <> 'webhook');
  elsif asks_stripe then
    verdict := 'undecidable';
  else
    verdict := billing.order_of_event(held, event ->> 'id', event ->> 'type', created, fact -> 'snapshot' ->> 'status', event ->> 'origin' = 'replay');
  end if;

  -- Two events of one second that show the same (Stripe sends `paused` beside an `updated`): whichever came later, the row is right, unless
  -- an answer is still under way that may show another one between them. A replay asks all the same: what is held may have been read wrongly.
  if verdict = 'undecidable' and not asks_stripe and event ->> 'origin' <> 'replay' and held.ticket_issued = held.ticket_applied
    and jsonb_populate_record(held, fact -> 'snapshot') is not distinct from held then
    return jsonb_build_object('verdict', 'same');
  end if;

  if verdict = 'stale' then
    return jsonb_build_object('verdict', 'stale');
  end if;

  if verdict = 'undecidable' then
    insert into billing.subscriptions as row (subscription_id, customer_id, livemode, ticket_issued)
    values (id, fact ->> 'customer_id', (event ->> 'livemode')::boolean, 1)
    on conflict (subscription_id) do update set ticket_issued = row.ticket_issued + 1
    returning * into next;
    return jsonb_build_object(
      'verdict', 'undecidable', 'ticket', next.ticket_issued, 'as_of', next.as_of, 'subscription_id', id, 'held', to_jsonb(held));
  end if;

  next := jsonb_populate_record(held, coalesce(fetched, fact) -> 'snapshot');
  next.subscription_id := id;
  next.customer_id := fact ->> 'customer_id';
  next.livemode := (event ->> 'livemode')::boolean;
  next.ticket_issued := coalesce(held.ticket_issued, 0);
  if fetched is null then
    next.as_of := created;
    next.source_event_id := event ->> 'id';
    next.source_type := event ->> 'type';
    -- A later event overtakes every question under way; the row's own event, read anew, overtakes none.
    next.ticket_applied := case when held.source_event_id = event ->> 'id' then held.ticket_applied else coalesce(held.ticket_issued, 0) end;
  else
    next.as_of := coalesce(answer_as_of, next.started_at, held.as_of);
    next.source_event_id := null;
    next.source_type := 'fetch';
    -- So does an end.
    next.ticket_applied := case
      when billing.is_terminal(next.status) and not billing.is_terminal(held.status) then held.ticket_issued
      else greatest((fetched ->> 'ticket')::integer, held.ticket_applied)
    end;
  end if;

  if held.subscription_id is null then
    insert into billing.subscriptions select next.*;
    return jsonb_build_object('verdict', 'changed');
  end if;
  update billing.subscriptions set (
    as_of, source_event_id, source_type, ticket_applied,
    status, metadata_user_id, price_id, lookup_key, quantity, currency, amount_minor, billing_interval,
    current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at,
    trial_start, trial_end, started_at, latest_invoice_id, plan_id, tier, grace_days
  ) = (
    next.as_of, next.source_event_id, next.source_type, next.ticket_applied,
    next.status, next.metadata_user_id, next.price_id, next.lookup_key, next.quantity, next.currency, next.amount_minor, next.billing_interval,
    next.current_period_start, next.current_period_end, next.cancel_at_period_end, next.cancel_at, next.canceled_at, next.ended_at,
    next.trial_start, next.trial_end, next.started_at, next.latest_invoice_id, next.plan_id, next.tier, next.grace_days
  ) where subscription_id = id;
  -- What a ticket counts is no news.
  next.ticket_applied := held.ticket_applied;
  if fetched is not null then
    next.source_event_id := held.source_event_id;
    next.source_type := held.source_type;
  end if;
  return jsonb_build_object('verdict', case when next is distinct from held then 'changed' else 'same' end);
end
$function$


CREATE OR REPLACE FUNCTION billing.compare(fact jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  select jsonb_build_object(
    'outcome', 'ignored',
    'plan_events', '[]'::jsonb,
    'missing_event_ids', coalesce((
      select jsonb_agg(wanted.id) from jsonb_array_elements_text(fact -> 'event_ids') as wanted(id)
      where not exists (select from billing.events where event_id = wanted.id)), '[]'),
    'held', coalesce((
      select jsonb_agg(to_jsonb(held)) from billing.subscriptions as held
      where held.subscription_id in (select jsonb_array_elements_text(fact -> 'subscription_ids'))
         or held.customer_id in (select jsonb_array_elements_text(coalesce(fact -> 'customer_ids', '[]')))
         or held.user_id in (select jsonb_array_elements_text(coalesce(fact -> 'user_ids', '[]')))), '[]'))
$function$


CREATE OR REPLACE FUNCTION billing.expect_subscription(fact jsonb, livemode boolean)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into billing.subscriptions (subscription_id, customer_id, livemode, status, currency, amount_minor)
  values (fact ->> 'subscription_id', fact ->> 'customer_id', livemode, 'incomplete', fact ->> 'currency', (fact ->> 'amount_minor')::bigint)
  on conflict (subscription_id) do nothing
$function$


CREATE OR REPLACE FUNCTION billing.grace_end_of(subscription billing.subscriptions)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
AS $function$
  select case when subscription.status = 'past_due' then
    greatest(
      subscription.current_period_start,
      (select created from billing.invoices where invoice_id = subscription.latest_invoice_id)
    ) + make_interval(days => subscription.grace_days)
  end
$function$


CREATE OR REPLACE FUNCTION billing.is_entitled(plan_status text, grace_ends_at timestamp with time zone, at timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(
    plan_status in ('active', 'trialing') or (plan_status = 'past_due' and (grace_ends_at is null or at < grace_ends_at)),
    false)
$function$
-- executable by authenticated, service_role, billing_reader

CREATE OR REPLACE FUNCTION billing.is_terminal(status text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(status in ('canceled', 'incomplete_expired'), false)
$function$


CREATE OR REPLACE FUNCTION billing.order_of_event(held billing.subscriptions, event_id text, event_type text, created timestamp with time zone, status text, is_replay boolean)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.order_of_fetch(held billing.subscriptions, ticket integer, answer_as_of timestamp with time zone, status text, mends boolean)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case
    when billing.is_terminal(held.status) and not billing.is_terminal(status)
      and not (mends and held.source_type <> 'customer.subscription.deleted') then 'stale'
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply'
    when answer_as_of > held.as_of then 'apply'
    when held.as_of is not distinct from answer_as_of and ticket > held.ticket_applied then 'apply'
    else 'stale'
  end
$function$


CREATE OR REPLACE FUNCTION billing.plan_events_of(event jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', id, 'event_type', event_type, 'user_id', user_id, 'payload', payload, 'app_source', app_source, 'metadata', metadata) order by sequence), '[]')
  from billing.plan_events
  where source_event_id = event ->> 'id' and replay_name is not distinct from event ->> 'replay_name'
$function$


CREATE OR REPLACE FUNCTION billing.plan_status(stripe_status text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case stripe_status
    when 'incomplete' then 'pending'
    when 'trialing' then 'trialing'
    when 'active' then 'active'
    when 'past_due' then 'past_due'
    when 'unpaid' then 'suspended'
    when 'paused' then 'suspended'
    when 'canceled' then 'cancelled'
    when 'incomplete_expired' then 'expired'
  end
$function$
-- executable by authenticated, service_role, billing_reader

CREATE OR REPLACE FUNCTION billing.progress(kind text, event_type text, fact jsonb)
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.store_if_later(target regclass, key text, incoming jsonb)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.tier_rank(tier text)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select array_position(array['FREE', 'PREMIUM', 'PREMIUM_PLUS'], tier)
$function$
-- executable by authenticated, service_role, billing_reader

CREATE OR REPLACE FUNCTION billing.transition(before jsonb, after jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case
    when after ->> 'status' in ('cancelled', 'expired') and coalesce(before ->> 'status', '') not in ('cancelled', 'expired')
      then 'SUBSCRIPTION_CANCELLED'
    when after ->> 'status' in ('active', 'trialing', 'past_due') and coalesce(before ->> 'status', 'pending') in ('pending', 'suspended')
      then 'SUBSCRIPTION_ACTIVATED'
    else 'SUBSCRIPTION_UPDATED'
  end
$function$


CREATE OR REPLACE FUNCTION billing.user_of(subscription billing.subscriptions)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select coalesce(
    (select user_id from billing.checkouts c where c.subscription_id = subscription.subscription_id and user_id is not null
      order by as_of desc, session_id desc limit 1),
    subscription.metadata_user_id,
    (select metadata_user_id from billing.customers c where c.customer_id = subscription.customer_id),
    (select user_id from billing.checkouts c where c.customer_id = subscription.customer_id and user_id is not null
      order by as_of desc, session_id desc limit 1))
$function$


CREATE OR REPLACE FUNCTION billing.write_plan_event(event jsonb, event_type text, subscription billing.subscriptions, currency text, amount bigint)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into billing.plan_events (event_type, user_id, payload, metadata, subscription_id, source_event_id, replay_name)
  values (
    write_plan_event.event_type,
    subscription.user_id,
    jsonb_strip_nulls(jsonb_build_object(
      'session_id', (select session_id from billing.checkouts c where c.subscription_id = subscription.subscription_id
                     order by as_of desc, session_id desc limit 1),
      'subscription_id', subscription.subscription_id))
    || jsonb_build_object(
      'plan_id', subscription.plan_id,
      'status', billing.plan_status(subscription.status),
      'customer_id', subscription.customer_id,
      'currency', currency,
      'amount', amount,
      'source', 'stripe'),
    jsonb_build_object('version', 'v1', 'origin', event ->> 'origin'),
    subscription.subscription_id,
    event ->> 'id',
    event ->> 'replay_name')
$function$



-- Settings of roles

alter role stripe_writer set idle_in_transaction_session_timeout=10s
alter role stripe_writer set lock_timeout=8s
alter role stripe_writer set statement_timeout=10s
