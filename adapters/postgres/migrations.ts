import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientBase } from 'pg';
import { PipelineError } from '../../core/errors.ts';

/** One file of `supabase/migrations`: `<version>_<name>.sql`, version being `YYYYMMDDhhmmss`. */
export interface Migration {
  version: string;
  name: string;
  sql: string;
}

export interface MigrationStatus {
  applied: string[];
  pending: Migration[];
  /** Versions that the database has and this checkout lacks: the database is ahead, or another branch was pushed. */
  unknown: string[];
}

export const migrationsFolder = join(import.meta.dirname, '../../supabase/migrations');

/** Held while migrating, so that two runs at once wait for each other. The number is arbitrary, and ours alone. */
const MIGRATION_LOCK = 7_713_420_211;

/**
 * The migrations of a folder, oldest first.
 * @throws {Error} naming the files that are not named as the Supabase CLI wants them.
 */
export function readMigrations(folder = migrationsFolder): Migration[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  const odd = files.filter((file) => !/^\d{14}_[a-z0-9_]+\.sql$/.test(file));
  if (odd.length > 0)
    throw new Error(`Not a migration's name: ${odd.join(', ')} in ${folder}. Wanted: <YYYYMMDDhhmmss>_<what>.sql`);
  return files.map((file) => ({
    version: file.slice(0, 14),
    name: file.slice(15, -4),
    sql: readFileSync(join(folder, file), 'utf8'),
  }));
}

/** What is applied and what is not, by the Supabase CLI's own table. Reads only. */
export async function migrationStatus(client: ClientBase, folder = migrationsFolder): Promise<MigrationStatus> {
  const { rows } = await client.query(
    `select to_regclass('supabase_migrations.schema_migrations') is not null as present`,
  );
  const applied: string[] = rows[0].present
    ? (await client.query('select version from supabase_migrations.schema_migrations order by version')).rows.map(
        (row) => row.version,
      )
    : [];
  const migrations = readMigrations(folder);
  return {
    applied,
    pending: migrations.filter(({ version }) => !applied.includes(version)),
    unknown: applied.filter((version) => !migrations.some((migration) => migration.version === version)),
  };
}

/**
 * Applies what is pending, each migration in a transaction of its own, and notes it where `supabase migration list` looks.
 *
 * Safe to run twice at once: the second waits, then finds nothing to do. Needs a session connection (not the transaction pooler).
 * @returns the migrations it applied, oldest first.
 * @throws {PipelineError} `migration_failed`, with the migration's file name and what Postgres said; that migration is rolled back, the ones before it stay.
 */
export async function applyMigrations(client: ClientBase, folder = migrationsFolder): Promise<Migration[]> {
  await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(`
      create schema if not exists supabase_migrations;
      create table if not exists supabase_migrations.schema_migrations
        (version text not null primary key, statements text[], name text);`);
    const { pending } = await migrationStatus(client, folder);
    for (const migration of pending) await applyMigration(client, migration);
    return pending;
  } finally {
    await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}

async function applyMigration(client: ClientBase, { version, name, sql }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query(
      'insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)',
      [version, name, [sql]],
    );
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback');
    throw new PipelineError(
      'migration_failed',
      'never',
      `Migration ${version}_${name}.sql failed and was rolled back: ${(cause as Error).message}`,
      { cause },
    );
  }
}
