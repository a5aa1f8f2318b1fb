import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { readMigrations } from '../../adapters/postgres/migrations.ts';
import { startPostgres } from '../../local/backends/postgres-server.ts';
import { onServer } from '../support/on-server.ts';
import type { Database } from './database.ts';
import { watchOver } from './watch.ts';

export type ScratchDatabase = Database & { close(): Promise<void> };

/** A Postgres server of one's own, outside of jest, on which to open databases whose migrations one may change before. */
export async function scratchServer() {
  const server = await startPostgres();
  const migrations = readMigrations().map(({ sql }) => sql);
  let count = 0;
  return {
    /** `change` gets all migrations as one text. */
    async open(change: (sql: string) => string = (sql) => sql): Promise<ScratchDatabase> {
      const name = `scratch_${++count}`;
      await onServer(server.url, `create database ${name}`);
      const url = server.url.replace(/postgres$/, name);
      await onServer(url, readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
      await onServer(url, change(migrations.join('\n')));
      const admin = new pg.Pool({ connectionString: url, max: 4 });
      const writer = new pg.Pool({ connectionString: url.replace('postgres@', 'stripe_writer@'), max: 12 });
      // Idle connections die with the database; the next query reports what matters.
      for (const pool of [admin, writer]) pool.on('error', () => {});
      await watchOver({ admin, writer });
      return {
        admin,
        writer,
        async close() {
          await Promise.all([admin.end(), writer.end()]);
          await onServer(server.url, `drop database ${name} with (force)`);
        },
      };
    },
    remove: () => server.remove(),
  };
}
