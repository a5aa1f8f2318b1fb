import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeEach(async () => {
  [pipeline, database] = await Promise.all([startPipeline(), freshDatabase()]);
});
afterEach(async () => {
  await pipeline.close();
  await database.close();
});

const key = 'sk_test_ThisIsNotARealKey4242';
const held = () => JSON.parse(pipeline.aws.secret) as Record<string, string>;
/** In a secret that no function may read. */
const heldForTheApi = () => JSON.parse(pipeline.aws.apiKeySecret) as Record<string, string>;

it('says what is set without showing it', async () => {
  const { code, json } = await pipeline.run('secrets', '--json');
  expect(code).toBe(1);
  expect(json.found).toEqual(['DATABASE_URL: is not set']);
  expect(json.data.values).toEqual([
    { name: 'DATABASE_URL', set: false, shown: 'empty', problem: 'is not set', advice: null },
    { name: 'STRIPE_SECRET_KEY', set: true, shown: 'sk_test_…4242', problem: null, advice: null },
    { name: 'API_KEY', set: false, shown: 'empty', problem: null, advice: null },
  ]);
});

it('uses what is stored, and calls nothing fine that Postgres or Stripe refuses', async () => {
  const wrongPassword = `postgres://stripe_writer:hunter2@${new URL(database.writerUrl).host}/nowhere`;
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: wrongPassword, STRIPE_SECRET_KEY: 'sk_test_ofSomebodyElse' });
  const { code, json, out } = await pipeline.run('secrets', '--json');
  expect(code).toBe(1);
  expect(json.found).toEqual([
    'DATABASE_URL: does not connect from here: Postgres refused: database "nowhere" does not exist (SQLSTATE 3D000).',
    'STRIPE_SECRET_KEY: does not read subscriptions: Stripe does not accept the key.',
  ]);
  expect(out).not.toContain('hunter2');
});

it('writes what the variables of its own give, keeps the rest, and shows no value', async () => {
  const url = database.writerUrl.replace('stripe_writer@', 'stripe_writer:hunter2@');
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: key, OF_OTHERS: 'kept' });
  pipeline.aws.apiKeySecret = JSON.stringify({ API_KEY: 'old' });
  // What any other tool of the same shell may have set.
  Object.assign(pipeline.variables, { API_KEY: "another tool's", DATABASE_URL: 'postgres://me@another/database' });
  pipeline.variables.PIPELINE_DATABASE_URL = url;
  const plan = await pipeline.run('secrets');
  expect(plan.out).toMatch(/1\. Set DATABASE_URL in the secret \(postgres:\/\/stripe_writer:…@127\.0\.0\.1/);
  expect(plan.out).not.toContain('API_KEY in the secret');
  expect(held().DATABASE_URL).toBe('');
  const { code, out, err } = await pipeline.run('secrets', '--apply');
  expect(code).toBe(0);
  expect(out + err).not.toContain('hunter2');
  expect(held()).toEqual({ DATABASE_URL: url, STRIPE_SECRET_KEY: key, OF_OTHERS: 'kept' });
  expect(heldForTheApi()).toEqual({ API_KEY: 'old' });
});

it('says of Supabase’s direct address that the functions cannot reach it, and stores it if told so', async () => {
  pipeline.variables.PIPELINE_DATABASE_URL = 'postgres://stripe_writer:x@db.abcdefghij.supabase.co:5432/postgres';
  const refused = await pipeline.run('secrets', '--apply');
  expect([refused.code, held().DATABASE_URL]).toEqual([2, '']);
  const { out } = await pipeline.run('secrets', '--force');
  expect(out).toMatch(/DATABASE_URL is Supabase’s direct address, which is IPv6 only .* take the transaction pooler/);
  pipeline.variables.PIPELINE_DATABASE_URL = database.writerUrl;
  expect((await pipeline.run('secrets')).out).not.toContain('direct address');
});

it('takes a plain name from the shell only when it is named', async () => {
  Object.assign(pipeline.variables, { API_KEY: 'of the apps', DATABASE_URL: database.writerUrl });
  expect((await pipeline.run('secrets', '--only', 'API_KEY', '--apply')).code).toBe(0);
  expect(held().DATABASE_URL).toBe('');
  expect(heldForTheApi()).toEqual({ API_KEY: 'of the apps' });
  const { code, err } = await pipeline.run('secrets', '--only', 'APIKEY', '--apply');
  expect(code).toBe(2);
  expect(err).toContain('"APIKEY": wanted one or more of DATABASE_URL,STRIPE_SECRET_KEY,API_KEY.');
});

it('gives a new API key to the connection that posts plan events, which has a copy of its own', async () => {
  [...pipeline.aws.stacks.values()][0]!.outputs.ApiConnectionName = 'huntaze-stripe-api-dev';
  pipeline.variables.PIPELINE_API_KEY = 'topsecret';
  const plan = await pipeline.run('secrets');
  expect(plan.out).toContain('Give API_KEY to the connection huntaze-stripe-api-dev');
  expect(pipeline.aws.connections.size).toBe(0);
  const { code, out, err } = await pipeline.run('secrets', '--apply');
  expect(code).toBe(0);
  expect(out + err).not.toContain('topsecret');
  expect(pipeline.aws.connections.get('huntaze-stripe-api-dev')).toEqual({
    ApiKeyAuthParameters: { ApiKeyName: 'x-api-key', ApiKeyValue: 'topsecret' },
  });
});

it('asks for the values on a terminal, and leaves what is left empty', async () => {
  pipeline.answering(database.writerUrl, '', 'api-key');
  expect((await pipeline.run('secrets', '--apply')).code).toBe(0);
  expect(held()).toEqual({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: key });
  expect(heldForTheApi()).toEqual({ API_KEY: 'api-key' });
});

it('asks only for those that were named', async () => {
  pipeline.answering('api-key');
  expect((await pipeline.run('secrets', '--apply', '--only', 'API_KEY')).code).toBe(0);
  expect(held()).toEqual({ DATABASE_URL: '', STRIPE_SECRET_KEY: key });
  expect(heldForTheApi()).toEqual({ API_KEY: 'api-key' });
});

it.each([
  [
    { STRIPE_SECRET_KEY: 'sk_live_abc' },
    'STRIPE_SECRET_KEY: The Stripe key is a live-mode key; "dev" wants test mode.',
  ],
  [{ STRIPE_SECRET_KEY: 'pk_test_abc' }, 'STRIPE_SECRET_KEY: That is not a Stripe secret key (sk_… or rk_…).'],
  [
    { STRIPE_SECRET_KEY: 'sk_test_rolled' },
    'STRIPE_SECRET_KEY does not read subscriptions: Stripe does not accept the key.',
  ],
  [
    { DATABASE_URL: 'db.example.com' },
    'DATABASE_URL: is not a URL; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres',
  ],
  [
    { DATABASE_URL: 'postgres://postgres:x@db.example.com/postgres' },
    'DATABASE_URL: connects as "postgres"; the handlers must be stripe_writer, which may do nothing but apply events',
  ],
  [
    { DATABASE_URL: 'postgres://stripe_writer:100%@127.0.0.1/postgres' },
    'DATABASE_URL: cannot be taken apart; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres, with special characters',
  ],
  [
    { DATABASE_URL: 'postgres://stripe_writer:x@127.0.0.1:1/postgres' },
    'DATABASE_URL does not connect from here: A server cannot be reached',
  ],
  [{}, 'There is nothing to set.'],
])('refuses %j and writes nothing', async (values, message) => {
  for (const [name, value] of Object.entries(values)) pipeline.variables[`PIPELINE_${name}`] = value;
  const { code, err } = await pipeline.run('secrets', '--apply');
  expect(code).toBe(2);
  expect(err).toContain(message);
  expect(pipeline.aws.asked).not.toContain('PutSecretValue');
});

it('stores with --force what only the functions can reach, and says so first', async () => {
  pipeline.variables.PIPELINE_DATABASE_URL = 'postgres://stripe_writer:x@127.0.0.1:1/postgres';
  const { code, out } = await pipeline.run('secrets', '--apply', '--force');
  expect(code).toBe(0);
  expect(out).toContain('--force: DATABASE_URL is stored though it does not connect from here');
  expect(held().DATABASE_URL).toBe('postgres://stripe_writer:x@127.0.0.1:1/postgres');
});

it('writes nothing when nothing is new', async () => {
  pipeline.variables.PIPELINE_STRIPE_SECRET_KEY = key;
  const { code, out } = await pipeline.run('secrets', '--apply');
  expect(code).toBe(0);
  expect(out).toContain('Nothing to do.');
});

it('recommends a restricted key where a full one holds the live account', async () => {
  const prod = await startPipeline('prod');
  try {
    expect((await prod.run('secrets')).out).toMatch(
      /sk_live_…4242 +may do anything in the Stripe account; a restricted key/,
    );
  } finally {
    await prod.close();
  }
});

it('says in words that the secret is not JSON, with a command that exists', async () => {
  pipeline.aws.secret = 'postgres://…';
  const { code, err } = await pipeline.run('secrets');
  expect(code).toBe(2);
  expect(err).toContain('is not JSON, so no function can read it.');
  expect(err).toContain('`npm run ops -- secrets --apply --env dev` then asks for each value.');
});
