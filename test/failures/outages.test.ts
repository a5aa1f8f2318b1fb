import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { SQSRecord } from 'aws-lambda';
import pg from 'pg';
import { applyMigrations } from '../../adapters/postgres/migrations.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { connectPool } from '../../adapters/postgres/pool.ts';
import { PipelineError } from '../../core/errors.ts';
import type { PostgresServer } from '../../local/backends/postgres-server.ts';
import { startPostgres } from '../../local/backends/postgres-server.ts';
import { processBatch } from '../../pipeline/process-batch.ts';
import { processEvent, recordParked } from '../../pipeline/process-event.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** The database refusing, slow, failing over, deadlocking; the app bus and Stripe failing (docs/architecture.md). A server of this file's own. */

let server: PostgresServer;
let admin: pg.Pool;
let writer: pg.Pool;
let n = 0;

beforeAll(async () => {
  server = await startPostgres();
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
  await applyMigrations(client);
  await client.end();
});
afterAll(() => server.remove());
beforeEach(() => {
  n += 1;
  admin = connectPool(server.url, null, 4);
  writer = connectPool(server.url.replace('postgres@', 'stripe_writer@'), null, 4);
});
afterEach(async () => {
  await Promise.all([admin.end(), writer.end()]);
});

const message = (id = 'a', created = 100, status = 'active') =>
  envelope(subscriptionEvent(`evt_${n}_${id}`, 'updated', created, { id: `sub_${n}`, customer: `cus_${n}`, status }));
const later = (code: string | RegExp) => expect.objectContaining({ retry: 'later', code: expect.stringMatching(code) });
const status = async () =>
  (await admin.query('select status from billing.subscriptions where subscription_id = $1', [`sub_${n}`])).rows[0]
    ?.status;

it('waits while the database is down, and settles on the same pool when it is back', async () => {
  await server.stop('immediate');
  await expect(processEvent(testProcessor(writer), message())).rejects.toEqual(later('database_unreachable'));
  await server.start();
  expect((await processEvent(testProcessor(writer), message())).outcome).toBe('applied');
});

/** What the apply function locks first: the customer's own row, made where it is not there. */
const lockCustomer = `insert into billing.customers (customer_id) values ($1) on conflict (customer_id) do update set customer_id = excluded.customer_id`;

it('waits when the server goes away in the middle of a call, and nothing is half done', async () => {
  await processEvent(testProcessor(writer), message());
  // The customer's lock held by somebody else: our call hangs in it, then the server crashes.
  const holder = await admin.connect();
  holder.on('error', () => {});
  await holder.query('begin');
  await holder.query(lockCustomer, [`cus_${n}`]);
  const pending = processEvent(testProcessor(writer), message('b', 101));
  const failed = expect(pending).rejects.toEqual(later(/^database_/));
  await waitFor(
    async () =>
      (await admin.query(`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`)).rows[0]
        .n === 1,
  );
  await server.stop('immediate');
  await failed;
  holder.release(true);
  await server.start();
  expect((await processEvent(testProcessor(writer), message('b', 101))).outcome).toBe('applied');
});

it('waits while the database only reads (a failover under way)', async () => {
  await admin.query('alter role stripe_writer set default_transaction_read_only = on');
  const readOnly = connectPool(server.url.replace('postgres@', 'stripe_writer@'), null, 1);
  try {
    await expect(processEvent(testProcessor(readOnly), message())).rejects.toEqual(later('database_25006'));
  } finally {
    await admin.query('alter role stripe_writer reset default_transaction_read_only');
    await readOnly.end();
  }
  expect((await processEvent(testProcessor(writer), message())).outcome).toBe('applied');
});

it('waits when the pooler has no connection left', async () => {
  await admin.query('alter role stripe_writer connection limit 0');
  const crowded = connectPool(server.url.replace('postgres@', 'stripe_writer@'), null, 1);
  try {
    await expect(processEvent(testProcessor(crowded), message())).rejects.toEqual(later('database_53300'));
  } finally {
    await admin.query('alter role stripe_writer connection limit -1');
    await crowded.end();
  }
});

it('gives up on a database that hangs before the function times out', async () => {
  await admin.query(`alter role stripe_writer set statement_timeout = '300ms'`);
  const impatient = connectPool(server.url.replace('postgres@', 'stripe_writer@'), null, 1);
  const holder = await admin.connect();
  try {
    await holder.query('begin');
    await holder.query(lockCustomer, [`cus_${n}`]);
    await expect(processEvent(testProcessor(impatient), message())).rejects.toEqual(later('database_57014'));
  } finally {
    await holder.query('rollback');
    holder.release();
    await admin.query(`alter role stripe_writer set statement_timeout = '10s'`);
    await impatient.end();
  }
});

it('waits when the network swallows everything', async () => {
  const sockets: Socket[] = [];
  const hole: Server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(hole, 'listening');
  const { port } = hole.address() as AddressInfo;
  const lost = new pg.Pool({ host: '127.0.0.1', port, user: 'x', database: 'x', connectionTimeoutMillis: 300 });
  try {
    await expect(processEvent(testProcessor(lost), message())).rejects.toEqual(later('database_unreachable'));
  } finally {
    for (const socket of sockets) socket.destroy();
    hole.close();
    await lost.end();
  }
});

it('waits after a deadlock, which Postgres breaks, and settles at the next attempt', async () => {
  await processEvent(testProcessor(writer), message());
  // Somebody's manual update in the opposite order: a row first, then the customer's lock.
  const other = await admin.connect();
  await other.query('begin');
  await other.query(`set local deadlock_timeout = '10s'`);
  await other.query('update billing.subscriptions set quantity = 1 where subscription_id = $1', [`sub_${n}`]);
  const first = processEvent(testProcessor(writer), message('b', 101));
  const failed = expect(first).rejects.toEqual(later('database_40P01'));
  await waitFor(
    async () =>
      (await admin.query(`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`)).rows[0]
        .n === 1,
  );
  const held = other.query(lockCustomer, [`cus_${n}`]);
  await failed;
  await held;
  await other.query('rollback');
  other.release();
  expect((await processEvent(testProcessor(writer), message('b', 101))).outcome).toBe('applied');
});

it('never tries again what the database will always refuse, and notes it as parked', async () => {
  await admin.query(`create function billing.refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
    create trigger refuse before insert on billing.subscriptions for each row when (new.subscription_id = 'sub_${n}') execute function billing.refuse()`);
  try {
    await expect(processEvent(testProcessor(writer), message())).rejects.toMatchObject({
      retry: 'never',
      code: 'database_23514',
      message: expect.not.stringMatching('sub_'),
    });
  } finally {
    await admin.query('drop trigger refuse on billing.subscriptions; drop function billing.refuse');
  }
});

it('parks under its own reason what the ledger itself refuses, and says that it has no row', async () => {
  await admin.query(`create function billing.refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '22P05'; end $$;
    create trigger refuse before insert on billing.events for each row when (new.event_id = 'evt_${n}_a') execute function billing.refuse()`);
  try {
    const error = await processEvent(testProcessor(writer), message()).catch((thrown) => thrown);
    expect(await recordParked(testProcessor(writer), message(), error)).toMatchObject({
      retry: 'never',
      code: 'database_22P05',
      message: expect.stringMatching(/The ledger has no row of it: Postgres: the database refused a value/),
    });
  } finally {
    await admin.query('drop trigger refuse on billing.events; drop function billing.refuse');
  }
});

it('leaves to the queue what the database cannot note while it is down', async () => {
  const nowhere = connectPool('postgres://u@127.0.0.1:1/db', null, 1);
  const error = new PipelineError('handler_bug', 'never', 'a bug');
  await expect(recordParked(testProcessor(nowhere), message(), error)).rejects.toEqual(later('database_unreachable'));
  await nowhere.end();
});

it('keeps the database right while the app bus is down, and publishes when it is back', async () => {
  const down = testProcessor(writer, {
    publish: async () => {
      throw new PipelineError('app_bus_unavailable', 'later', 'down');
    },
  });
  await expect(processEvent(down, message())).rejects.toEqual(later('app_bus_unavailable'));
  expect(await status()).toBe('active');
  const up = testProcessor(writer);
  expect((await processEvent(up, message())).outcome).toBe('duplicate');
  expect(up.published).toMatchObject([{ event_type: 'SUBSCRIPTION_ACTIVATED' }]);
});

it('lets a later event overtake one that waits for Stripe, which makes the question needless', async () => {
  const throttled = {
    stripe: {
      subscription: async () => {
        throw new PipelineError('stripe_429', 'later', 'throttled');
      },
    },
  };
  await processEvent(testProcessor(writer), message('a', 100));
  await expect(processEvent(testProcessor(writer, throttled), message('b', 100, 'past_due'))).rejects.toEqual(
    later('stripe_429'),
  );
  expect((await processEvent(testProcessor(writer, throttled), message('c', 101))).outcome).toBe('applied');
  expect((await processEvent(testProcessor(writer, throttled), message('b', 100, 'past_due'))).outcome).toBe('stale');
});

it('settles good records beside poison ones in one batch', async () => {
  const parked: string[] = [];
  const good = [1, 2, 3].map((i) =>
    envelope(subscriptionEvent(`evt_${n}_${i}`, 'updated', 100, { id: `sub_${n}_${i}`, customer: `cus_${n}_${i}` })),
  );
  const bodies = [
    good[0]!,
    '{"not":"an event"}',
    good[1]!,
    'not json',
    envelope({ ...subscriptionEvent(`evt_${n}_p`, 'updated', 100), data: { object: { id: 'sub_x' } } }),
    good[2]!,
  ];
  const records = bodies.map(
    (body, index) =>
      ({ messageId: String(index), body, attributes: { ApproximateReceiveCount: '1' } }) as unknown as SQSRecord,
  );
  const processor = testProcessor(writer);
  const { batchItemFailures } = await processBatch(
    records,
    processor,
    ({ body }, applyOne) => processEvent(processor, body, applyOne),
    { defer: async () => {}, park: async ({ messageId }, { code }) => void parked.push(`${messageId} ${code}`) },
    { settled: () => {}, parked: () => {}, deferred: () => {} },
  );
  expect(batchItemFailures).toEqual([]);
  expect(parked.sort()).toEqual(['1 unreadable_event', '3 unreadable_event', '4 unreadable_event']);
  expect(
    (
      await admin.query(
        `select count(*)::int as n from billing.subscriptions where subscription_id like 'sub_${n}\\_%'`,
      )
    ).rows[0].n,
  ).toBe(3);
});

it('redrives a parked event after the fix: the ledger does not call it a duplicate', async () => {
  await planStore(writer).apply([
    {
      event: {
        id: `evt_${n}_a`,
        type: 'customer.subscription.updated',
        created: 100,
        livemode: false,
        api_version: null,
        arrived_at: '2026-11-20T10:00:00Z',
        replay_name: null,
        origin: 'webhook',
        worker: 'billing',
        parked: 'handler_bug',
      },
      fact: null,
    },
  ]);
  expect((await processEvent(testProcessor(writer), message())).outcome).toBe('applied');
  expect((await admin.query('select outcome from billing.events where event_id = $1', [`evt_${n}_a`])).rows).toEqual([
    { outcome: 'applied' },
  ]);
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('Waited 5 s in vain');
}
