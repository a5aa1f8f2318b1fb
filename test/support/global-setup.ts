import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations } from '../../adapters/postgres/migrations.ts';
import { startPostgres } from '../../local/backends/postgres-server.ts';

/** One real Postgres server per run, with a migrated database that every test file clones. */
export default async function globalSetup(): Promise<void> {
  const server = await startPostgres();
  (globalThis as { postgres?: unknown }).postgres = server;
  process.env.TEST_POSTGRES_URL = server.url;
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query('create database template_billing');
  await admin.end();
  const template = new pg.Client(server.url.replace(/postgres$/, 'template_billing'));
  await template.connect();
  await template.query(readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
  await applyMigrations(template);
  // Supabase users set this password by hand (docs/…); the local server trusts loopback.
  await template.end();
}
