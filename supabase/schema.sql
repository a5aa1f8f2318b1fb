-- Made by `npm run schema` from supabase/migrations. Do not edit; do not run.

-- Tables

table billing.catalogue (
  single_row boolean not null default true,
  default_plan_id text,
  tiers text[] not null,
  default_features jsonb not null
)
  constraint catalogue_pkey PRIMARY KEY (single_row)
  constraint catalogue_single_row_check CHECK (single_row)
  row level security enabled

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
  progress bigint[] not null,
  invoice_id text
)
  constraint checkouts_pkey PRIMARY KEY (session_id)
  constraint checkouts_status_check CHECK ((status = ANY (ARRAY['expired'::text, 'unpaid'::text, 'failed'::text, 'complete'::text])))
  CREATE INDEX checkouts_customer ON billing.checkouts USING btree (customer_id)
  CREATE INDEX checkouts_invoice ON billing.checkouts USING btree (invoice_id) WHERE (invoice_id IS NOT NULL)
  CREATE INDEX checkouts_subscription ON billing.checkouts USING btree (subscription_id)
  row level security enabled

table billing.customers (
  customer_id text not null,
  metadata_user_id text,
  deleted boolean,
  livemode boolean,
  as_of timestamp with time zone,
  source_event_id text,
  progress bigint[],
  session_user_id text,
  user_id text
)
  constraint customers_pkey PRIMARY KEY (customer_id)
  CREATE INDEX customers_user ON billing.customers USING btree (user_id)
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
  CREATE INDEX disputes_created ON billing.disputes USING btree (created)
  CREATE INDEX disputes_intent ON billing.disputes USING btree (payment_intent_id) WHERE (payment_intent_id IS NOT NULL)
  row level security enabled

table billing.erasures (
  pseudonym text not null,
  erased_at timestamp with time zone not null default clock_timestamp()
)
  constraint erasures_pkey PRIMARY KEY (pseudonym)
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
  held_event_id text,
  held_as_of timestamp with time zone,
  arrived_at timestamp with time zone not null,
  committed_at timestamp with time zone not null default clock_timestamp()
)
  constraint events_pkey PRIMARY KEY (event_id)
  CREATE INDEX events_committed_at ON billing.events USING btree (committed_at)
  CREATE INDEX events_customer ON billing.events USING btree (customer_id, created)
  row level security enabled

table billing.invoice_payments (
  invoice_payment_id text not null,
  invoice_id text not null,
  payment_intent_id text,
  charge_id text,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint invoice_payments_pkey PRIMARY KEY (invoice_payment_id)
  CREATE INDEX invoice_payments_charge ON billing.invoice_payments USING btree (charge_id) WHERE (charge_id IS NOT NULL)
  CREATE INDEX invoice_payments_intent ON billing.invoice_payments USING btree (payment_intent_id)
  CREATE INDEX invoice_payments_invoice ON billing.invoice_payments USING btree (invoice_id)
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
  notified_problem text,
  paid_at timestamp with time zone,
  metadata_user_id text
)
  constraint invoices_pkey PRIMARY KEY (invoice_id)
  constraint invoices_problem_check CHECK ((problem = ANY (ARRAY['payment_failed'::text, 'action_required'::text])))
  CREATE INDEX invoices_created ON billing.invoices USING btree (created)
  CREATE INDEX invoices_customer ON billing.invoices USING btree (customer_id)
  CREATE INDEX invoices_unpaid ON billing.invoices USING btree (subscription_id, created) WHERE (status = 'open'::text)
  CREATE INDEX invoices_with_problem ON billing.invoices USING btree (subscription_id) WHERE (problem IS NOT NULL)
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
  CREATE INDEX payments_intent ON billing.payments USING btree (payment_intent_id)
  row level security enabled

table billing.plan_events (
  id uuid not null default gen_random_uuid(),
  sequence bigint not null generated always as identity,
  event_type text not null,
  user_id text not null,
  version bigint not null,
  occurred_at timestamp with time zone not null,
  plan jsonb not null,
  payload jsonb not null,
  app_source text not null default 'website'::text,
  metadata jsonb not null,
  subscription_id text,
  source_event_id text not null,
  replay_name text,
  created_at timestamp with time zone not null default clock_timestamp()
)
  constraint plan_events_event_type_check CHECK ((event_type = ANY (ARRAY['SUBSCRIPTION_ACTIVATED'::text, 'SUBSCRIPTION_UPDATED'::text, 'SUBSCRIPTION_CANCELLED'::text, 'TRIAL_ENDING'::text, 'PAYMENT_FAILED'::text, 'PAYMENT_ACTION_REQUIRED'::text])))
  constraint plan_events_pkey PRIMARY KEY (id)
  constraint plan_events_user_id_version_key UNIQUE (user_id, version)
  CREATE INDEX plan_events_source ON billing.plan_events USING btree (source_event_id)
  CREATE UNIQUE INDEX plan_events_user_id_version_key ON billing.plan_events USING btree (user_id, version)
  row level security enabled

table billing.purchases (
  invoice_id text not null,
  price_id text not null,
  plan_id text not null,
  tier text not null,
  tier_rank integer not null,
  features jsonb not null,
  lasts_days integer,
  quantity integer not null,
  payment_intent_id text,
  charge_id text,
  customer_id text,
  livemode boolean,
  currency text,
  amount_minor bigint,
  paid_at timestamp with time zone,
  as_of timestamp with time zone,
  user_id text,
  entitled_until timestamp with time zone
)
  constraint purchases_pkey PRIMARY KEY (invoice_id)
  CREATE INDEX purchases_charge ON billing.purchases USING btree (charge_id) WHERE (charge_id IS NOT NULL)
  CREATE INDEX purchases_customer ON billing.purchases USING btree (customer_id)
  CREATE INDEX purchases_intent ON billing.purchases USING btree (payment_intent_id) WHERE (payment_intent_id IS NOT NULL)
  CREATE INDEX purchases_user ON billing.purchases USING btree (user_id)
  CREATE INDEX purchases_without_user ON billing.purchases USING btree (invoice_id) WHERE (user_id IS NULL)
  row level security enabled

table billing.reconcile_cursors (
  name text not null,
  cursor jsonb not null,
  kept_at timestamp with time zone not null default clock_timestamp()
)
  constraint reconcile_cursors_pkey PRIMARY KEY (name)
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
  CREATE INDEX refunds_intent ON billing.refunds USING btree (payment_intent_id) WHERE (payment_intent_id IS NOT NULL)
  row level security enabled

table billing.retention (
  single_row boolean not null default true,
  ledger_days integer not null default 400
)
  constraint retention_ledger_days_check CHECK ((ledger_days >= 31))
  constraint retention_pkey PRIMARY KEY (single_row)
  constraint retention_single_row_check CHECK (single_row)
  row level security enabled

table billing.schedules (
  schedule_id text not null,
  customer_id text not null,
  subscription_id text,
  status text not null,
  next_change jsonb,
  created timestamp with time zone not null,
  livemode boolean not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  progress bigint[] not null
)
  constraint schedules_pkey PRIMARY KEY (schedule_id)
  CREATE INDEX schedules_changing ON billing.schedules USING btree (subscription_id) WHERE (next_change IS NOT NULL)
  CREATE INDEX schedules_customer ON billing.schedules USING btree (customer_id)
  row level security enabled

table billing.subscription_history (
  subscription_id text not null,
  as_of timestamp with time zone not null,
  source_event_id text not null,
  source_type text not null,
  customer_id text not null,
  livemode boolean not null,
  status text not null,
  price_id text,
  plan_id text,
  tier text,
  tier_rank integer,
  grace_days integer,
  features jsonb,
  quantity integer,
  currency text,
  monthly_minor bigint,
  cancel_at timestamp with time zone,
  cancellation_reason text
)
  constraint subscription_history_pkey PRIMARY KEY (subscription_id, as_of, source_event_id)
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
  monthly_minor bigint,
  billing_interval text,
  interval_count integer,
  current_period_start timestamp with time zone,
  current_period_end timestamp with time zone,
  cancel_at_period_end boolean,
  cancel_at timestamp with time zone,
  canceled_at timestamp with time zone,
  cancellation_reason text,
  ended_at timestamp with time zone,
  trial_start timestamp with time zone,
  trial_end timestamp with time zone,
  started_at timestamp with time zone,
  latest_invoice_id text,
  collection_paused boolean,
  plan_id text,
  tier text,
  tier_rank integer,
  grace_days integer,
  features jsonb,
  plan_unknown boolean,
  user_id text,
  grace_ends_at timestamp with time zone,
  entitled_until timestamp with time zone,
  precedence bigint,
  trial_ending_at timestamp with time zone,
  trial_ending_notified timestamp with time zone,
  scheduled_change jsonb
)
  constraint subscriptions_pkey PRIMARY KEY (subscription_id)
  constraint subscriptions_status_check CHECK ((status = ANY (ARRAY['incomplete'::text, 'incomplete_expired'::text, 'trialing'::text, 'active'::text, 'past_due'::text, 'canceled'::text, 'unpaid'::text, 'paused'::text])))
  CREATE INDEX subscriptions_customer ON billing.subscriptions USING btree (customer_id)
  CREATE INDEX subscriptions_started ON billing.subscriptions USING btree (started_at)
  CREATE INDEX subscriptions_user ON billing.subscriptions USING btree (user_id, precedence DESC, subscription_id DESC)
  CREATE INDEX subscriptions_without_user ON billing.subscriptions USING btree (subscription_id) WHERE (user_id IS NULL)
  row level security enabled

table billing.user_plans (
  user_id text not null,
  version bigint not null default 0,
  state jsonb,
  changes_at timestamp with time zone
)
  constraint user_plans_pkey PRIMARY KEY (user_id)
  CREATE INDEX user_plans_due ON billing.user_plans USING btree (changes_at) WHERE (changes_at IS NOT NULL)
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

view billing.mrr_movements as
 WITH told AS (
         SELECT subscription_history.subscription_id,
            subscription_history.customer_id,
            subscription_history.livemode,
            subscription_history.currency,
            subscription_history.status,
            subscription_history.monthly_minor,
            subscription_history.as_of,
                CASE subscription_history.source_type
                    WHEN 'fetch'::text THEN 0
                    WHEN 'customer.subscription.created'::text THEN 1
                    WHEN 'customer.subscription.deleted'::text THEN 3
                    ELSE 2
                END AS rank,
            subscription_history.source_event_id
           FROM billing.subscription_history
        UNION ALL
         SELECT subscriptions.subscription_id,
            subscriptions.customer_id,
            subscriptions.livemode,
            subscriptions.currency,
            subscriptions.status,
            subscriptions.monthly_minor,
            subscriptions.as_of,
            4,
            ''::text
           FROM billing.subscriptions
          WHERE subscriptions.as_of IS NOT NULL
        ), monthly AS (
         SELECT DISTINCT ON (told.subscription_id, (date_trunc('month'::text, (told.as_of AT TIME ZONE 'UTC'::text)))) told.subscription_id,
            told.customer_id,
            told.livemode,
            told.currency,
            date_trunc('month'::text, (told.as_of AT TIME ZONE 'UTC'::text))::date AS month,
                CASE
                    WHEN told.status = ANY (ARRAY['active'::text, 'past_due'::text]) THEN COALESCE(told.monthly_minor, 0::bigint)
                    ELSE 0::bigint
                END AS monthly_minor
           FROM told
          ORDER BY told.subscription_id, (date_trunc('month'::text, (told.as_of AT TIME ZONE 'UTC'::text))), told.as_of DESC, told.rank DESC, told.source_event_id DESC
        ), steps AS (
         SELECT monthly.subscription_id,
            monthly.customer_id,
            monthly.livemode,
            monthly.currency,
            monthly.month,
            monthly.monthly_minor,
            monthly.monthly_minor - lag(monthly.monthly_minor, 1, 0::bigint) OVER (PARTITION BY monthly.subscription_id ORDER BY monthly.month) AS change
           FROM monthly
        ), by_customer AS (
         SELECT steps.customer_id,
            steps.livemode,
            steps.currency,
            steps.month,
            sum(steps.change) AS change
           FROM steps
          GROUP BY steps.customer_id, steps.livemode, steps.currency, steps.month
        ), running AS (
         SELECT by_customer.customer_id,
            by_customer.livemode,
            by_customer.currency,
            by_customer.month,
            by_customer.change,
            sum(by_customer.change) OVER so_far AS after,
            max(by_customer.change) OVER so_far AS ever
           FROM by_customer
          WINDOW so_far AS (PARTITION BY by_customer.customer_id, by_customer.livemode, by_customer.currency ORDER BY by_customer.month)
        ), classified AS (
         SELECT running.month,
            running.livemode,
            running.currency,
            running.change,
                CASE
                    WHEN (running.after - running.change) = 0::numeric AND running.after > 0::numeric AND COALESCE(max(running.after) OVER (PARTITION BY running.customer_id, running.livemode, running.currency ORDER BY running.month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0::numeric) = 0::numeric THEN 'new'::text
                    WHEN (running.after - running.change) = 0::numeric AND running.after > 0::numeric THEN 'reactivation'::text
                    WHEN running.after = 0::numeric AND running.change < 0::numeric THEN 'churn'::text
                    WHEN running.change > 0::numeric THEN 'expansion'::text
                    WHEN running.change < 0::numeric THEN 'contraction'::text
                    ELSE NULL::text
                END AS movement
           FROM running
        )
 SELECT month,
    livemode,
    currency,
    sum(sum(change)) OVER (PARTITION BY livemode, currency ORDER BY month) - sum(change) AS opening_minor,
    COALESCE(sum(change) FILTER (WHERE movement = 'new'::text), 0::numeric) AS new_minor,
    COALESCE(sum(change) FILTER (WHERE movement = 'expansion'::text), 0::numeric) AS expansion_minor,
    COALESCE(sum(change) FILTER (WHERE movement = 'contraction'::text), 0::numeric) AS contraction_minor,
    COALESCE(sum(change) FILTER (WHERE movement = 'churn'::text), 0::numeric) AS churn_minor,
    COALESCE(sum(change) FILTER (WHERE movement = 'reactivation'::text), 0::numeric) AS reactivation_minor,
    sum(sum(change)) OVER (PARTITION BY livemode, currency ORDER BY month) AS closing_minor,
    count(*) FILTER (WHERE movement = 'new'::text) AS new_customers,
    count(*) FILTER (WHERE movement = 'churn'::text) AS churned_customers,
    count(*) FILTER (WHERE movement = 'reactivation'::text) AS reactivated_customers
   FROM classified
  GROUP BY month, livemode, currency;

view billing.paying_users as
 SELECT livemode,
    count(*) AS users,
    count(*) FILTER (WHERE pays) AS paying_users,
    round(count(*) FILTER (WHERE pays)::numeric / count(*)::numeric, 4) AS share
   FROM ( SELECT COALESCE(payer.user_id, payer.customer_id) AS owner,
            bool_or(COALESCE(payer.livemode, paid.livemode, false)) AS livemode,
            bool_or(paid.livemode IS NOT NULL) AS pays
           FROM billing.customers payer
             LEFT JOIN LATERAL ( SELECT held.livemode
                   FROM billing.subscriptions held
                  WHERE held.customer_id = payer.customer_id AND (held.status = ANY (ARRAY['active'::text, 'past_due'::text])) AND held.monthly_minor > 0
                 LIMIT 1) paid ON true
          WHERE NOT COALESCE(payer.deleted, false)
          GROUP BY (COALESCE(payer.user_id, payer.customer_id))) owners
  GROUP BY livemode;

view billing.payment_history as
 SELECT payer.user_id,
    payment.customer_id,
    payment.payment_id,
    payment.payment_intent_id,
    COALESCE(payment.invoice_id, paid.invoice_id) AS invoice_id,
    payment.status,
    payment.failure_code,
    payment.currency,
    payment.amount_minor,
    COALESCE(refunded.amount_minor, payment.amount_refunded_minor) AS amount_refunded_minor,
    dispute.status AS dispute_status,
    payment.livemode,
    payment.created
   FROM billing.payments payment
     LEFT JOIN billing.customers payer ON payer.customer_id = payment.customer_id
     LEFT JOIN LATERAL ( SELECT it.invoice_id
           FROM billing.invoice_payments it
          WHERE it.payment_intent_id = payment.payment_intent_id
          ORDER BY it.as_of DESC, it.invoice_payment_id
         LIMIT 1) paid ON true
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
         LIMIT 1) dispute ON true
  WHERE NOT (EXISTS ( SELECT
           FROM billing.payments better
          WHERE better.payment_intent_id = payment.payment_intent_id AND better.payment_id <> payment.payment_id AND ((ROW(better.object = 'charge'::text, better.status = 'succeeded'::text, better.created, better.payment_id) > ROW(payment.object = 'charge'::text, payment.status = 'succeeded'::text, payment.created, payment.payment_id)))));

view billing.plan_sources with (security_invoker=true) as
 SELECT subscription_states.user_id,
    subscription_states.customer_id,
    subscription_states.subscription_id,
    subscription_states.plan_id,
    subscription_states.tier,
    subscription_states.status,
    subscription_states.entitled,
    subscription_states.plan_unknown,
    subscription_states.features,
    subscription_states.quantity,
    subscription_states.currency,
    subscription_states.amount_minor,
    subscription_states.billing_interval,
    subscription_states.interval_count,
    subscription_states.current_period_end,
    subscription_states.trial_end,
    subscription_states.cancel_at_period_end,
    subscription_states.cancel_at,
    subscription_states.grace_ends_at,
    subscription_states.collection_paused,
    subscription_states.as_of,
    subscription_states.precedence,
    subscription_states.scheduled_change,
    NULL::text AS invoice_id
   FROM billing.subscription_states
UNION ALL
 SELECT purchase_states.user_id,
    purchase_states.customer_id,
    purchase_states.subscription_id,
    purchase_states.plan_id,
    purchase_states.tier,
    purchase_states.status,
    purchase_states.entitled,
    purchase_states.plan_unknown,
    purchase_states.features,
    purchase_states.quantity,
    purchase_states.currency,
    purchase_states.amount_minor,
    purchase_states.billing_interval,
    purchase_states.interval_count,
    purchase_states.current_period_end,
    purchase_states.trial_end,
    purchase_states.cancel_at_period_end,
    purchase_states.cancel_at,
    purchase_states.grace_ends_at,
    purchase_states.collection_paused,
    purchase_states.as_of,
    purchase_states.precedence,
    purchase_states.scheduled_change,
    purchase_states.invoice_id
   FROM billing.purchase_states;

view billing.plan_states with (security_invoker=true) as
 SELECT DISTINCT ON (user_id, (
        CASE
            WHEN user_id IS NULL THEN customer_id
            ELSE NULL::text
        END)) user_id,
    customer_id,
    subscription_id,
    plan_id,
    tier,
    status,
    entitled,
    plan_unknown,
    features,
    quantity,
    currency,
    amount_minor,
    billing_interval,
    interval_count,
    current_period_end,
    trial_end,
    cancel_at_period_end,
    cancel_at,
    grace_ends_at,
    collection_paused,
    as_of,
    precedence,
    scheduled_change
   FROM billing.plan_sources
  ORDER BY user_id, (
        CASE
            WHEN user_id IS NULL THEN customer_id
            ELSE NULL::text
        END), entitled DESC, precedence DESC, subscription_id DESC NULLS LAST, invoice_id DESC;

view billing.purchase_states with (security_invoker=true) as
 SELECT held.user_id,
    held.customer_id,
    NULL::text AS subscription_id,
    held.plan_id,
        CASE
            WHEN held.entitled_until > now() THEN held.tier
            ELSE catalogue.tiers[1]
        END AS tier,
        CASE
            WHEN held.entitled_until > now() THEN 'active'::text
            WHEN held.entitled_until = '-infinity'::timestamp with time zone THEN 'cancelled'::text
            ELSE 'expired'::text
        END AS status,
    held.entitled_until > now() AS entitled,
    false AS plan_unknown,
        CASE
            WHEN held.entitled_until > now() THEN held.features
            ELSE catalogue.default_features
        END AS features,
    held.quantity,
    held.currency,
    held.amount_minor,
    'once'::text AS billing_interval,
    NULL::integer AS interval_count,
    held.paid_at + make_interval(hours => 24 * held.lasts_days) AS current_period_end,
    NULL::timestamp with time zone AS trial_end,
    held.lasts_days IS NOT NULL AS cancel_at_period_end,
    held.paid_at + make_interval(hours => 24 * held.lasts_days) AS cancel_at,
    NULL::timestamp with time zone AS grace_ends_at,
    false AS collection_paused,
    held.as_of,
        CASE
            WHEN held.entitled_until > now() THEN (1::bigint << 60) + (held.tier_rank::bigint << 8)
            ELSE (2::bigint << 40) + GREATEST(0::numeric, EXTRACT(epoch FROM held.paid_at))::bigint
        END AS precedence,
    NULL::jsonb AS scheduled_change,
    held.invoice_id
   FROM billing.purchases held
     CROSS JOIN billing.catalogue
  WHERE held.entitled_until IS NOT NULL;

view billing.revenue_daily as
 SELECT day,
    livemode,
    currency,
    sum(gross_minor) AS gross_minor,
    sum(refunded_minor) AS refunded_minor,
    sum(disputed_minor) AS disputed_minor,
    sum(gross_minor) - sum(refunded_minor) - sum(disputed_minor) AS net_minor,
    sum(payments) AS payments,
    sum(refunds) AS refunds,
    sum(disputes) AS disputes_lost
   FROM ( SELECT (payments.created AT TIME ZONE 'UTC'::text)::date AS day,
            payments.livemode,
            payments.currency,
            payments.amount_minor AS gross_minor,
            0 AS refunded_minor,
            0 AS disputed_minor,
            1 AS payments,
            0 AS refunds,
            0 AS disputes
           FROM billing.payments
          WHERE payments.object = 'charge'::text AND payments.status = 'succeeded'::text AND payments.amount_minor > 0
        UNION ALL
         SELECT (refunds.created AT TIME ZONE 'UTC'::text)::date AS timezone,
            refunds.livemode,
            refunds.currency,
            0,
            refunds.amount_minor,
            0,
            0,
            1,
            0
           FROM billing.refunds
          WHERE refunds.status = 'succeeded'::text
        UNION ALL
         SELECT (disputes.as_of AT TIME ZONE 'UTC'::text)::date AS timezone,
            disputes.livemode,
            disputes.currency,
            0,
            0,
            disputes.amount_minor,
            0,
            0,
            1
           FROM billing.disputes
          WHERE disputes.status = 'lost'::text) moves
  GROUP BY day, livemode, currency;

view billing.state_without_subscription with (security_invoker=true) as
 SELECT NULL::text AS customer_id,
    NULL::text AS subscription_id,
    default_plan_id AS plan_id,
    tiers[1] AS tier,
    'none'::text AS status,
    false AS entitled,
    false AS plan_unknown,
    default_features AS features,
    NULL::integer AS quantity,
    NULL::text AS currency,
    NULL::bigint AS amount_minor,
    NULL::text AS billing_interval,
    NULL::integer AS interval_count,
    NULL::timestamp with time zone AS current_period_end,
    NULL::timestamp with time zone AS trial_end,
    false AS cancel_at_period_end,
    NULL::timestamp with time zone AS cancel_at,
    NULL::timestamp with time zone AS grace_ends_at,
    false AS collection_paused,
    NULL::jsonb AS scheduled_change
   FROM billing.catalogue;

view billing.subscription_states with (security_invoker=true) as
 SELECT held.user_id,
    held.customer_id,
    held.subscription_id,
    held.plan_id,
        CASE
            WHEN held.entitled_until > now() THEN held.tier
            ELSE catalogue.tiers[1]
        END AS tier,
        CASE held.status
            WHEN 'incomplete'::text THEN 'pending'::text
            WHEN 'unpaid'::text THEN 'suspended'::text
            WHEN 'paused'::text THEN 'suspended'::text
            WHEN 'canceled'::text THEN 'cancelled'::text
            WHEN 'incomplete_expired'::text THEN 'expired'::text
            ELSE held.status
        END AS status,
    COALESCE(held.entitled_until > now(), false) AS entitled,
    COALESCE(held.plan_unknown, false) AS plan_unknown,
        CASE
            WHEN held.entitled_until > now() THEN COALESCE(held.features, '{}'::jsonb)
            ELSE catalogue.default_features
        END AS features,
    held.quantity,
    held.currency,
    held.amount_minor,
    held.billing_interval,
    held.interval_count,
    held.current_period_end,
    held.trial_end,
    COALESCE(held.cancel_at_period_end, false) AS cancel_at_period_end,
    held.cancel_at,
    held.grace_ends_at,
    COALESCE(held.collection_paused, false) AS collection_paused,
    held.as_of,
    held.precedence,
    held.scheduled_change
   FROM billing.subscriptions held
     CROSS JOIN billing.catalogue
  WHERE held.status IS NOT NULL;

view billing.subscriptions_by_plan as
 SELECT livemode,
    plan_id,
    tier,
    billing.plan_status(status) AS status,
    currency,
    billing_interval,
    interval_count,
    count(*) AS subscriptions,
    sum(amount_minor) AS amount_minor,
    sum(monthly_minor) AS monthly_minor
   FROM billing.subscriptions
  WHERE status IS NOT NULL
  GROUP BY livemode, plan_id, tier, (billing.plan_status(status)), currency, billing_interval, interval_count;

view my_plan with (security_invoker=true) as
 SELECT me.user_id,
    COALESCE(told.version, 0::bigint) AS version,
        CASE
            WHEN plan.status IS NULL THEN nobody.plan_id
            ELSE plan.plan_id
        END AS plan_id,
    COALESCE(plan.tier, nobody.tier) AS tier,
    COALESCE(plan.status, nobody.status) AS status,
    COALESCE(plan.entitled, false) AS entitled,
    COALESCE(plan.plan_unknown, false) AS plan_unknown,
    COALESCE(plan.features, nobody.features) AS features,
    plan.quantity,
    plan.currency,
    plan.amount_minor,
    plan.billing_interval,
    plan.interval_count,
    plan.current_period_end,
    plan.trial_end,
    COALESCE(plan.cancel_at_period_end, false) AS cancel_at_period_end,
    plan.cancel_at,
    plan.grace_ends_at,
    COALESCE(plan.collection_paused, false) AS collection_paused,
    plan.as_of,
    plan.scheduled_change
   FROM ( SELECT (( SELECT auth.uid() AS uid))::text AS user_id) me
     CROSS JOIN billing.state_without_subscription nobody
     LEFT JOIN billing.user_plans told ON told.user_id = me.user_id
     LEFT JOIN LATERAL ( SELECT mine.user_id,
            mine.customer_id,
            mine.subscription_id,
            mine.plan_id,
            mine.tier,
            mine.status,
            mine.entitled,
            mine.plan_unknown,
            mine.features,
            mine.quantity,
            mine.currency,
            mine.amount_minor,
            mine.billing_interval,
            mine.interval_count,
            mine.current_period_end,
            mine.trial_end,
            mine.cancel_at_period_end,
            mine.cancel_at,
            mine.grace_ends_at,
            mine.collection_paused,
            mine.as_of,
            mine.precedence,
            mine.scheduled_change,
            mine.invoice_id
           FROM billing.plan_sources mine
          WHERE mine.user_id = me.user_id
          ORDER BY mine.entitled DESC, mine.precedence DESC, mine.subscription_id DESC NULLS LAST, mine.invoice_id DESC
         LIMIT 1) plan ON true
  WHERE me.user_id IS NOT NULL;

view my_plan_events with (security_invoker=true) as
 SELECT id,
    sequence,
    event_type,
    user_id,
    version,
    occurred_at,
    plan,
    payload,
    app_source,
    metadata,
    created_at
   FROM billing.plan_events
  WHERE user_id = ((( SELECT auth.uid() AS uid))::text);


-- Policies

policy every_row on billing.catalogue for select to billing_reader using true
policy names_of_tiers on billing.catalogue for select to authenticated using true
policy every_row on billing.checkouts for select to billing_reader using true
policy every_row on billing.customers for select to billing_reader using true
policy every_row on billing.disputes for select to billing_reader using true
policy every_row on billing.erasures for select to billing_reader using true
policy every_row on billing.events for select to billing_reader using true
policy every_row on billing.invoice_payments for select to billing_reader using true
policy every_row on billing.invoices for select to billing_reader using true
policy every_row on billing.payments for select to billing_reader using true
policy every_row on billing.plan_events for select to billing_reader using true
policy own_plan_events on billing.plan_events for select to authenticated using (user_id = (( SELECT auth.uid() AS uid))::text)
policy every_row on billing.purchases for select to billing_reader using true
policy own_purchases on billing.purchases for select to authenticated using ((user_id = (( SELECT auth.uid() AS uid))::text) OR billing.may_read_plan(user_id))
policy every_row on billing.reconcile_cursors for select to billing_reader using true
policy every_row on billing.refunds for select to billing_reader using true
policy every_row on billing.retention for select to billing_reader using true
policy every_row on billing.schedules for select to billing_reader using true
policy every_row on billing.subscription_history for select to billing_reader using true
policy every_row on billing.subscriptions for select to billing_reader using true
policy own_subscriptions on billing.subscriptions for select to authenticated using ((user_id = (( SELECT auth.uid() AS uid))::text) OR billing.may_read_plan(user_id))
policy every_row on billing.user_plans for select to billing_reader using true
policy own_plan on billing.user_plans for select to authenticated using ((user_id = (( SELECT auth.uid() AS uid))::text) OR billing.may_read_plan(user_id))

-- Rights on tables and views

grant select on billing.catalogue to authenticated
grant select on billing.catalogue to billing_reader
grant select on billing.catalogue to service_role
grant select on billing.checkouts to billing_reader
grant select on billing.checkouts to service_role
grant select on billing.conversion to billing_reader
grant select on billing.conversion to service_role
grant select on billing.customers to billing_reader
grant select on billing.customers to service_role
grant select on billing.disputes to billing_reader
grant select on billing.disputes to service_role
grant select on billing.erasures to billing_reader
grant select on billing.erasures to service_role
grant select on billing.events to billing_reader
grant select on billing.events to service_role
grant select on billing.invoice_payments to billing_reader
grant select on billing.invoice_payments to service_role
grant select on billing.invoices to billing_reader
grant select on billing.invoices to service_role
grant select on billing.mrr_movements to billing_reader
grant select on billing.mrr_movements to service_role
grant select on billing.paying_users to billing_reader
grant select on billing.paying_users to service_role
grant select on billing.payment_history to billing_reader
grant select on billing.payment_history to service_role
grant select on billing.payments to billing_reader
grant select on billing.payments to service_role
grant select on billing.plan_events to billing_reader
grant select on billing.plan_events to service_role
grant select on billing.plan_sources to authenticated
grant select on billing.plan_sources to billing_reader
grant select on billing.plan_sources to service_role
grant select on billing.plan_states to authenticated
grant select on billing.plan_states to billing_reader
grant select on billing.plan_states to service_role
grant select on billing.purchase_states to authenticated
grant select on billing.purchase_states to billing_reader
grant select on billing.purchase_states to service_role
grant select on billing.purchases to billing_reader
grant select on billing.purchases to service_role
grant select on billing.reconcile_cursors to billing_reader
grant select on billing.reconcile_cursors to service_role
grant select on billing.refunds to billing_reader
grant select on billing.refunds to service_role
grant select on billing.retention to billing_reader
grant select on billing.retention to service_role
grant select on billing.revenue_daily to billing_reader
grant select on billing.revenue_daily to service_role
grant select on billing.schedules to billing_reader
grant select on billing.schedules to service_role
grant select on billing.state_without_subscription to authenticated
grant select on billing.state_without_subscription to billing_reader
grant select on billing.state_without_subscription to service_role
grant select on billing.subscription_history to billing_reader
grant select on billing.subscription_history to service_role
grant select on billing.subscription_states to authenticated
grant select on billing.subscription_states to billing_reader
grant select on billing.subscription_states to service_role
grant select on billing.subscriptions to billing_reader
grant select on billing.subscriptions to service_role
grant select on billing.subscriptions_by_plan to billing_reader
grant select on billing.subscriptions_by_plan to service_role
grant select on billing.user_plans to authenticated
grant select on billing.user_plans to billing_reader
grant select on billing.user_plans to service_role
grant select on my_plan to authenticated
grant select on my_plan_events to authenticated

-- Rights on columns

grant select (id, sequence, event_type, user_id, version, occurred_at, plan, payload, app_source, metadata, created_at) on billing.plan_events to authenticated
grant select (invoice_id, plan_id, tier, tier_rank, features, lasts_days, quantity, customer_id, currency, amount_minor, paid_at, as_of, user_id, entitled_until) on billing.purchases to authenticated
grant select (subscription_id, customer_id, as_of, status, quantity, currency, amount_minor, billing_interval, interval_count, current_period_end, cancel_at_period_end, cancel_at, trial_end, collection_paused, plan_id, tier, features, plan_unknown, user_id, grace_ends_at, entitled_until, precedence, scheduled_change) on billing.subscriptions to authenticated

-- Rights on the schema

grant usage on schema billing to authenticated
grant usage on schema billing to billing_reader
grant usage on schema billing to service_role
grant usage on schema billing to stripe_writer

-- Functions

CREATE OR REPLACE FUNCTION billing.apply_batch(batch jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  item record;
  answers jsonb[] := array_fill(null::jsonb, array[jsonb_array_length(batch)]);
begin
  perform billing.lock_customers(array(
    select distinct element -> 'fact' ->> 'customer_id' as id from jsonb_array_elements(batch) as element
    where element -> 'fact' ->> 'customer_id' is not null order by id));
  for item in
    select element -> 'event' as event, element -> 'fact' as fact, nullif(element -> 'fetched', 'null') as fetched, place
    from jsonb_array_elements(batch) with ordinality as it(element, place)
    order by element -> 'fact' ->> 'customer_id', (element -> 'event' ->> 'created')::bigint, element -> 'event' ->> 'id'
  loop
    answers[item.place] := billing.apply_event(item.event, item.fact, item.fetched);
  end loop;
  return to_jsonb(answers);
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_checkout(event jsonb, incoming jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  answer billing.applied;
  ruling constant text := billing.store_checkouts(jsonb_populate_record(null::billing.checkouts, incoming));
  first_user text;
  subscription billing.subscriptions;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.notified := 0;
  if answer.verdict <> 'changed' or incoming ->> 'mode' <> 'subscription' then
    return answer;
  end if;

  -- A completed Checkout names a subscription before Stripe has told us of it: a row that any event of that subscription overrides.
  if incoming ->> 'status' = 'complete' and incoming ->> 'subscription_id' is not null and customer.customer_id is not null then
    insert into billing.subscriptions (subscription_id, customer_id, livemode, status, currency, amount_minor)
    values (
      incoming ->> 'subscription_id', customer.customer_id, (incoming ->> 'livemode')::boolean, 'incomplete', incoming ->> 'currency',
      (incoming ->> 'amount_minor')::bigint)
    on conflict (subscription_id) do nothing;
  end if;

  first_user := billing.first_buyer(customer.customer_id);
  if first_user is distinct from customer.session_user_id then
    customer.session_user_id := first_user;
    answer.notified := billing.relink(event, customer);
  else
    select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
    if found then
      answer.notified := billing.rederive(event, subscription, customer);
    end if;
  end if;
  return answer;
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_customer(event jsonb, incoming jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  answer billing.applied;
  ruling constant text := billing.store_customers(jsonb_populate_record(null::billing.customers, incoming));
  before constant text := customer.metadata_user_id;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := customer.source_event_id;
  answer.held_as_of := customer.as_of;
  answer.notified := 0;
  customer.metadata_user_id := incoming ->> 'metadata_user_id';
  -- The comparison with Stripe and the backfill make whole what was edited or lost, links included.
  if answer.verdict = 'changed' and (customer.metadata_user_id is distinct from before or event ->> 'origin' in ('reconcile', 'backfill')) then
    customer.session_user_id := billing.first_buyer(customer.customer_id);
    answer.notified := billing.relink(event, customer);
  end if;
  return answer;
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_event(event jsonb, fact jsonb, fetched jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  id constant text := event ->> 'id';
  of_customer constant text := fact ->> 'customer_id';
  object_id text;
  is_replay constant boolean := event ->> 'origin' = 'replay';
  known_outcome text;
  known_created timestamptz;
  customer billing.customers;
  answer billing.applied;
  outcome text;
begin
  select ledger.outcome, ledger.created into known_outcome, known_created from billing.events as ledger where ledger.event_id = id;
  -- What was parked was never applied; a redrive tries again.
  if known_outcome <> 'parked' and not is_replay then
    return jsonb_build_object(
      'outcome', 'duplicate', 'reason', 'known_event', 'held', jsonb_build_object('event_id', id, 'as_of', known_created),
      'plan_events', billing.plan_events_of(event));
  end if;
  object_id := coalesce(
    fact ->> 'subscription_id', fact ->> 'session_id', fact ->> 'invoice_id', fact ->> 'payment_id', fact ->> 'refund_id', fact ->> 'dispute_id',
    fact ->> 'user_id', of_customer);

  if event ->> 'parked' is not null then
    outcome := 'parked';
    answer.reason := event ->> 'parked';
  elsif event ->> 'ignored' is not null or fact is null or fact = 'null' then
    outcome := 'ignored';
    answer.reason := coalesce(event ->> 'ignored', 'no_plan_state');
  else
    -- Money needs to know whose customer it is only when it is read.
    if of_customer is not null and fact ->> 'kind' in ('subscription', 'customer', 'checkout', 'invoice') then
      select * into customer from billing.customers where customer_id = of_customer;
    end if;
    answer := billing.apply_fact(event, fact, fetched, customer);
    if answer.verdict = 'undecidable' then
      return jsonb_build_object(
        'outcome', 'undecidable', 'reason', answer.reason, 'ticket', answer.ticket, 'as_of', answer.held_as_of, 'subscription_id', object_id,
        'plan_events', '[]'::jsonb);
    end if;
    outcome := case
      when answer.notified = 0 and answer.verdict = 'same' and (fetched is null or is_replay) then 'duplicate'
      when answer.verdict = 'stale' then 'stale'
      when fetched is not null then 'refetched'
      else 'applied'
    end;
    if outcome = 'duplicate' then
      answer.reason := 'same_state';
    end if;
  end if;

  insert into billing.events as ledger
    (event_id, type, created, livemode, api_version, worker, origin, replay_name, customer_id, object_id, outcome, reason, held_event_id, held_as_of, arrived_at)
  values (
    id, event ->> 'type', to_timestamp((event ->> 'created')::bigint), (event ->> 'livemode')::boolean,
    event ->> 'api_version', event ->> 'worker', event ->> 'origin', event ->> 'replay_name', of_customer, object_id,
    outcome, answer.reason, answer.held_event_id, answer.held_as_of, (event ->> 'arrived_at')::timestamptz)
  on conflict (event_id) do update set
    outcome = excluded.outcome, reason = excluded.reason, held_event_id = excluded.held_event_id, held_as_of = excluded.held_as_of,
    replay_name = excluded.replay_name, committed_at = excluded.committed_at
    where ledger.outcome = 'parked' or excluded.outcome in ('applied', 'refetched');
  -- Nothing is locked for an event without a customer: another delivery of it may have come first.
  if not found and known_outcome is null then
    return jsonb_build_object('outcome', 'duplicate', 'reason', 'known_event', 'plan_events', billing.plan_events_of(event));
  end if;

  return jsonb_build_object(
    'outcome', outcome, 'reason', answer.reason,
    'held', case when answer.held_as_of is not null then jsonb_build_object('event_id', answer.held_event_id, 'as_of', answer.held_as_of) end,
    -- Most events notify nobody; what a replay finds known may have to be published again.
    'plan_events', case when answer.notified > 0 or is_replay or known_outcome is not null then billing.plan_events_of(event) else '[]' end);
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_events(batch jsonb, catalogue jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  single jsonb;
  of_customer text;
begin
  -- Its own statement: what is read next sees every erasure that this has waited for.
  lock table billing.erasures in access share mode;
  if catalogue is not null then
    perform from billing.catalogue as known where to_jsonb(known) - 'single_row' = apply_events.catalogue;
    if not found then
      update billing.catalogue as known set (default_plan_id, tiers, default_features) = (
        select told.default_plan_id, told.tiers, told.default_features from jsonb_populate_record(known, apply_events.catalogue) as told);
    end if;
  end if;
  if batch @> '[{"fact": {"kind": "due"}}]' or exists (select from billing.erasures) then
    batch := billing.batch_without_erased(batch);
  end if;
  if jsonb_array_length(batch) <> 1 then
    return billing.apply_batch(batch);
  end if;
  single := batch -> 0;
  of_customer := single -> 'fact' ->> 'customer_id';
  if of_customer is not null then
    perform billing.lock_customer(of_customer);
  end if;
  return jsonb_build_array(billing.apply_event(single -> 'event', single -> 'fact', nullif(single -> 'fetched', 'null')));
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.apply_fact(event jsonb, fact jsonb, fetched jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.apply_invoice(event jsonb, incoming jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  answer billing.applied;
  ruling constant text := billing.store_invoices(jsonb_populate_record(null::billing.invoices, incoming));
  invoice billing.invoices;
  subscription billing.subscriptions;
begin
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.notified := 0;
  if incoming ->> 'subscription_id' is null or answer.verdict = 'stale' then
    return answer;
  end if;
  select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
  if not found then
    return answer;
  end if;
  if subscription.status = 'past_due' then
    answer.notified := billing.rederive(event, subscription, customer);
    select * into subscription from billing.subscriptions where subscription_id = incoming ->> 'subscription_id';
  end if;
  if incoming ->> 'problem' is not null then
    select * into invoice from billing.invoices where invoice_id = incoming ->> 'invoice_id';
    answer.notified := answer.notified + billing.settle_problem(event, invoice, subscription);
  end if;
  return answer;
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_schedule(event jsonb, incoming jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  answer billing.applied;
  held billing.schedules;
  ruling text;
  subscription billing.subscriptions;
begin
  select * into held from billing.schedules where schedule_id = incoming ->> 'schedule_id';
  ruling := billing.store_schedules(jsonb_populate_record(null::billing.schedules, incoming));
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := held.source_event_id;
  answer.held_as_of := held.as_of;
  answer.notified := 0;
  if answer.verdict = 'stale' then
    return answer;
  end if;
  for subscription in
    select * from billing.subscriptions as managed
    where managed.subscription_id in (held.subscription_id, incoming ->> 'subscription_id') and managed.customer_id = customer.customer_id
    order by managed.subscription_id
  loop
    answer.notified := answer.notified + billing.rederive(event, subscription, customer);
  end loop;
  return answer;
end
$function$


CREATE OR REPLACE FUNCTION billing.apply_subscription(event jsonb, fact jsonb, fetched jsonb, customer billing.customers)
 RETURNS billing.applied
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  id constant text := fact ->> 'subscription_id';
  event_id constant text := event ->> 'id';
  event_type constant text := event ->> 'type';
  created constant timestamptz := to_timestamp((event ->> 'created')::bigint);
  -- The comparison with Stripe has no snapshot: it always asks, in the second of the row it found.
  asks_stripe constant boolean := fact -> 'snapshot' = 'null';
  -- Stripe's answer tells all that had happened by the event that asked; the comparison with Stripe asks in the row's own second.
  answer_as_of constant timestamptz := case when asks_stripe then (fetched ->> 'as_of')::timestamptz else greatest((fetched ->> 'as_of')::timestamptz, created) end;
  held billing.subscriptions;
  next billing.subscriptions;
  ruling text;
  answer billing.applied;
begin
  select * into held from billing.subscriptions where subscription_id = id;
  -- A second of which no event of the customer tells was edited: years ahead, it would keep every event out.
  if held.as_of > created and billing.is_own_event(event_id) then
    if not exists (select from billing.events as told where told.customer_id = fact ->> 'customer_id' and told.created = held.as_of) then
      held.as_of := null;
    end if;
  end if;
  next := case when asks_stripe and fetched is null then held else jsonb_populate_record(held, coalesce(fetched, fact) -> 'snapshot') end;
  next.subscription_id := id;
  next.customer_id := fact ->> 'customer_id';
  next.livemode := (event ->> 'livemode')::boolean;
  next.as_of := created;
  if fetched is not null then
    ruling := billing.order_of_fetch(held, (fetched ->> 'ticket')::integer, answer_as_of, next.status, event ->> 'origin' <> 'webhook');
  elsif asks_stripe then
    ruling := 'undecidable/question';
  else
    perform billing.remember_snapshot(event_id, event_type, next);
    ruling := billing.order_of_event(held, event_id, event_type, created, next.status, event ->> 'origin' = 'replay');
  end if;
  answer.verdict := split_part(ruling, '/', 1);
  answer.reason := split_part(ruling, '/', 2);
  answer.held_event_id := held.source_event_id;
  answer.held_as_of := held.as_of;
  answer.notified := 0;

  -- Two events of one second that show the same (Stripe sends `paused` beside an `updated`): whichever came later, the row is right, unless
  -- an answer is still under way that may show another one between them. A replay asks all the same: what is held may have been read wrongly.
  if answer.verdict = 'undecidable' and not asks_stripe and event ->> 'origin' <> 'replay' and held.ticket_issued = held.ticket_applied
    and billing.derive(jsonb_populate_record(held, fact -> 'snapshot'), customer) is not distinct from held then
    answer.verdict := 'same';
    answer.reason := 'same_state';
  end if;

  if answer.verdict = 'undecidable' then
    insert into billing.subscriptions as row (subscription_id, customer_id, livemode, ticket_issued)
    values (id, next.customer_id, next.livemode, 1)
    -- Past any that was applied, also when somebody edited that.
    on conflict (subscription_id) do update set ticket_issued = greatest(row.ticket_issued, row.ticket_applied) + 1
    returning ticket_issued into answer.ticket;
    return answer;
  end if;

  if answer.verdict <> 'apply' then
    next := held;
  else
    next.ticket_issued := coalesce(held.ticket_issued, 0);
    if fetched is null then
      next.source_event_id := event_id;
      next.source_type := event_type;
      -- A later event overtakes every question under way; the row's own event, read anew, overtakes none.
      next.ticket_applied := case when held.source_event_id = event_id then held.ticket_applied else coalesce(held.ticket_issued, 0) end;
    else
      next.as_of := coalesce(answer_as_of, next.started_at, held.as_of);
      next.source_event_id := null;
      next.source_type := 'fetch';
      -- So does an end.
      next.ticket_applied := case
        when billing.is_terminal(next.status) and not billing.is_terminal(held.status) then held.ticket_issued
        else greatest((fetched ->> 'ticket')::integer, held.ticket_applied)
      end;
      if asks_stripe then
        perform billing.remember_snapshot(event_id, 'fetch', next);
      end if;
    end if;
  end if;
  if event_type = 'customer.subscription.trial_will_end' then
    next.trial_ending_at := greatest(next.trial_ending_at, (fact -> 'snapshot' ->> 'trial_end')::timestamptz);
  end if;

  next := billing.derive(next, customer);
  if next is distinct from held then
    perform billing.write_subscription(next);
    answer.notified := billing.settle_subscription(event, held, next, customer);
  end if;
  if answer.verdict = 'apply' then
    -- What a ticket counts and where a row stems from is no change that anybody sees.
    next.ticket_applied := held.ticket_applied;
    if fetched is not null then
      next.source_event_id := held.source_event_id;
      next.source_type := held.source_type;
    end if;
    answer.verdict := case when next is distinct from held then 'changed' else 'same' end;
  end if;
  return answer;
end
$function$


CREATE OR REPLACE FUNCTION billing.batch_without_erased(batch jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (
    select coalesce(jsonb_agg(element || case
      when jsonb_typeof(element -> 'fact') is distinct from 'object' then '{}'::jsonb
      else jsonb_build_object('fact', billing.without_erased(element -> 'fact')) || case
        when element -> 'fetched' -> 'snapshot' ? 'metadata_user_id'
          and exists (select from billing.erasures where pseudonym = billing.pseudonym_of(element -> 'fact' ->> 'customer_id'))
        then jsonb_build_object('fetched', jsonb_set(element -> 'fetched', '{snapshot,metadata_user_id}', 'null')) else '{}' end
      end order by place), '[]')
    from jsonb_array_elements(batch) with ordinality as it(element, place));
end
$function$


CREATE OR REPLACE FUNCTION billing.buyer_of(bill billing.invoices, customer billing.customers)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce(bill.metadata_user_id, customer.metadata_user_id, (
    select session.user_id from billing.checkouts as session
    where session.invoice_id = bill.invoice_id and session.user_id is not null
    order by session.as_of, session.session_id collate "C" limit 1), customer.session_user_id);
end
$function$


CREATE OR REPLACE FUNCTION billing.compare(wanted jsonb)
 RETURNS json
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.compared_customer(held billing.customers)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  buyer constant text := billing.first_buyer(held.customer_id);
begin
  return to_jsonb(held) || jsonb_build_object('not_as_derived', array_to_json(array_remove(array[
    case when held.session_user_id is distinct from buyer then 'session_user_id' end,
    case when held.user_id is distinct from coalesce(held.metadata_user_id, buyer, billing.first_named(held.customer_id)) then 'user_id' end], null)));
end
$function$


CREATE OR REPLACE FUNCTION billing.compared_invoice(id text, bill jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.compared_subscription(held billing.subscriptions, with_plan boolean)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.cursor_of(of_name text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (select cursor from billing.reconcile_cursors where name = of_name);
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.customers_not_as_derived(after text, most integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  page billing.customers[] := array(select it from billing.customers as it where customer_id > after order by customer_id limit most);
  wrong jsonb;
begin
  select coalesce(jsonb_agg(it.customer_id order by it.customer_id), '[]') into wrong from unnest(page) as it
  where it.as_of is not null and billing.compared_customer(it) -> 'not_as_derived' <> '[]';
  return jsonb_build_object('last', case when cardinality(page) = most then page[most].customer_id end, 'wrong', wrong);
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.derive(subscription billing.subscriptions, customer billing.customers)
 RETURNS billing.subscriptions
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  known billing.subscription_history;
begin
  subscription.user_id := billing.user_of(subscription, customer);
  if subscription.plan_unknown then
    -- Nobody loses a plan because a price is missing from a file: the plan of the latest price that the catalogue knew. By Stripe's seconds and not
    -- by arrival; of two in one second the higher.
    select * into known from billing.subscription_history as told
    where told.subscription_id = subscription.subscription_id and told.plan_id is not null and told.as_of <= subscription.as_of
    order by told.as_of desc, told.tier_rank desc, told.plan_id desc limit 1;
    subscription.plan_id := known.plan_id;
    subscription.tier := known.tier;
    subscription.tier_rank := known.tier_rank;
    subscription.grace_days := known.grace_days;
    subscription.features := known.features;
  end if;
  subscription.grace_ends_at := billing.grace_end_of(subscription);
  subscription.scheduled_change := billing.scheduled_change_of(subscription);
  subscription.entitled_until := case
    when subscription.plan_id is null then '-infinity'
    when subscription.status in ('active', 'trialing') then coalesce(subscription.cancel_at, 'infinity')
    when subscription.status = 'past_due' then least(coalesce(subscription.grace_ends_at, 'infinity'), coalesce(subscription.cancel_at, 'infinity'))
    else '-infinity'
  end;
  -- Bit 60: may be entitled, then the tier's rank, then the status. Of those that never are, the status, then the latest.
  subscription.precedence := case
    when subscription.plan_id is not null and subscription.status in ('active', 'trialing', 'past_due') then
      (1::bigint << 60) + (coalesce(subscription.tier_rank, 0)::bigint << 8) + array_position(array['past_due', 'trialing', 'active'], subscription.status)
    when subscription.status is not null then
      (array_position(array['incomplete_expired', 'canceled', 'unpaid', 'paused', 'incomplete', 'past_due', 'trialing', 'active'], subscription.status)::bigint << 40)
      + greatest(0, coalesce(extract(epoch from subscription.as_of), 0))::bigint
  end;
  return subscription;
end
$function$


CREATE OR REPLACE FUNCTION billing.derive_purchase(purchase billing.purchases)
 RETURNS billing.purchases
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.due_users(most integer)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return array(select user_id from billing.user_plans where changes_at <= now() order by changes_at limit most);
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.erase_person(of_customer text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.first_buyer(of_customer text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (
    select session.user_id from billing.checkouts as session
    where session.customer_id = of_customer and session.mode = 'subscription' and session.status = 'complete' and session.user_id is not null
    order by session.as_of, session.session_id collate "C" limit 1);
end
$function$


CREATE OR REPLACE FUNCTION billing.first_named(of_customer text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce(
    (select user_id from billing.subscriptions
     where customer_id = of_customer and user_id is not null order by started_at, subscription_id limit 1),
    (select user_id from billing.purchases
     where customer_id = of_customer and user_id is not null order by paid_at, invoice_id limit 1));
end
$function$


CREATE OR REPLACE FUNCTION billing.grace_end_of(subscription billing.subscriptions)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  latest_invoice timestamptz;
  oldest_unpaid timestamptz;
begin
  if subscription.status is distinct from 'past_due' then
    return null;
  end if;
  select created into latest_invoice from billing.invoices where invoice_id = subscription.latest_invoice_id;
  select created into oldest_unpaid from billing.invoices as unpaid
  where unpaid.subscription_id = subscription.subscription_id and unpaid.status = 'open' order by unpaid.created limit 1;
  return least(oldest_unpaid, greatest(subscription.current_period_start, latest_invoice)) + make_interval(days => subscription.grace_days);
end
$function$


CREATE OR REPLACE FUNCTION billing.held_rows_of(kind text, ids text[], span_from bigint DEFAULT NULL::bigint, span_to bigint DEFAULT NULL::bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.is_of_subscription(fact jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return fact ->> 'kind' in ('refund', 'dispute') and exists (
    select from billing.invoice_payments as paid join billing.invoices as bill on bill.invoice_id = paid.invoice_id
    where paid.payment_intent_id = fact ->> 'payment_intent_id' and bill.subscription_id is not null);
end
$function$


CREATE OR REPLACE FUNCTION billing.is_over(state jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce(state ->> 'status' in ('cancelled', 'expired', 'none'), false);
end
$function$


CREATE OR REPLACE FUNCTION billing.is_own_event(event_id text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return event_id like 'reconcile\_%' or event_id like 'backfill\_%';
end
$function$


CREATE OR REPLACE FUNCTION billing.is_paid_back(purchase billing.purchases)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.is_terminal(status text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce(status in ('canceled', 'incomplete_expired'), false);
end
$function$


CREATE OR REPLACE FUNCTION billing.keep_cursor(of_name text, value jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into billing.reconcile_cursors as kept (name, cursor) values (of_name, value)
  on conflict (name) do update set cursor = excluded.cursor, kept_at = clock_timestamp();
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.lock_customer(id text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform from billing.customers where customer_id = id for no key update;
  if not found then
    insert into billing.customers (customer_id) values (id) on conflict do nothing;
    perform from billing.customers where customer_id = id for no key update;
  end if;
end
$function$


CREATE OR REPLACE FUNCTION billing.lock_customers(ids text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  id text;
begin
  foreach id in array ids loop
    perform billing.lock_customer(id);
  end loop;
end
$function$


CREATE OR REPLACE FUNCTION billing.make_store(target regclass, key text, derived text[] DEFAULT '{}'::text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $functionx$
declare
  columns text := (
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute where attrelid = target and attnum > 0 and not attisdropped and attname <> all (derived));
  incoming_columns text := regexp_replace(columns, '(^|, )', '\1incoming.', 'g');
  keep_derived text := (select coalesce(string_agg(format('incoming.%1$I := held.%1$I;', name), ' '), '') from unnest(derived) as name);
begin
  execute format($function$
create or replace function billing.store_%1$s(incoming billing.%1$s) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $store$
declare
  held billing.%1$s;
begin
  insert into billing.%1$s as kept (%2$s) values (%3$s)
  on conflict (%4$I) do update set (%2$s) = row(%3$s)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.%1$s where %4$I = incoming.%4$I;
  if held.source_event_id = incoming.source_event_id then
    %5$s
    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.%1$s set (%2$s) = row(%3$s) where %4$I = incoming.%4$I;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.%1$s set (%2$s) = row(%3$s) where %4$I = incoming.%4$I;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$store$
$function$, (select relname from pg_class where oid = target), columns, incoming_columns, key, keep_derived);
end
$functionx$


CREATE OR REPLACE FUNCTION billing.make_write_subscription()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $functionx$
declare
  columns text := (
    select string_agg(quote_ident(attname), ', ' order by attnum)
    from pg_attribute where attrelid = 'billing.subscriptions'::regclass and attnum > 0 and not attisdropped);
begin
  execute format($function$
create or replace function billing.write_subscription(next billing.subscriptions) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $write$
begin
  insert into billing.subscriptions (%1$s) values (%2$s)
  on conflict (subscription_id) do update set (%1$s) = row(%2$s);
end
$write$
$function$, columns, regexp_replace(columns, '(^|, )', '\1next.', 'g'));
end
$functionx$


CREATE OR REPLACE FUNCTION billing.may_be_of_purchase(fact jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if fact ->> 'kind' in ('refund', 'dispute') or jsonb_typeof(fact -> 'purchase') = 'object' then
    return true;
  end if;
  if fact ->> 'invoice_id' is null or fact ->> 'subscription_id' is not null then
    return false;
  end if;
  return not exists (select from billing.invoices where invoice_id = fact ->> 'invoice_id' and subscription_id is not null);
end
$function$


CREATE OR REPLACE FUNCTION billing.may_read_plan(owner text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return owner = (select auth.uid())::text;
end
$function$
-- executable by authenticated, service_role, billing_reader

CREATE OR REPLACE FUNCTION billing.money_by_day(kind text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.money_of(month date, of_livemode boolean)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  first constant date := date_trunc('month', month)::date;
begin
  return (
    with revenue as (
      select currency, sum(gross_minor) as gross_minor, sum(refunded_minor) as refunded_minor, sum(disputed_minor) as disputed_minor, sum(net_minor) as net_minor,
        sum(payments) as payments, sum(refunds) as refunds, sum(disputes_lost) as disputes_lost
      from billing.revenue_daily as daily
      where daily.livemode = of_livemode and daily.day >= first and daily.day < first + interval '1 month' group by currency
    ), movements as (
      select * from billing.mrr_movements as moved where moved.livemode = of_livemode and moved.month <= first
    ), mrr as (
      select currency,
        sum(closing_minor) filter (where is_last) - sum(change) as opening_minor, sum(new_minor) as new_minor, sum(expansion_minor) as expansion_minor,
        sum(contraction_minor) as contraction_minor, sum(churn_minor) as churn_minor, sum(reactivation_minor) as reactivation_minor,
        sum(closing_minor) filter (where is_last) as closing_minor,
        sum(customers) filter (where not is_month) as opening_customers,
        sum(new_customers) as new_customers, sum(churned_customers) as churned_customers, sum(reactivated_customers) as reactivated_customers
      from (
        select it.currency, it.month = first as is_month, it.closing_minor,
          row_number() over (partition by it.currency order by it.month desc) = 1 as is_last,
          it.new_customers + it.reactivated_customers - it.churned_customers as customers,
          case when it.month = first then it.closing_minor - it.opening_minor else 0 end as change,
          case when it.month = first then it.new_minor else 0 end as new_minor,
          case when it.month = first then it.expansion_minor else 0 end as expansion_minor,
          case when it.month = first then it.contraction_minor else 0 end as contraction_minor,
          case when it.month = first then it.churn_minor else 0 end as churn_minor,
          case when it.month = first then it.reactivation_minor else 0 end as reactivation_minor,
          case when it.month = first then it.new_customers else 0 end as new_customers,
          case when it.month = first then it.churned_customers else 0 end as churned_customers,
          case when it.month = first then it.reactivated_customers else 0 end as reactivated_customers
        from movements as it) as by_month
      group by currency
    )
    select coalesce(jsonb_agg(jsonb_build_object(
      'currency', currency,
      'gross_minor', coalesce(revenue.gross_minor, 0), 'refunded_minor', coalesce(revenue.refunded_minor, 0),
      'disputed_minor', coalesce(revenue.disputed_minor, 0), 'net_minor', coalesce(revenue.net_minor, 0),
      'payments', coalesce(revenue.payments, 0), 'refunds', coalesce(revenue.refunds, 0), 'disputes_lost', coalesce(revenue.disputes_lost, 0),
      'opening_minor', coalesce(mrr.opening_minor, 0), 'new_minor', coalesce(mrr.new_minor, 0), 'expansion_minor', coalesce(mrr.expansion_minor, 0),
      'contraction_minor', coalesce(mrr.contraction_minor, 0), 'churn_minor', coalesce(mrr.churn_minor, 0),
      'reactivation_minor', coalesce(mrr.reactivation_minor, 0), 'closing_minor', coalesce(mrr.closing_minor, 0),
      'opening_customers', coalesce(mrr.opening_customers, 0), 'new_customers', coalesce(mrr.new_customers, 0),
      'churned_customers', coalesce(mrr.churned_customers, 0), 'reactivated_customers', coalesce(mrr.reactivated_customers, 0)) order by currency), '[]')
    from revenue full join mrr using (currency));
end
$function$
-- executable by stripe_writer, billing_reader

CREATE OR REPLACE FUNCTION billing.next_version(held bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return greatest(held + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
end
$function$


CREATE OR REPLACE FUNCTION billing.order_of_event(held billing.subscriptions, event_id text, event_type text, created timestamp with time zone, status text, is_replay boolean)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case
    when held.as_of is null then 'apply/first_sight'
    when held.source_event_id = event_id then 'apply/own_event'
    when billing.is_terminal(held.status) and not billing.is_terminal(status) then
      case when is_replay and created >= held.as_of and held.source_type <> 'customer.subscription.deleted' then 'undecidable/mistaken_end' else 'stale/ended' end
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply/ends'
    when created > held.as_of then 'apply/later'
    when created < held.as_of then 'stale/newer_event_held'
    when is_replay and held.source_type = 'fetch' then 'undecidable/fetched_row'
    when billing.is_terminal(status) and event_type = 'customer.subscription.deleted' then
      case when is_replay then 'undecidable/ended_in_same_second' else 'stale/ended_in_same_second' end
    when billing.is_terminal(status) and held.source_type = 'customer.subscription.deleted' then 'apply/after_deletion'
    when held.source_type = 'customer.subscription.created' then 'apply/after_created'
    when event_type = 'customer.subscription.created' then 'stale/created_in_same_second'
    else 'undecidable/same_second'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.order_of_fetch(held billing.subscriptions, ticket integer, answer_as_of timestamp with time zone, status text, repairs boolean)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case
    when billing.is_terminal(held.status) and not billing.is_terminal(status)
      and not (repairs and held.source_type <> 'customer.subscription.deleted') then 'stale/ended'
    when billing.is_terminal(status) and not billing.is_terminal(held.status) then 'apply/ends'
    when held.as_of is null and ticket > coalesce(held.ticket_applied, 0) then 'apply/first_sight'
    when answer_as_of > held.as_of then 'apply/later'
    when held.as_of is not distinct from answer_as_of and ticket > held.ticket_applied then 'apply/same_second'
    when held.as_of = answer_as_of then 'stale/overtaken_answer'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.person_of(of_customer text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.plan_events_of(event jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  messages jsonb;
begin
  select coalesce(jsonb_agg(to_jsonb(it) - array['sequence', 'subscription_id', 'source_event_id', 'replay_name', 'created_at'] order by it.sequence), '[]') into messages
  from billing.plan_events as it
  where it.source_event_id = event ->> 'id' and it.replay_name is not distinct from event ->> 'replay_name';
  return messages;
end
$function$


CREATE OR REPLACE FUNCTION billing.plan_status(stripe_status text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case stripe_status
    when 'incomplete' then 'pending'
    when 'trialing' then 'trialing'
    when 'active' then 'active'
    when 'past_due' then 'past_due'
    when 'unpaid' then 'suspended'
    when 'paused' then 'suspended'
    when 'canceled' then 'cancelled'
    when 'incomplete_expired' then 'expired'
  end;
end
$function$
-- executable by service_role, billing_reader

CREATE OR REPLACE FUNCTION billing.plans_not_as_derived(after text, most integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.progress(kind text, event_type text, fact jsonb)
 RETURNS bigint[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  case kind
    when 'customer' then return array[
      case event_type when 'customer.created' then 0 when 'customer.updated' then 1 else 2 end,
      -- Of two updates in one second, the one that says whose customer it is.
      (fact ->> 'metadata_user_id' is not null)::integer];
    when 'checkout' then return array[
      case fact ->> 'status' when 'expired' then 0 when 'unpaid' then 1 when 'failed' then 2 else 3 end];
    when 'invoice' then return array[
      case fact ->> 'status' when 'draft' then 0 when 'open' then 1 when 'uncollectible' then 2 when 'void' then 3 else 4 end,
      (fact ->> 'attempt_count')::bigint,
      case fact ->> 'problem' when 'action_required' then 2 when 'payment_failed' then 1 else 0 end];
    when 'payment' then return array[
      case fact ->> 'status' when 'succeeded' then 3 when 'canceled' then 2 when 'failed' then 2 when 'requires_payment_method' then 1 else 0 end,
      (fact ->> 'amount_refunded_minor')::bigint,
      -- Authorised first, captured later.
      (fact ->> 'amount_minor')::bigint];
    when 'refund' then return array[
      case fact ->> 'status' when 'pending' then 0 when 'requires_action' then 1 when 'succeeded' then 2 else 3 end];
    when 'dispute' then return array[
      case event_type when 'charge.dispute.created' then 0 when 'charge.dispute.updated' then 1 else 2 end];
    when 'invoice_payment' then return array[0];
    when 'schedule' then return array[
      case fact ->> 'status' when 'not_started' then 0 when 'active' then 1 else 2 end,
      (event_type <> 'subscription_schedule.created')::integer,
      -- It is made first, and then given what comes next. Of two such updates in one second nothing tells the later: any, but the same whatever came first.
      (fact ->> 'next_change' is not null)::integer,
      coalesce(hashtextextended(fact ->> 'next_change', 0), 0)];
    else return null;
  end case;
end
$function$


CREATE OR REPLACE FUNCTION billing.pseudonym_of(id text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return 'erased_' || left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 32);
end
$function$


CREATE OR REPLACE FUNCTION billing.purchases_about(fact jsonb)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.rederive(event jsonb, held billing.subscriptions, customer billing.customers)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  next constant billing.subscriptions := billing.derive(held, customer);
begin
  if next is not distinct from held then
    return 0;
  end if;
  perform billing.write_subscription(next);
  return billing.settle_subscription(event, held, next, customer);
end
$function$


CREATE OR REPLACE FUNCTION billing.relink(event jsonb, of_customer billing.customers)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.remember_snapshot(event_id text, event_type text, told billing.subscriptions)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if event_type = 'fetch' then
    if exists (
      select from billing.subscription_history as known
      where known.subscription_id = told.subscription_id and known.as_of = told.as_of and known.source_type <> 'fetch') then
      return;
    end if;
  else
    delete from billing.subscription_history as answer
    where answer.subscription_id = told.subscription_id and answer.as_of = told.as_of and answer.source_type = 'fetch';
  end if;
  insert into billing.subscription_history as kept (
    subscription_id, as_of, source_event_id, source_type, customer_id, livemode, status, price_id, plan_id, tier, tier_rank, grace_days, features,
    quantity, currency, monthly_minor, cancel_at, cancellation_reason)
  values (
    told.subscription_id, told.as_of, event_id, event_type, told.customer_id, told.livemode, told.status, told.price_id, told.plan_id, told.tier,
    told.tier_rank, told.grace_days, told.features, told.quantity, told.currency, told.monthly_minor, told.cancel_at, told.cancellation_reason)
  on conflict (subscription_id, as_of, source_event_id) do update set
    status = excluded.status, price_id = excluded.price_id, plan_id = excluded.plan_id, tier = excluded.tier, tier_rank = excluded.tier_rank,
    grace_days = excluded.grace_days, features = excluded.features, quantity = excluded.quantity, currency = excluded.currency,
    monthly_minor = excluded.monthly_minor, cancel_at = excluded.cancel_at, cancellation_reason = excluded.cancellation_reason;
end
$function$


CREATE OR REPLACE FUNCTION billing.rows_naming(of_customer text, users text[])
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.rows_of(kind text, ids text[], span_from bigint DEFAULT NULL::bigint, span_to bigint DEFAULT NULL::bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.scheduled_change_of(subscription billing.subscriptions)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  change jsonb;
begin
  select next_change into change from billing.schedules as schedule
  where schedule.subscription_id = subscription.subscription_id and schedule.customer_id = subscription.customer_id and schedule.next_change is not null
  order by schedule.as_of desc, schedule.schedule_id desc limit 1;
  if change is null or subscription.as_of is null or billing.is_terminal(subscription.status) then
    return null;
  end if;
  if (change ->> 'at')::timestamptz <= subscription.as_of
    or ((change ->> 'price_id', (change ->> 'quantity')::integer) is not distinct from (subscription.price_id, subscription.quantity)) then
    return null;
  end if;
  return change;
end
$function$


CREATE OR REPLACE FUNCTION billing.settle_problem(event jsonb, invoice billing.invoices, subject billing.subscriptions)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  notice constant text := invoice.problem || '#' || invoice.attempt_count;
begin
  if notice is null or notice is not distinct from invoice.notified_problem or subject.user_id is null or subject.status is null then
    return 0;
  end if;
  update billing.invoices set notified_problem = notice where invoice_id = invoice.invoice_id;
  if (event ->> 'quiet')::boolean then
    return 0;
  end if;
  perform billing.write_plan_event(
    event, case invoice.problem when 'payment_failed' then 'PAYMENT_FAILED' else 'PAYMENT_ACTION_REQUIRED' end, subject.user_id, subject,
    jsonb_build_object('invoice_id', invoice.invoice_id, 'currency', invoice.currency, 'amount', invoice.amount_due_minor));
  return 1;
end
$function$


CREATE OR REPLACE FUNCTION billing.settle_purchases(event jsonb, before billing.purchases[], after billing.purchases[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.settle_subscription(event jsonb, before billing.subscriptions, after billing.subscriptions, customer billing.customers)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  concerned text;
  invoice billing.invoices;
  notified integer := 0;
begin
  foreach concerned in array case
    when before.user_id is null or before.user_id = after.user_id then array[after.user_id]
    when after.user_id is null or before.user_id < after.user_id then array[before.user_id, after.user_id]
    else array[after.user_id, before.user_id]
  end loop
    if concerned is not null then
      notified := notified + billing.settle_user(event, concerned, after);
    end if;
  end loop;

  if after.user_id is distinct from before.user_id and customer.metadata_user_id is null and customer.session_user_id is null then
    update billing.customers set user_id = billing.first_named(customer_id) where customer_id = after.customer_id;
  end if;

  if after.user_id is null then
    return notified;
  end if;
  if before.user_id is null or before.status is null then
    for invoice in
      select * from billing.invoices as open where open.subscription_id = after.subscription_id and open.problem is not null order by open.as_of, open.invoice_id
    loop
      notified := notified + billing.settle_problem(event, invoice, after);
    end loop;
  end if;
  if after.status = 'trialing' and after.trial_ending_at = after.trial_end and after.trial_ending_notified is distinct from after.trial_end then
    update billing.subscriptions set trial_ending_notified = trial_end where subscription_id = after.subscription_id;
    if not coalesce((event ->> 'quiet')::boolean, false) then
      perform billing.write_plan_event(event, 'TRIAL_ENDING', after.user_id, after, '{}');
      notified := notified + 1;
    end if;
  end if;
  return notified;
end
$function$


CREATE OR REPLACE FUNCTION billing.settle_user(event jsonb, of_user text, subject billing.subscriptions)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.user_plans;
  now_is record;
begin
  select * into held from billing.user_plans where user_id = of_user for update;
  if not found then
    insert into billing.user_plans (user_id) values (of_user) on conflict do nothing;
    select * into held from billing.user_plans where user_id = of_user for update;
  end if;
  now_is := billing.state_of(of_user);
  if (now_is.state, now_is.changes_at) is not distinct from (held.state, held.changes_at) then
    return 0;
  end if;
  update billing.user_plans set state = now_is.state, changes_at = now_is.changes_at where user_id = of_user;
  if now_is.state is not distinct from held.state
    or (event ->> 'quiet')::boolean
    or (held.version = 0 and billing.is_over(now_is.state) and (held.state is null or billing.is_over(held.state))) then
    return 0;
  end if;
  perform billing.write_plan_event(event, billing.transition(held.state, now_is.state), of_user, subject, '{}');
  return 1;
end
$function$


CREATE OR REPLACE FUNCTION billing.standing()
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.state_of(of_user text, OUT state jsonb, OUT changes_at timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.store_checkouts(incoming billing.checkouts)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.checkouts;
begin
  insert into billing.checkouts as kept (session_id, mode, customer_id, subscription_id, user_id, status, currency, amount_minor, livemode, as_of, source_event_id, progress, invoice_id) values (incoming.session_id, incoming.mode, incoming.customer_id, incoming.subscription_id, incoming.user_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.invoice_id)
  on conflict (session_id) do update set (session_id, mode, customer_id, subscription_id, user_id, status, currency, amount_minor, livemode, as_of, source_event_id, progress, invoice_id) = row(incoming.session_id, incoming.mode, incoming.customer_id, incoming.subscription_id, incoming.user_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.invoice_id)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.checkouts where session_id = incoming.session_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.checkouts set (session_id, mode, customer_id, subscription_id, user_id, status, currency, amount_minor, livemode, as_of, source_event_id, progress, invoice_id) = row(incoming.session_id, incoming.mode, incoming.customer_id, incoming.subscription_id, incoming.user_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.invoice_id) where session_id = incoming.session_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.checkouts set (session_id, mode, customer_id, subscription_id, user_id, status, currency, amount_minor, livemode, as_of, source_event_id, progress, invoice_id) = row(incoming.session_id, incoming.mode, incoming.customer_id, incoming.subscription_id, incoming.user_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.invoice_id) where session_id = incoming.session_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_customers(incoming billing.customers)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.customers;
begin
  insert into billing.customers as kept (customer_id, metadata_user_id, deleted, livemode, as_of, source_event_id, progress) values (incoming.customer_id, incoming.metadata_user_id, incoming.deleted, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (customer_id) do update set (customer_id, metadata_user_id, deleted, livemode, as_of, source_event_id, progress) = row(incoming.customer_id, incoming.metadata_user_id, incoming.deleted, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.customers where customer_id = incoming.customer_id;
  if held.source_event_id = incoming.source_event_id then
    incoming.session_user_id := held.session_user_id; incoming.user_id := held.user_id;
    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.customers set (customer_id, metadata_user_id, deleted, livemode, as_of, source_event_id, progress) = row(incoming.customer_id, incoming.metadata_user_id, incoming.deleted, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where customer_id = incoming.customer_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.customers set (customer_id, metadata_user_id, deleted, livemode, as_of, source_event_id, progress) = row(incoming.customer_id, incoming.metadata_user_id, incoming.deleted, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where customer_id = incoming.customer_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_disputes(incoming billing.disputes)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.disputes;
begin
  insert into billing.disputes as kept (dispute_id, charge_id, payment_intent_id, status, reason, currency, amount_minor, created, livemode, as_of, source_event_id, progress) values (incoming.dispute_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.reason, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (dispute_id) do update set (dispute_id, charge_id, payment_intent_id, status, reason, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.dispute_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.reason, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.disputes where dispute_id = incoming.dispute_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.disputes set (dispute_id, charge_id, payment_intent_id, status, reason, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.dispute_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.reason, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where dispute_id = incoming.dispute_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.disputes set (dispute_id, charge_id, payment_intent_id, status, reason, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.dispute_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.reason, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where dispute_id = incoming.dispute_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_invoice_payments(incoming billing.invoice_payments)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.invoice_payments;
begin
  insert into billing.invoice_payments as kept (invoice_payment_id, invoice_id, payment_intent_id, charge_id, livemode, as_of, source_event_id, progress) values (incoming.invoice_payment_id, incoming.invoice_id, incoming.payment_intent_id, incoming.charge_id, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (invoice_payment_id) do update set (invoice_payment_id, invoice_id, payment_intent_id, charge_id, livemode, as_of, source_event_id, progress) = row(incoming.invoice_payment_id, incoming.invoice_id, incoming.payment_intent_id, incoming.charge_id, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.invoice_payments where invoice_payment_id = incoming.invoice_payment_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.invoice_payments set (invoice_payment_id, invoice_id, payment_intent_id, charge_id, livemode, as_of, source_event_id, progress) = row(incoming.invoice_payment_id, incoming.invoice_id, incoming.payment_intent_id, incoming.charge_id, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where invoice_payment_id = incoming.invoice_payment_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.invoice_payments set (invoice_payment_id, invoice_id, payment_intent_id, charge_id, livemode, as_of, source_event_id, progress) = row(incoming.invoice_payment_id, incoming.invoice_id, incoming.payment_intent_id, incoming.charge_id, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where invoice_payment_id = incoming.invoice_payment_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_invoices(incoming billing.invoices)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.invoices;
begin
  insert into billing.invoices as kept (invoice_id, customer_id, subscription_id, status, problem, attempt_count, currency, amount_due_minor, amount_paid_minor, created, livemode, as_of, source_event_id, progress, paid_at, metadata_user_id) values (incoming.invoice_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.problem, incoming.attempt_count, incoming.currency, incoming.amount_due_minor, incoming.amount_paid_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.paid_at, incoming.metadata_user_id)
  on conflict (invoice_id) do update set (invoice_id, customer_id, subscription_id, status, problem, attempt_count, currency, amount_due_minor, amount_paid_minor, created, livemode, as_of, source_event_id, progress, paid_at, metadata_user_id) = row(incoming.invoice_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.problem, incoming.attempt_count, incoming.currency, incoming.amount_due_minor, incoming.amount_paid_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.paid_at, incoming.metadata_user_id)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.invoices where invoice_id = incoming.invoice_id;
  if held.source_event_id = incoming.source_event_id then
    incoming.notified_problem := held.notified_problem;
    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.invoices set (invoice_id, customer_id, subscription_id, status, problem, attempt_count, currency, amount_due_minor, amount_paid_minor, created, livemode, as_of, source_event_id, progress, paid_at, metadata_user_id) = row(incoming.invoice_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.problem, incoming.attempt_count, incoming.currency, incoming.amount_due_minor, incoming.amount_paid_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.paid_at, incoming.metadata_user_id) where invoice_id = incoming.invoice_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.invoices set (invoice_id, customer_id, subscription_id, status, problem, attempt_count, currency, amount_due_minor, amount_paid_minor, created, livemode, as_of, source_event_id, progress, paid_at, metadata_user_id) = row(incoming.invoice_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.problem, incoming.attempt_count, incoming.currency, incoming.amount_due_minor, incoming.amount_paid_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress, incoming.paid_at, incoming.metadata_user_id) where invoice_id = incoming.invoice_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_payments(incoming billing.payments)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.payments;
begin
  insert into billing.payments as kept (payment_id, object, customer_id, payment_intent_id, invoice_id, status, failure_code, currency, amount_minor, amount_refunded_minor, created, livemode, as_of, source_event_id, progress) values (incoming.payment_id, incoming.object, incoming.customer_id, incoming.payment_intent_id, incoming.invoice_id, incoming.status, incoming.failure_code, incoming.currency, incoming.amount_minor, incoming.amount_refunded_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (payment_id) do update set (payment_id, object, customer_id, payment_intent_id, invoice_id, status, failure_code, currency, amount_minor, amount_refunded_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.payment_id, incoming.object, incoming.customer_id, incoming.payment_intent_id, incoming.invoice_id, incoming.status, incoming.failure_code, incoming.currency, incoming.amount_minor, incoming.amount_refunded_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.payments where payment_id = incoming.payment_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.payments set (payment_id, object, customer_id, payment_intent_id, invoice_id, status, failure_code, currency, amount_minor, amount_refunded_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.payment_id, incoming.object, incoming.customer_id, incoming.payment_intent_id, incoming.invoice_id, incoming.status, incoming.failure_code, incoming.currency, incoming.amount_minor, incoming.amount_refunded_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where payment_id = incoming.payment_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.payments set (payment_id, object, customer_id, payment_intent_id, invoice_id, status, failure_code, currency, amount_minor, amount_refunded_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.payment_id, incoming.object, incoming.customer_id, incoming.payment_intent_id, incoming.invoice_id, incoming.status, incoming.failure_code, incoming.currency, incoming.amount_minor, incoming.amount_refunded_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where payment_id = incoming.payment_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_purchase(of_invoice text, bought jsonb, paid_by jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.store_refunds(incoming billing.refunds)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.refunds;
begin
  insert into billing.refunds as kept (refund_id, charge_id, payment_intent_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress) values (incoming.refund_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (refund_id) do update set (refund_id, charge_id, payment_intent_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.refund_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.refunds where refund_id = incoming.refund_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.refunds set (refund_id, charge_id, payment_intent_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.refund_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where refund_id = incoming.refund_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.refunds set (refund_id, charge_id, payment_intent_id, status, currency, amount_minor, created, livemode, as_of, source_event_id, progress) = row(incoming.refund_id, incoming.charge_id, incoming.payment_intent_id, incoming.status, incoming.currency, incoming.amount_minor, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where refund_id = incoming.refund_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.store_schedules(incoming billing.schedules)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  held billing.schedules;
begin
  insert into billing.schedules as kept (schedule_id, customer_id, subscription_id, status, next_change, created, livemode, as_of, source_event_id, progress) values (incoming.schedule_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.next_change, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  on conflict (schedule_id) do update set (schedule_id, customer_id, subscription_id, status, next_change, created, livemode, as_of, source_event_id, progress) = row(incoming.schedule_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.next_change, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress)
  where kept.as_of is null or (incoming.as_of, incoming.progress) > (kept.as_of, kept.progress);
  if found then
    return 'changed/later';
  end if;
  select * into held from billing.schedules where schedule_id = incoming.schedule_id;
  if held.source_event_id = incoming.source_event_id then

    if incoming is not distinct from held then
      return 'same/own_event';
    end if;
    update billing.schedules set (schedule_id, customer_id, subscription_id, status, next_change, created, livemode, as_of, source_event_id, progress) = row(incoming.schedule_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.next_change, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where schedule_id = incoming.schedule_id;
    return 'changed/own_event';
  end if;
  -- One condition within the other: together they would be planned for every stale event.
  if held.as_of > incoming.as_of and (billing.is_own_event(incoming.source_event_id) or held.as_of > clock_timestamp() + interval '1 hour') then
    if not exists (select from billing.events where event_id = held.source_event_id and created = held.as_of) then
      update billing.schedules set (schedule_id, customer_id, subscription_id, status, next_change, created, livemode, as_of, source_event_id, progress) = row(incoming.schedule_id, incoming.customer_id, incoming.subscription_id, incoming.status, incoming.next_change, incoming.created, incoming.livemode, incoming.as_of, incoming.source_event_id, incoming.progress) where schedule_id = incoming.schedule_id;
      return 'changed/no_such_second';
    end if;
  end if;
  return case
    when held.as_of = incoming.as_of and held.progress = incoming.progress then 'same/same_state'
    when held.as_of = incoming.as_of then 'stale/further_along_held'
    else 'stale/newer_event_held'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.story_of(of_user text, of_customers text[], most integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
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
$function$
-- executable by stripe_writer, billing_reader

CREATE OR REPLACE FUNCTION billing.story_of_event(of_event text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  settled billing.events;
  told billing.subscription_history;
begin
  select * into settled from billing.events where event_id = of_event;
  select * into told from billing.subscription_history
  where subscription_id = settled.object_id and as_of = settled.created and source_event_id = of_event;
  return jsonb_build_object(
    'ledger', case when settled.event_id is not null then to_jsonb(settled) end,
    'told', case when told.subscription_id is not null then to_jsonb(told) end,
    'before', (
      select to_jsonb(it) from billing.subscription_history as it
      where it.subscription_id = told.subscription_id and it.as_of < told.as_of order by it.as_of desc, it.source_event_id desc limit 1),
    'after', (
      select to_jsonb(it) from billing.subscription_history as it
      where it.subscription_id = told.subscription_id and it.as_of > told.as_of order by it.as_of, it.source_event_id limit 1),
    'held_now', (
      select to_jsonb(it) - 'precedence' from billing.subscription_states as it where it.subscription_id = settled.object_id),
    'held_event', (select to_jsonb(it) from billing.events as it where it.event_id = settled.held_event_id),
    'plan_events', (
      select coalesce(jsonb_agg(to_jsonb(it) - array['payload', 'app_source', 'sequence'] order by it.sequence), '[]')
      from billing.plan_events as it where it.source_event_id = of_event));
end
$function$
-- executable by stripe_writer, billing_reader

CREATE OR REPLACE PROCEDURE billing.take_ownership()
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $procedure$
declare
  object record;
begin
  for object in
    select format('table billing.%I', relname) as name from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'r' and relowner <> 'billing_owner'::regrole
    union all select format('view billing.%I', relname) from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'v' and relowner <> 'billing_owner'::regrole
    union all select format('type billing.%I', relname) from pg_class
    where relnamespace = 'billing'::regnamespace and relkind = 'c' and relowner <> 'billing_owner'::regrole
    union all select format('routine %s', oid::regprocedure) from pg_proc
    where pronamespace = 'billing'::regnamespace and proowner <> 'billing_owner'::regrole
  loop
    execute format('alter %s owner to billing_owner', object.name);
    if object.name like 'routine %' then
      execute format('revoke all on %s from public', object.name);
    end if;
  end loop;
end
$procedure$


CREATE OR REPLACE FUNCTION billing.transition(before jsonb, after jsonb)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case
    when (after ->> 'entitled')::boolean and not coalesce((before ->> 'entitled')::boolean, false) then 'SUBSCRIPTION_ACTIVATED'
    when billing.is_over(after) and not billing.is_over(before) then 'SUBSCRIPTION_CANCELLED'
    else 'SUBSCRIPTION_UPDATED'
  end;
end
$function$


CREATE OR REPLACE FUNCTION billing.trim_ledger(most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  oldest constant timestamptz := now() - make_interval(days => (select ledger_days from billing.retention));
  removed integer;
begin
  delete from billing.events
  where event_id in (select event_id from billing.events where committed_at < oldest order by committed_at limit most);
  get diagnostics removed = row_count;
  return removed;
end
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.user_of(subscription billing.subscriptions, customer billing.customers)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  buyer text;
begin
  if subscription.metadata_user_id is not null then
    return subscription.metadata_user_id;
  end if;
  if customer.metadata_user_id is not null then
    return customer.metadata_user_id;
  end if;
  select user_id into buyer from billing.checkouts as session
  where session.subscription_id = subscription.subscription_id and session.user_id is not null and session.mode = 'subscription'
  order by session.as_of, session.session_id collate "C" limit 1;
  return coalesce(buyer, customer.session_user_id);
end
$function$


CREATE OR REPLACE FUNCTION billing.without_erased(fact jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  alias constant text := billing.pseudonym_of(fact ->> 'customer_id');
begin
  if fact ->> 'kind' = 'due' then
    return case when exists (select from billing.user_plans where user_id = fact ->> 'user_id')
      or exists (select from billing.subscriptions where user_id = fact ->> 'user_id') then fact end;
  end if;
  if exists (select from billing.erasures where pseudonym = alias) then
    fact := fact || jsonb_build_object('customer_id', alias);
  elsif fact ->> 'kind' is distinct from 'checkout' then
    return fact;
  elsif not exists (select from billing.erasures where pseudonym = billing.pseudonym_of(fact ->> 'session_id')) then
    return fact;
  end if;
  if fact -> 'snapshot' ? 'metadata_user_id' then
    fact := jsonb_set(fact, '{snapshot,metadata_user_id}', 'null');
  end if;
  return fact || (select coalesce(jsonb_object_agg(key, null), '{}') from unnest(array['user_id', 'metadata_user_id']) as key where fact ? key);
end
$function$


CREATE OR REPLACE FUNCTION billing.without_user(after text, most integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
-- executable by stripe_writer

CREATE OR REPLACE FUNCTION billing.write_plan_event(event jsonb, event_type text, of_user text, subject billing.subscriptions, payload jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.write_purchases(invoices text[], OUT before billing.purchases[], OUT after billing.purchases[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$


CREATE OR REPLACE FUNCTION billing.write_subscription(next billing.subscriptions)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into billing.subscriptions (subscription_id, customer_id, livemode, as_of, source_event_id, source_type, ticket_issued, ticket_applied, status, metadata_user_id, price_id, lookup_key, quantity, currency, amount_minor, monthly_minor, billing_interval, interval_count, current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, cancellation_reason, ended_at, trial_start, trial_end, started_at, latest_invoice_id, collection_paused, plan_id, tier, tier_rank, grace_days, features, plan_unknown, user_id, grace_ends_at, entitled_until, precedence, trial_ending_at, trial_ending_notified, scheduled_change) values (next.subscription_id, next.customer_id, next.livemode, next.as_of, next.source_event_id, next.source_type, next.ticket_issued, next.ticket_applied, next.status, next.metadata_user_id, next.price_id, next.lookup_key, next.quantity, next.currency, next.amount_minor, next.monthly_minor, next.billing_interval, next.interval_count, next.current_period_start, next.current_period_end, next.cancel_at_period_end, next.cancel_at, next.canceled_at, next.cancellation_reason, next.ended_at, next.trial_start, next.trial_end, next.started_at, next.latest_invoice_id, next.collection_paused, next.plan_id, next.tier, next.tier_rank, next.grace_days, next.features, next.plan_unknown, next.user_id, next.grace_ends_at, next.entitled_until, next.precedence, next.trial_ending_at, next.trial_ending_notified, next.scheduled_change)
  on conflict (subscription_id) do update set (subscription_id, customer_id, livemode, as_of, source_event_id, source_type, ticket_issued, ticket_applied, status, metadata_user_id, price_id, lookup_key, quantity, currency, amount_minor, monthly_minor, billing_interval, interval_count, current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, cancellation_reason, ended_at, trial_start, trial_end, started_at, latest_invoice_id, collection_paused, plan_id, tier, tier_rank, grace_days, features, plan_unknown, user_id, grace_ends_at, entitled_until, precedence, trial_ending_at, trial_ending_notified, scheduled_change) = row(next.subscription_id, next.customer_id, next.livemode, next.as_of, next.source_event_id, next.source_type, next.ticket_issued, next.ticket_applied, next.status, next.metadata_user_id, next.price_id, next.lookup_key, next.quantity, next.currency, next.amount_minor, next.monthly_minor, next.billing_interval, next.interval_count, next.current_period_start, next.current_period_end, next.cancel_at_period_end, next.cancel_at, next.canceled_at, next.cancellation_reason, next.ended_at, next.trial_start, next.trial_end, next.started_at, next.latest_invoice_id, next.collection_paused, next.plan_id, next.tier, next.tier_rank, next.grace_days, next.features, next.plan_unknown, next.user_id, next.grace_ends_at, next.entitled_until, next.precedence, next.trial_ending_at, next.trial_ending_notified, next.scheduled_change);
end
$function$



-- Settings of roles

alter role stripe_writer set idle_in_transaction_session_timeout=10s
alter role stripe_writer set lock_timeout=8s
alter role stripe_writer set statement_timeout=10s
