import { join } from 'node:path';
import pg from 'pg';
import { readEnvelope } from '../../core/stripe/envelope.ts';
import { readFact } from '../../core/stripe/read-fact.ts';
import { byWorker } from '../../core/workers.ts';
import { catalogue } from '../../test/support/catalogue.ts';
import { source } from '../../test/support/event-processor.ts';
import { reference } from '../reference/reference.ts';
import type { System } from './system.ts';

/** Each gets a database of its own, and as many connections as messages are in flight. */
export const systems = {
  ours,
  reference: async (url: string, connections: number) => (await reference()).open(url, connections),
  floor,
  before: ours,
};
export type SystemName = keyof typeof systems;

/** This product, or another checkout of it: what a worker does with a message, without AWS around it. */
async function ours(url: string, connections: number, checkout = join(import.meta.dirname, '../..')): Promise<System> {
  const { processEvent } = await part<typeof import('../../pipeline/process-event.ts')>('pipeline/process-event.ts');
  const { Gathering } = await part<typeof import('../../pipeline/apply-together.ts')>('pipeline/apply-together.ts');
  const { testProcessor } = await part<typeof import('../../test/support/event-processor.ts')>(
    'test/support/event-processor.ts',
  );
  const pool = new pg.Pool({
    connectionString: url.replace('postgres@', 'stripe_writer@'),
    max: connections,
    idleTimeoutMillis: 0,
  });
  const published = async () => {};
  const processors = byWorker((worker) => testProcessor(pool, { worker, publish: published }));
  return {
    apply: ({ worker, body }) => processEvent(processors[worker], body),
    async applyBatch(messages) {
      const gathering = new Gathering(processors.billing, messages.length);
      await Promise.all(messages.map(({ worker, body }) => processEvent(processors[worker], body, gathering.apply)));
    },
    close: () => pool.end(),
  };

  function part<Module>(path: string): Promise<Module> {
    return import(join(checkout, path));
  }
}

/** The least that stores an event once and its state in order: the same parsing, then one prepared call of a short function. */
async function floor(url: string, connections: number): Promise<System> {
  const pool = new pg.Pool({ connectionString: url, max: connections, idleTimeoutMillis: 0 });
  return {
    apply({ body }) {
      const { detail } = readEnvelope(body, [source]);
      const fact = readFact(detail, catalogue);
      const object = detail.data.object as { id: string; customer?: string; status?: string; amount?: number };
      return pool.query({
        name: 'apply',
        text: 'select floor.apply($1, $2, $3, $4, $5, $6, $7)',
        values: [
          detail.id,
          detail.type,
          detail.created,
          object.customer,
          object.id,
          object.status ?? fact?.kind,
          object.amount ?? 0,
        ],
      });
    },
    close: () => pool.end(),
  };
}

export const floorSchema = `
create schema floor;
create table floor.events (
  event_id text primary key, type text not null, created timestamptz not null, customer_id text, committed_at timestamptz not null default clock_timestamp());
create table floor.objects (object_id text primary key, as_of timestamptz not null, event_id text not null, status text, amount_minor bigint);
create function floor.apply(of_event text, of_type text, at bigint, of_customer text, of_object text, now_is text, amount bigint) returns text
language plpgsql as $$
begin
  insert into floor.events values (of_event, of_type, to_timestamp(at), of_customer) on conflict do nothing;
  if not found then
    return 'duplicate';
  end if;
  insert into floor.objects as kept values (of_object, to_timestamp(at), of_event, now_is, amount)
  on conflict (object_id) do update set as_of = excluded.as_of, event_id = excluded.event_id, status = excluded.status, amount_minor = excluded.amount_minor
  where excluded.as_of >= kept.as_of;
  return case when found then 'applied' else 'stale' end;
end
$$`;
