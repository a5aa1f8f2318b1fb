import { applyMigrations, migrationStatus } from '../../adapters/postgres/migrations.ts';
import type { Change } from '../cli/verb-report.ts';
import { asOwner, ownerOptions, placeOf } from '../deployment/owner-database.ts';
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

/**
 * Applies `supabase/migrations`, noting each where the Supabase CLI notes it too; the two may take turns.
 *
 * Needs the owner of the schema (Supabase: `postgres`) over a session connection; never the handlers' role.
 */
export async function planMigrate(
  databaseUrl: string | undefined,
  ca: string | null,
): Promise<Change<MigratePlan, MigrateResult>> {
  const options = ownerOptions(databaseUrl, ca, 'Migrations need');
  const { applied, pending, unknown } = await asOwner(options, migrationStatus);
  return {
    plan: {
      database: placeOf(options),
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
      const done = await asOwner(options, (client) => applyMigrations(client));
      return { data: { applied: done.map(fileOf) }, found: [] };
    },
  };
}

const fileOf = ({ version, name }: { version: string; name: string }): string => `${version}_${name}.sql`;
