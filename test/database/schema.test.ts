import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations, migrationStatus, readMigrations } from '../../adapters/postgres/migrations.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { describeSchema } from '../support/describe-schema.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

// Postgres 15 writes the same views in other words: the text is the newest's.
const onNewest = process.env.POSTGRES ? it.skip : it;
onNewest(
  'makes what supabase/schema.sql shows; after a new migration run `npm run schema` and read the diff',
  async () => {
    expect(await describeSchema(db.admin)).toBe(
      readFileSync(join(import.meta.dirname, '../../supabase/schema.sql'), 'utf8'),
    );
  },
);

it('notes every migration where the Supabase CLI looks, and finds nothing to do the second time', async () => {
  const client = new pg.Client(db.adminUrl);
  await client.connect();
  try {
    expect(await applyMigrations(client)).toEqual([]);
    expect(await migrationStatus(client)).toEqual({
      applied: readMigrations().map(({ version }) => version),
      pending: [],
      unknown: [],
    });
  } finally {
    await client.end();
  }
});

it('applies each migration once when two people migrate at the same time', async () => {
  const name = `migrate_twice_${process.pid}`;
  await db.admin.query(`create database ${name}`);
  const url = db.adminUrl.replace(/[^/]+$/, name);
  const clients = [new pg.Client(url), new pg.Client(url)];
  try {
    await Promise.all(clients.map((client) => client.connect()));
    await clients[0]!.query(readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
    const applied = await Promise.all(clients.map((client) => applyMigrations(client)));
    expect(applied.map((migrations) => migrations.length).sort()).toEqual([0, readMigrations().length]);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
    await db.admin.query(`drop database ${name} with (force)`);
  }
});
