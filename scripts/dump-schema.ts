/**
 * Prints what the migrations make, to supabase/schema.sql: so that a diff shows a migration's effect. `npm run schema` writes it,
 * test/database/schema.test.ts compares it. For reading, not for running: the migrations are what is applied.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations } from '../adapters/postgres/migrations.ts';
import { startPostgres } from '../local/backends/postgres-server.ts';
import { describeSchema } from '../test/support/describe-schema.ts';

const root = join(import.meta.dirname, '..');
const server = await startPostgres();
const client = new pg.Client(server.url);
try {
  await client.connect();
  await client.query(readFileSync(join(root, 'supabase/local-shim.sql'), 'utf8'));
  await applyMigrations(client);
  writeFileSync(join(root, 'supabase/schema.sql'), await describeSchema(client));
} finally {
  await client.end();
  await server.remove();
}
