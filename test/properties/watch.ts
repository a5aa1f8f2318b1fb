import type { Database } from './database.ts';

/**
 * Triggers that look over the apply function's shoulder: no write may bring a subscription back from its end or move it to an
 * earlier second. They refuse the write, so that the delivery that did it fails by name.
 *
 * Subscriptions of namespaces that begin with `r` are repaired from a wrong reading on purpose, and not watched.
 */
export async function watchOver({ admin }: Database): Promise<void> {
  await admin.query(`
    create schema if not exists proof;
    grant usage on schema proof to public;
    create or replace function proof.watch() returns trigger language plpgsql as $$
    begin
      if new.subscription_id like 'sub\\_r%' then
        return new;
      end if;
      if old.status in ('canceled', 'incomplete_expired') and new.status not in ('canceled', 'incomplete_expired') then
        raise exception 'REVIVED: % went from % to %', new.subscription_id, old.status, new.status;
      end if;
      if new.as_of < old.as_of and not (new.status in ('canceled', 'incomplete_expired') and old.status not in ('canceled', 'incomplete_expired')) then
        raise exception 'WENT BACK: % went from % to %', new.subscription_id, old.as_of, new.as_of;
      end if;
      return new;
    end $$;
    create or replace trigger watch before update on billing.subscriptions for each row execute function proof.watch();`);
}
