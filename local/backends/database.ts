import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { applyMigrations } from '../../adapters/postgres/migrations.ts';
import { connectPool } from '../../adapters/postgres/pool.ts';
import type { Shutdown } from '../shutdown.ts';
import { startPostgres } from './postgres-server.ts';

/** One row of `billing.plan_states`, times in ISO 8601. */
export interface PlanState {
  user_id: string | null;
  customer_id: string;
  subscription_id: string;
  plan_id: string | null;
  tier: string | null;
  status: string;
  entitled: boolean;
  current_period_end: string | null;
  as_of: string | null;
}

/** Postgres as the local run sees it: migrated, readable, and, when it is our own server, stoppable. */
export interface LocalDatabase {
  /** What the functions connect with. */
  readonly url: string;
  /** False for a database of the user's: that one is not ours to stop. */
  readonly ours: boolean;
  readonly running: boolean;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Every plan state by user; while the server is down, those that were read last. */
  planStates(): Promise<PlanState[]>;
  /** How many plan events these users have; a replay must not add to them. */
  planEventCount(userIds: string[]): Promise<number>;
}

const shim = join(import.meta.dirname, '../../supabase/local-shim.sql');

/**
 * A server of our own, or the database that `ownUrl` names; all migrations applied.
 * @throws {Error} saying what is wrong with the database or the migration.
 */
export async function openDatabase(ownUrl: string | undefined, shutdown: Shutdown): Promise<LocalDatabase> {
  if (ownUrl !== undefined) {
    if (!/^postgres(ql)?:\/\/[^/]+\/./.test(ownUrl))
      throw new Error('DATABASE_URL: wanted postgres://user:password@host:port/database.');
    const pool = await migrated(ownUrl, shutdown);
    return { url: ownUrl, ours: false, running: true, stop: notOurs, start: notOurs, ...reader(pool) };
  }
  const server = await startPostgres();
  shutdown.add('Postgres', () => server.remove());
  const pool = await migrated(server.url, shutdown);
  let running = true;
  return {
    url: server.url.replace('//postgres@', '//stripe_writer@'),
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
    ...reader(pool),
  };
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

function reader(pool: pg.Pool): Pick<LocalDatabase, 'planStates' | 'planEventCount'> {
  let last: PlanState[] = [];
  return {
    async planStates() {
      let rows: (Omit<PlanState, 'current_period_end' | 'as_of'> & {
        current_period_end: Date | null;
        as_of: Date | null;
      })[];
      try {
        ({ rows } = await pool.query(
          `select user_id, customer_id, subscription_id, plan_id, tier, status, entitled, current_period_end, as_of
           from billing.plan_states order by user_id nulls last, customer_id`,
        ));
      } catch (error) {
        if (isOutage(error)) return last;
        throw error;
      }
      last = rows.map((row) => ({ ...row, current_period_end: iso(row.current_period_end), as_of: iso(row.as_of) }));
      return last;
    },
    async planEventCount(userIds) {
      const { rows } = await pool.query<{ count: number }>(
        'select count(*)::int as count from billing.plan_events where user_id = any($1)',
        [userIds],
      );
      return rows[0]!.count;
    },
  };
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

/** The server is down, stopping or starting: a socket's code, SQLSTATE classes 08 and 57, or the driver's own words, which have no code. */
function isOutage(error: unknown): boolean {
  const { code, message } = error as Error & { code?: string };
  return code === undefined ? /terminated|timeout/i.test(message) : /^(E[A-Z]+|08...|57...)$/.test(code);
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^:/@]*):[^@]*@/, '$1:…@');
}
