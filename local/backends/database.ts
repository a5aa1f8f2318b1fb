import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { applyMigrations } from '../../adapters/postgres/migrations.ts';
import { connectPool } from '../../adapters/postgres/pool.ts';
import type { Shutdown } from '../shutdown.ts';
import { type PlanStateReader, planStateReader } from './plan-states.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/** Postgres as the local run sees it: migrated, readable, and, when it is our own server, stoppable. */
export interface LocalDatabase extends PlanStateReader {
  /** What the functions connect with. */
  readonly url: string;
  /** False for a database of the user's: that one is not ours to stop. */
  readonly ours: boolean;
  readonly running: boolean;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface DatabaseOptions {
  /** `DATABASE_URL` of the user's own. */
  ownUrl: string | undefined;
  shutdown: Shutdown;
  /** A sentence about something that went wrong, or is well again. */
  complain(text: string): void;
}

const shim = join(import.meta.dirname, '../../supabase/local-shim.sql');

/**
 * A server of our own, or the database that `ownUrl` names; all migrations applied.
 * @throws {Error} saying what is wrong with the database or the migration.
 */
export async function openDatabase({ ownUrl, shutdown, complain }: DatabaseOptions): Promise<LocalDatabase> {
  if (ownUrl !== undefined) {
    if (!/^postgres(ql)?:\/\/[^/]+\/./.test(ownUrl))
      throw new Error('DATABASE_URL: wanted postgres://user:password@host:port/database.');
    const pool = await migrated(ownUrl, shutdown);
    return { url: ownUrl, ours: false, running: true, stop: notOurs, start: notOurs, ...planStateReader(pool) };
  }
  const password = randomUUID();
  let running = true;
  const server = await startPostgres({
    password,
    onCrash(how) {
      running = false;
      complain(`Postgres ended (${how}), which nobody here asked for; it is being started again.`);
      void startAgain(server, shutdown).then(
        () => {
          running = true;
          complain('Postgres runs again; what waited heals by itself.');
        },
        (error: Error) => complain(`Postgres does not start again: ${error.message}`),
      );
    },
  });
  shutdown.add('Postgres', () => server.remove());
  const pool = await migrated(server.url, shutdown);
  await pool.query(`alter role stripe_writer password '${password}'`);
  return {
    url: server.url.replace('//postgres:', '//stripe_writer:'),
    ours: true,
    get running() {
      return running;
    },
    async stop() {
      running = false;
      await server.stop('immediate');
    },
    async start() {
      await server.start();
      running = true;
    },
    ...planStateReader(pool),
  };
}

/** After a kill the old server's own processes hold its shared memory until they notice, which takes them moments. */
const ATTEMPTS_TO_START = 20;
const MS_BETWEEN_ATTEMPTS = 500;

async function startAgain(server: PostgresServer, shutdown: Shutdown): Promise<void> {
  for (let attempt = 1; !shutdown.begun; attempt++) {
    try {
      return await server.start();
    } catch (error) {
      if (attempt === ATTEMPTS_TO_START) throw error;
      await sleep(MS_BETWEEN_ATTEMPTS);
    }
  }
}

const notOurs = () =>
  Promise.reject(new Error('DATABASE_URL names a database of your own; the local run does not stop or start it.'));

async function migrated(url: string, shutdown: Shutdown): Promise<pg.Pool> {
  const pool = connectPool(url, null, 2);
  shutdown.add('connections to Postgres', () => pool.end());
  const client = await pool.connect().catch((cause: Error) => {
    throw new Error(`Cannot connect to ${withoutPassword(url)}: ${cause.message || String(cause)}`, { cause });
  });
  try {
    const { rows } = await client.query<{ supabase: boolean }>(
      `select to_regnamespace('auth') is not null as supabase`,
    );
    if (!rows[0]?.supabase) await client.query(readFileSync(shim, 'utf8'));
    await applyMigrations(client);
  } finally {
    client.release();
  }
  return pool;
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^:/@]*):[^@]*@/, '$1:…@');
}
