import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { readMigrations } from '../../adapters/postgres/migrations.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let url: string;
beforeEach(async () => {
  pipeline = await startPipeline();
  url = await emptyDatabase();
});
afterEach(() => pipeline.close());

const files = readMigrations().map(({ version, name }) => `${version}_${name}.sql`);

it('shows what is pending and applies nothing', async () => {
  const { code, json } = await pipeline.run('migrate', '--database-url', url, '--json');
  expect(code).toBe(1);
  expect(json.plan).toMatchObject({ applied: [], pending: files, unknown: [] });
  expect(json.plan.database).not.toContain('postgres:');
  expect(await query(url, `select to_regnamespace('billing') is null as absent`)).toEqual([{ absent: true }]);
});

it('applies them in order, notes them where the Supabase CLI does, and then has nothing to do', async () => {
  const { code, json } = await pipeline.run('migrate', '--database-url', url, '--apply', '--json');
  expect(code).toBe(0);
  expect(json.result.applied).toEqual(files);
  const noted = await query(url, 'select version, name from supabase_migrations.schema_migrations order by version');
  expect(noted.map(({ version, name }) => `${version}_${name}.sql`)).toEqual(files);
  const again = await pipeline.run('migrate', '--database-url', url, '--apply');
  expect(again.code).toBe(0);
  expect(again.out).toContain('Nothing to do.');
});

it('may run twice at once', async () => {
  const both = await Promise.all([1, 2].map(() => pipeline.run('migrate', '--database-url', url, '--apply', '--json')));
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  const applied = both.flatMap(({ json }) => json.result?.applied ?? []).sort();
  expect(applied).toEqual(files);
});

it("takes the Supabase CLI's word for what is applied, and warns of what it does not know", async () => {
  await pipeline.run('migrate', '--database-url', url, '--apply');
  await query(
    url,
    `insert into supabase_migrations.schema_migrations (version, name) values ('20991231000000', 'of_another_branch')`,
  );
  await query(
    url,
    `delete from supabase_migrations.schema_migrations where version = (select min(version) from supabase_migrations.schema_migrations)`,
  );
  const { out } = await pipeline.run('migrate', '--database-url', url);
  expect(out).toContain(`Pending: ${files[0]}`);
  expect(out).toContain('Applied there, unknown here: 20991231000000');
  expect(out).toContain('it is ahead, or another branch was pushed');
});

it.each([
  [[], 'no_database_url'],
  [['--database-url', 'not a url'], 'database_url_invalid'],
  [['--database-url', 'postgres://postgres:x@127.0.0.1:6543/postgres'], 'transaction_pooler'],
  [['--database-url', 'postgres://postgres:x@127.0.0.1:1/postgres'], 'unreachable'],
])('refuses %j', async (args, reason) => {
  const { code, json } = await pipeline.run('migrate', ...args, '--json');
  expect(code).toBe(2);
  expect(json.error.code).toBe(reason);
});

it('never shows the password', async () => {
  const { out, err } = await pipeline.run(
    'migrate',
    '--database-url',
    'postgres://postgres:hunter2@127.0.0.1:1/postgres',
  );
  expect(out + err).not.toContain('hunter2');
});

let count = 0;

/** A database as a new Supabase project has it. */
async function emptyDatabase(): Promise<string> {
  const server = process.env.TEST_POSTGRES_URL!;
  const name = `migrate_${process.pid}_${++count}`;
  await query(server, `create database ${name}`);
  const own = server.replace(/postgres$/, name);
  await query(own, readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
  return own;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows ?? [];
  } finally {
    await client.end();
  }
}
