-- The app's own: what it heard, and rows that only some plans may have.
create table if not exists public.heard_plans (
  user_id text primary key,
  version bigint not null,
  plan jsonb not null
);
-- Only the server writes and reads it.
alter table public.heard_plans enable row level security;

create table if not exists public.exports (
  id bigint generated always as identity primary key,
  user_id uuid not null default auth.uid(),
  name text not null
);
alter table public.exports enable row level security;
drop policy if exists own_exports on public.exports;
create policy own_exports on public.exports for select to authenticated using (user_id = (select auth.uid()));
-- A gated row: nobody below PREMIUM can make one, whatever the app's code says.
drop policy if exists exports_for_premium on public.exports;
create policy exports_for_premium on public.exports for insert to authenticated
  with check (user_id = (select auth.uid()) and (select has_plan('PREMIUM')));
