-- The tables of the pipeline. New schema, so safe while live.
--
-- Every row that Stripe's events move carries `as_of`: the second in which Stripe says that state began (event.created).
-- No clock of ours decides which of two states is the later. Money is in minor units (cents). No name, e-mail address or card detail is kept.

create schema billing;
comment on schema billing is 'Plan state as Stripe tells it. Written by billing.apply_events alone; not exposed through the API.';

create table billing.events (
  event_id text primary key,
  type text not null,
  created timestamptz not null,
  livemode boolean not null,
  api_version text,
  worker text not null,
  origin text not null check (origin in ('webhook', 'replay', 'reconcile', 'backfill', 'clock')),
  replay_name text,
  customer_id text,
  object_id text,
  outcome text not null check (outcome in ('applied', 'duplicate', 'stale', 'refetched', 'ignored', 'parked')),
  -- Which branch of the order rule spoke, or why the event was ignored or parked.
  reason text,
  -- What was held against it, where something was.
  held_event_id text,
  held_as_of timestamptz,
  arrived_at timestamptz not null,
  committed_at timestamptz not null default clock_timestamp()
);
comment on table billing.events is 'The ledger: every Stripe event that a worker settled, once, with how it ended.';
-- For what was settled lately, and for what is old enough to go. Not a BRIN index: once old rows make room for new ones, their order is lost.
create index events_committed_at on billing.events (committed_at);
create index events_customer on billing.events (customer_id, created);

-- A row for every customer that any event named: the row that is locked while the customer's events are applied. What Stripe told of the customer
-- itself is null until then.
create table billing.customers (
  customer_id text primary key,
  metadata_user_id text,
  deleted boolean,
  livemode boolean,
  as_of timestamptz,
  source_event_id text,
  -- How far along in its life (billing.progress): decides within one second.
  progress bigint[],
  -- Derived: the user of the customer's earliest completed Checkout session for a subscription.
  session_user_id text,
  -- Derived: whose payments these are.
  user_id text
);
create index customers_user on billing.customers (user_id);

create table billing.checkouts (
  session_id text primary key,
  mode text not null,
  customer_id text,
  subscription_id text,
  user_id text,
  -- expired | unpaid (waits for the bank) | failed | complete
  status text not null check (status in ('expired', 'unpaid', 'failed', 'complete')),
  currency text,
  amount_minor bigint,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index checkouts_customer on billing.checkouts (customer_id);
create index checkouts_subscription on billing.checkouts (subscription_id);

create table billing.subscriptions (
  subscription_id text primary key,
  customer_id text not null,
  livemode boolean not null,

  -- The order rule's own columns. as_of is null while we know no more than the name (a checkout came first).
  as_of timestamptz,
  -- The event this row stems from; null when it stems from a fetch.
  source_event_id text,
  source_type text,
  ticket_issued integer not null default 0,
  ticket_applied integer not null default 0,

  -- What Stripe said, in Stripe's words.
  status text check (status in ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')),
  metadata_user_id text,
  price_id text,
  lookup_key text,
  quantity integer,
  currency text,
  amount_minor bigint,
  -- Of all items, discounts that we know taken off, by the month (a year is twelve, a week 12/52).
  monthly_minor bigint,
  billing_interval text,
  interval_count integer,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at_period_end boolean,
  cancel_at timestamptz,
  canceled_at timestamptz,
  cancellation_reason text,
  ended_at timestamptz,
  trial_start timestamptz,
  trial_end timestamptz,
  started_at timestamptz,
  latest_invoice_id text,
  -- Invoices are made and not collected (pause_collection), though the status stays.
  collection_paused boolean,

  -- What the catalogue makes of the prices. A price that it lacks keeps the plan held before, by Stripe's seconds.
  plan_id text,
  tier text,
  -- The tier's place in the catalogue's list, the least first.
  tier_rank integer,
  grace_days integer,
  features jsonb,
  plan_unknown boolean,

  -- What we derive from this row and its neighbours.
  user_id text,
  grace_ends_at timestamptz,
  -- Until when the plan may be used, if nothing else happens.
  entitled_until timestamptz,
  -- Which of a user's subscriptions stands for the plan: the greatest that is entitled, else the greatest.
  precedence bigint,
  -- The trial end that customer.subscription.trial_will_end announced, and the one that the apps were notified of.
  trial_ending_at timestamptz,
  trial_ending_notified timestamptz
);
create index subscriptions_customer on billing.subscriptions (customer_id);
create index subscriptions_user on billing.subscriptions (user_id, precedence desc, subscription_id desc);
comment on column billing.subscriptions.monthly_minor is 'What finance calls MRR, while the status is active or past_due.';

-- Every snapshot that Stripe ever told of a subscription, by its own second: a set, whatever the order of arrival. The row above needs the order
-- rule; this needs none.
create table billing.subscription_history (
  subscription_id text not null,
  as_of timestamptz not null,
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
  cancel_at timestamptz,
  cancellation_reason text,
  primary key (subscription_id, as_of, source_event_id)
);

create table billing.invoices (
  invoice_id text primary key,
  customer_id text,
  subscription_id text,
  status text not null,
  -- What the apps must tell the customer: payment_failed, action_required, or nothing.
  problem text check (problem in ('payment_failed', 'action_required')),
  attempt_count integer not null,
  currency text not null,
  amount_due_minor bigint not null,
  amount_paid_minor bigint not null,
  created timestamptz not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null,
  -- The problem and the attempt that the apps were notified of, as `payment_failed#2`.
  notified_problem text
);
create index invoices_customer on billing.invoices (customer_id);
create index invoices_unpaid on billing.invoices (subscription_id, created) where status = 'open';
create index invoices_with_problem on billing.invoices (subscription_id) where problem is not null;

create table billing.payments (
  payment_id text primary key,
  -- charge | payment_intent. Money is counted from charges; the intents tell attempts.
  object text not null check (object in ('charge', 'payment_intent')),
  customer_id text,
  payment_intent_id text,
  invoice_id text,
  status text not null,
  failure_code text,
  currency text not null,
  amount_minor bigint not null,
  amount_refunded_minor bigint not null,
  created timestamptz not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index payments_customer on billing.payments (customer_id);
create index payments_intent on billing.payments (payment_intent_id);
create index payments_created on billing.payments (created) where object = 'charge';

-- Which payment paid which invoice: since API 2025-03-31 neither says so itself.
create table billing.invoice_payments (
  invoice_payment_id text primary key,
  invoice_id text not null,
  payment_intent_id text,
  charge_id text,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index invoice_payments_intent on billing.invoice_payments (payment_intent_id);

create table billing.refunds (
  refund_id text primary key,
  charge_id text,
  payment_intent_id text,
  status text not null,
  currency text not null,
  amount_minor bigint not null,
  created timestamptz not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index refunds_charge on billing.refunds (charge_id);
create index refunds_created on billing.refunds (created);

create table billing.disputes (
  dispute_id text primary key,
  charge_id text,
  payment_intent_id text,
  status text not null,
  reason text,
  currency text not null,
  amount_minor bigint not null,
  created timestamptz not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  progress bigint[] not null
);
create index disputes_charge on billing.disputes (charge_id);

-- What the catalogue says of those without a subscription, and the names of its tiers, the least first. One row; the handlers keep it as config/plans.yaml has it.
create table billing.catalogue (
  single_row boolean primary key default true check (single_row),
  default_plan_id text,
  tiers text[] not null,
  default_features jsonb not null
);
insert into billing.catalogue (tiers, default_features) values (array['FREE'], '{}');

-- One row a user: what the apps were notified of last.
create table billing.user_plans (
  user_id text primary key,
  -- Grows with every message, and past any version that was ever given out, also after a restored backup: see billing.next_version.
  version bigint not null default 0,
  state jsonb,
  -- When the state changes by time alone: the end of a grace period, or a cancellation that was set for a date.
  changes_at timestamptz
);
create index user_plans_due on billing.user_plans (changes_at) where changes_at is not null;

create table billing.plan_events (
  id uuid primary key default gen_random_uuid(),
  sequence bigint generated always as identity,
  event_type text not null check (event_type in
    ('SUBSCRIPTION_ACTIVATED', 'SUBSCRIPTION_UPDATED', 'SUBSCRIPTION_CANCELLED', 'TRIAL_ENDING', 'PAYMENT_FAILED', 'PAYMENT_ACTION_REQUIRED')),
  user_id text not null,
  version bigint not null,
  occurred_at timestamptz not null,
  plan jsonb not null,
  payload jsonb not null,
  app_source text not null default 'website',
  metadata jsonb not null,
  subscription_id text,
  source_event_id text not null,
  replay_name text,
  created_at timestamptz not null default clock_timestamp(),
  unique (user_id, version)
);
comment on table billing.plan_events is 'What the apps are notified of, of the shape in config/plan-events.yaml; published on the app bus by the worker.';
create index plan_events_source on billing.plan_events (source_event_id);
