-- How long the ledger is kept. One new table and one function: safe while live.
--
-- What the ledger is needed for: a live delivery that comes twice is a duplicate without any further question (Stripe sends again for up to 30 days);
-- the comparison with Stripe sees that an event was missed (Stripe lists 30 days); `ops why` and `ops event` tell a story. What decides which of two
-- states is the later stands in the rows themselves, so an event that comes after its ledger row is gone is stale or changes nothing, as in a replay.

create table billing.retention (
  single_row boolean primary key default true check (single_row),
  -- 400: the story of a yearly renewal and of the one before. Thirty-one is the least: as long as Stripe may send or list an event.
  ledger_days integer not null default 400 check (ledger_days >= 31)
);
comment on table billing.retention is 'Settings of whoever owns the schema; no handler may change them.';
insert into billing.retention default values;
alter table billing.retention enable row level security;
create policy every_row on billing.retention for select to billing_reader using (true);
grant select on billing.retention to billing_reader, service_role;

-- Takes the oldest rows beyond that out of the ledger, at most so many; answers how many. The handlers' clock calls it every five minutes. How long
-- is not theirs to say: whoever has their password cannot delete what is younger.
create function billing.trim_ledger(most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  oldest constant timestamptz := now() - make_interval(days => (select ledger_days from billing.retention));
  removed integer;
begin
  delete from billing.events
  where event_id in (select event_id from billing.events where committed_at < oldest order by committed_at limit most);
  get diagnostics removed = row_count;
  return removed;
end
$$;

call billing.take_ownership();
grant execute on function billing.trim_ledger(integer) to stripe_writer;
comment on role stripe_writer is
  'The handlers: may execute billing.apply_events, compare, due_users, trim_ledger, the five functions of the comparison with Stripe and the three that tell stories, and nothing else.';
