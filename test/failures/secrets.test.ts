import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { secretReader } from '../../adapters/aws/secret-reader.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { isLoginRefused, poolKeeper } from '../../adapters/postgres/pool.ts';
import { startAwsEndpoint } from '../../local/backends/aws-endpoint.ts';
import { LOCAL_CREDENTIALS } from '../../local/backends/loopback-guard.ts';
import { Shutdown } from '../../local/shutdown.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const shutdown = new Shutdown();
const secrets = new Map<string, string>();
let db: TestDatabase;
let client: SecretsManagerClient;

beforeAll(async () => {
  db = await freshDatabase();
  const endpoint = await startAwsEndpoint({ secrets, busNames: [], onPutEvent: () => {}, shutdown });
  client = new SecretsManagerClient({ endpoint, region: 'us-east-1', credentials: LOCAL_CREDENTIALS });
});
afterAll(async () => {
  client.destroy();
  await shutdown.run();
  await db.close();
});

it('takes a rotated password up with the event that meets it first, and asks for a wrong one once in ten seconds', async () => {
  let now = 0;
  const reader = secretReader(client, 'secret', () => now);
  const pools = poolKeeper(null, 1);
  const opened = new Set<{ end(): Promise<void> }>();
  const store = planStore({
    query: (text, values) =>
      reader.freshOn(isLoginRefused, async () => {
        const pool = pools((await reader.read()).DATABASE_URL);
        opened.add(pool);
        return pool.query(text, values);
      }),
  });
  const compare = () => store.compare({ event_ids: ['evt_1'], subscription_ids: [] });
  const rotate = (role: string) =>
    secrets.set('secret', JSON.stringify({ DATABASE_URL: db.writerUrl.replace('stripe_writer', role) }));
  rotate('stripe_writer');
  expect(await compare()).toMatchObject({ missing_event_ids: ['evt_1'] });

  // The old login is refused from here on, as after a rotation.
  rotate('rotated_away');
  now += 6 * 60_000;
  await expect(compare()).rejects.toMatchObject({ code: 'database_28000', retry: 'later' });
  rotate('stripe_writer');
  now += 9_000;
  await expect(compare()).rejects.toMatchObject({ code: 'database_28000', retry: 'later' });
  now += 2_000;
  expect(await compare()).toMatchObject({ missing_event_ids: ['evt_1'] });
  for (const pool of opened) await pool.end().catch(() => {});
});

it('takes up a secret that was empty as soon as it is filled, and asks for an empty one once in ten seconds', async () => {
  let now = 0;
  const reader = secretReader(client, 'secret', () => now);
  const pools = poolKeeper(null, 1);
  const look = () =>
    reader.freshOn(
      isLoginRefused,
      async () => (await pools((await reader.read()).DATABASE_URL).query('select 1 as one')).rows,
    );
  secrets.set('secret', JSON.stringify({ DATABASE_URL: '' }));
  await expect(look()).rejects.toMatchObject({ code: 'secret_not_set', retry: 'later' });
  secrets.set('secret', JSON.stringify({ DATABASE_URL: db.writerUrl }));
  now += 9_000;
  await expect(look()).rejects.toMatchObject({ code: 'secret_not_set' });
  now += 2_000;
  expect(await look()).toEqual([{ one: 1 }]);
  await pools(db.writerUrl).end();
});
