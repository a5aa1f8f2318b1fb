import pg from 'pg';
import { applyMigrations, migrationStatus } from '../../adapters/postgres/migrations.ts';
import { connectionOptions } from '../../adapters/postgres/pool.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/report.ts';
import { confirmationOf, projectOf } from './target.ts';

export interface MigratePlan {
  /** Host, port and name; never the password. */
  database: string;
  /** Supabase's name of the project; null for any other Postgres. */
  project: string | null;
  applied: string[];
  pending: string[];
  /** Versions that the database has and this checkout lacks. */
  unknown: string[];
}

export interface MigrateResult {
  applied: string[];
}

/** The pooler's transaction mode listens there: it keeps no session, so the lock that makes two runs wait would hold nothing. */
const TRANSACTION_POOLER_PORT = 6543;

/**
 * Applies `supabase/migrations`, noting each where the Supabase CLI notes it too; the two may take turns.
 *
 * Needs the owner of the schema (Supabase: `postgres`) over a session connection; never the handlers' role.
 */
export async function planMigrate(
  databaseUrl: string | undefined,
  ca: string | null,
): Promise<Change<MigratePlan, MigrateResult>> {
  if (!databaseUrl) {
    throw new Refusal(
      'no_database_url',
      'Whose database? Migrations need the owner of the schema, whose password the pipeline does not hold.',
      'Set MIGRATION_DATABASE_URL=postgres://postgres:<password>@<host>:5432/postgres, or pass --database-url.',
    );
  }
  const options = ownerOptions(databaseUrl, ca);
  if (options.port === TRANSACTION_POOLER_PORT) {
    throw new Refusal(
      'transaction_pooler',
      'Port 6543 is the transaction pooler, on which a migration cannot keep its lock.',
      'Use the session connection: the same host with port 5432.',
    );
  }
  const { applied, pending, unknown } = await withClient(options, migrationStatus);
  return {
    plan: {
      database: `${options.host}:${options.port}/${options.database}`,
      project: projectOf(options),
      applied,
      pending: pending.map(fileOf),
      unknown,
    },
    steps: pending.map((migration) => `Apply ${fileOf(migration)}.`),
    warnings:
      unknown.length > 0
        ? [
            `The database has ${unknown.join(', ')}, which this checkout lacks: it is ahead, or another branch was pushed. Look before you apply.`,
          ]
        : [],
    found: pending.length > 0 ? [`${pending.length} migrations are not applied.`] : [],
    ...confirmationOf(options),
    async act() {
      const done = await withClient(options, (client) => applyMigrations(client));
      return { data: { applied: done.map(fileOf) }, found: [] };
    },
  };
}

/** @throws {Refusal} when the URL is none; the text shows no part of it. */
function ownerOptions(databaseUrl: string, ca: string | null): pg.ClientConfig {
  try {
    return connectionOptions(databaseUrl, ca);
  } catch (cause) {
    throw new Refusal(
      'database_url_invalid',
      'MIGRATION_DATABASE_URL (or --database-url) is not a Postgres URL.',
      'Wanted: postgres://postgres:<password>@<host>:5432/postgres, with special characters of the password %-encoded.',
      { cause },
    );
  }
}

const fileOf = ({ version, name }: { version: string; name: string }): string => `${version}_${name}.sql`;

async function withClient<T>(options: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  // A migration may take as long as it takes; the handlers' limit is not for it.
  const { query_timeout: _handlers, ...rest } = options;
  const client = new pg.Client(rest);
  // Reported by the query that meets it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
