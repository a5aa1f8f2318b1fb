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
  [['--database-url', 'postgres://postgres:100%@127.0.0.1/postgres'], 'database_url_invalid'],
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

describe('on a database that is not on this machine', () => {
  const owner = 'postgres://postgres.abcdefgh:hunter2@aws-0-eu-central-1.pooler.supabase.com:5432/postgres';

  /** The plan is of the real, local database; only where it would be is given. */
  async function confirmedFor(url: string, options: { typed?: string; yes?: boolean }) {
    const real = await emptyDatabase();
    const { planMigrate } = await import('../../ops/migrate/migrate.ts');
    const plan = await planMigrate(real, null);
    const { CommandRunner } = await import('../../ops/cli/command-runner.ts');
    const { confirmationOf } = await import('../../ops/migrate/target.ts');
    const { connectionOptions } = await import('../../adapters/postgres/pool.ts');
    const asked: string[] = [];
    const said: string[] = [];
    const runner = new CommandRunner(
      {
        variables: {},
        terminal: {
          out: () => {},
          err: (text) => void said.push(text),
          interactive: options.typed !== undefined,
          colour: false,
          ask: async (question) => {
            asked.push(question);
            return options.typed ?? '';
          },
          askSecret: async () => '',
          readerGone: () => false,
          progress: () => ({ wait: async () => false, ask: async () => 'go on', progress: () => {}, done: () => {} }),
        },
      },
      'migrate',
      { env: 'dev', app: 'huntaze', json: false, apply: true, yes: options.yes ?? false },
    );
    const code = await runner.change(async () => ({ ...plan, ...confirmationOf(connectionOptions(url, null)) }), {
      plan: () => '',
      result: () => '',
    });
    const [{ absent } = {}] = await query(real, `select to_regnamespace('billing') is null as absent`);
    return { code, asked, said: said.join('\n'), applied: absent === false };
  }

  it('applies nothing where nobody can type its name, whatever --env is', async () => {
    const { code, said, applied } = await confirmedFor(owner, {});
    expect({ code, applied }).toEqual({ code: 2, applied: false });
    expect(said).toContain(
      'This changes the database postgres on aws-0-eu-central-1.pooler.supabase.com. Nobody can be asked here.',
    );
    expect(said).not.toContain('hunter2');
  });

  it.each([
    [owner, 'abcdefgh'],
    ['postgres://postgres:hunter2@db.abcdefgh.supabase.co:5432/postgres', 'abcdefgh'],
    ['postgres://postgres:hunter2@postgres.example.com/billing', 'postgres.example.com'],
  ])('asks for the project, or else the host, of %s', async (url, answer) => {
    const typed = await confirmedFor(url, { typed: answer });
    expect(typed.asked[0]).toContain(`Type "${answer}" to go on:`);
    expect(typed).toMatchObject({ code: 0, applied: true });
    expect(await confirmedFor(url, { typed: 'dev' })).toMatchObject({ code: 2, applied: false });
  });

  it('takes --yes for the answer', async () => {
    expect(await confirmedFor(owner, { yes: true })).toMatchObject({ code: 0, asked: [], applied: true });
  });
});

it('says in a sentence which migration failed, and that it was rolled back', async () => {
  // Somebody made a table by hand where a migration makes its own.
  await query(url, 'create schema billing; create table billing.subscriptions (id text)');
  const { code, err } = await pipeline.run('migrate', '--database-url', url, '--apply');
  expect(code).toBe(2);
  expect(err).toMatch(/^Migration \d+_\w+\.sql failed and was rolled back: .*already exists/m);
  expect(err).toContain('The migrations before it stay applied.');
  expect(err).not.toContain('    at ');
});

it('says in a sentence that Postgres refused who we say we are', async () => {
  const { code, json } = await pipeline.run('migrate', '--database-url', `${url}_gone`, '--json');
  expect(code).toBe(2);
  expect(json.error.code).toBe('database_3D000');
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
