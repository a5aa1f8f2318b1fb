import { readFileSync } from 'node:fs';
import pg from 'pg';
import { applyMigrations } from '../adapters/postgres/migrations.ts';
import { type PostgresServer, startPostgres } from '../local/backends/postgres-server.ts';

/**
 * The oldest Postgres that is supported, which is where plans are not cached as they are in 18. The disk is not what is compared: nothing waits for
 * it (`fsync` off), and all else is as it comes.
 */
export const startMeasuredPostgres = (settings: readonly string[] = []): Promise<PostgresServer> =>
  startPostgres({
    version: 15,
    settings: ['full_page_writes=on', 'shared_buffers=512MB', 'max_wal_size=4GB', 'autovacuum=off', ...settings],
  });

/** Runs `work` on one connection. */
export async function connected<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Creates a database; with all migrations, or as a copy of another one. */
export async function createDatabase(server: PostgresServer, name: string, template?: string): Promise<string> {
  await connected(server.url, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}${template ? ` template ${template}` : ''}`);
  });
  return databaseUrl(server, name);
}

export const databaseUrl = (server: PostgresServer, name: string): string => server.url.replace(/postgres$/, name);

export async function migrate(url: string, checkout = `${import.meta.dirname}/..`): Promise<void> {
  await connected(url, async (client) => {
    await client.query(readFileSync(`${checkout}/supabase/local-shim.sql`, 'utf8'));
    await applyMigrations(client, `${checkout}/supabase/migrations`);
  });
}

/** Microseconds of processor that a process has used so far; null where the system does not say (other than Linux). */
export function processorMicros(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
  } catch {
    return null;
  }
}

/** The server processes of all other connections to the same database, and how far its log of changes is. */
export async function serverUse(client: pg.ClientBase): Promise<{ micros: number; walBytes: number }> {
  const { rows } = await client.query<{ pids: number[]; wal: string }>(
    `select array_agg(pid) as pids, pg_current_wal_lsn() - '0/0' as wal from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  );
  const micros = (rows[0]!.pids ?? []).reduce((sum, pid) => sum + (processorMicros(pid) ?? Number.NaN), 0);
  return { micros, walBytes: Number(rows[0]!.wal) };
}
