-- The tables of the pipeline. New schema, so safe while live.
--
-- Every row that Stripe's events move carries `as_of`: the second in which Stripe says that state began (event.created).
-- No clock of ours takes part in any decision. Money is in minor units (cents). No name, e-mail address or card detail is kept.

create schema billing;
comment on schema billing is 'Plan state as Stripe tells it. Written by billing.apply_event alone; not exposed through the API.';

create table billing.events (
  event_id text primary key,
  type text not null,
  created timestamptz not null,
  livemode boolean not null,
  api_version text,
  worker text not null,
  origin text not null check (origin in ('webhook', 'replay', 'reconcile')),
  replay_name text,
  customer_id text,
  object_id text,
  outcome text not null check (outcome in ('applied', 'duplicate', 'stale', 'refetched', 'ignored', 'parked')),
  reason text,
  arrived_at timestamptz not null,
  committed_at timestamptz not null default clock_timestamp()
);
comment on table billing.events is 'The ledger: every Stripe event that a worker settled, once, with how it ended.';
create index events_committed_at on billing.events (committed_at);
create index events_customer on billing.events (customer_id, created);

create table billing.customers (
  customer_id text primary key,
  metadata_user_id text,
  deleted boolean not null,
  livemode boolean not null,
  as_of timestamptz not null,
  source_event_id text not null,
  -- How far along in its life (billing.progress): decides within one second.
  progress bigint[] not null
);

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
  billing_interval text,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at_period_end boolean,
  cancel_at timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  trial_start timestamptz,
  trial_end timestamptz,
  started_at timestamptz,
  latest_invoice_id text,

  -- What the catalogue makes of the price; null when it lacks it (an unknown price is never silently free).
  plan_id text,
  tier text check (tier in ('FREE', 'PREMIUM', 'PREMIUM_PLUS')),
  grace_days integer,

  -- What we derive from this row and its neighbours of the same customer.
  user_id text,
  grace_ends_at timestamptz,
  -- The state that the apps were last told of, so that every change is told once.
  announced jsonb
);
create index subscriptions_customer on billing.subscriptions (customer_id);
create index subscriptions_user on billing.subscriptions (user_id);

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
  announced_problem text
);
create index invoices_subscription on billing.invoices (subscription_id);
create index invoices_to_announce on billing.invoices (customer_id) where problem is not null;

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
create index payments_created on billing.payments (created) where object = 'charge';

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

create table billing.plan_events (
  id uuid primary key default gen_random_uuid(),
  sequence bigint generated always as identity,
  event_type text not null check (event_type in
    ('SUBSCRIPTION_ACTIVATED', 'SUBSCRIPTION_UPDATED', 'SUBSCRIPTION_CANCELLED', 'PAYMENT_FAILED', 'PAYMENT_ACTION_REQUIRED')),
  user_id text not null,
  payload jsonb not null,
  app_source text not null default 'website',
  metadata jsonb not null,
  subscription_id text,
  source_event_id text not null,
  replay_name text,
  created_at timestamptz not null default clock_timestamp()
);
comment on table billing.plan_events is 'What the apps are told, of the shape in config/plan-events.yaml; published on the app bus by the worker.';
create index plan_events_source on billing.plan_events (source_event_id);
create index plan_events_user on billing.plan_events (user_id, sequence);
