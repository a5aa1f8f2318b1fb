import { once } from 'node:events';
import pg from 'pg';
import { prepareDemonstration } from '../../local/demonstration/demonstration.ts';
import { spawnLocalRun } from './local-run.ts';

describe('the demonstration', () => {
  it('is several hundred events of at least eight customers, out of order, with duplicates, as Stripe sends them today', () => {
    const { deliveries, expected } = prepareDemonstration('');
    expect(expected.length).toBeGreaterThanOrEqual(8);
    expect(deliveries.length).toBeGreaterThan(300);
    expect(new Set(deliveries.map(({ id }) => id)).size).toBeLessThan(deliveries.length - 40);
    const early = deliveries.filter(({ created }, index) => index > 0 && created < deliveries[index - 1]!.created);
    expect(early.length).toBeGreaterThan(100);
    // Nothing lies in the future, and the whole sign-up through Checkout is there.
    expect(deliveries.filter(({ created }) => typeof created === 'number' && created * 1000 > Date.now())).toEqual([]);
    const signUp = deliveries.filter(
      (event) => JSON.stringify(event).includes('ada') && event.created < Date.now() / 1000 - 60 * 86_400,
    );
    expect(new Set(signUp.map(({ type }) => type)).size).toBeGreaterThanOrEqual(14);
  });

  it('ends with 0 when every state is as expected, on a database of its own', async () => {
    const { code, output } = await demonstrate();
    expect(output).toContain('Postgres is killed');
    expect(output).toContain('Every plan state is as expected, and the replay changed nothing.');
    expect(output).toMatch(/user_ivy +│ PREMIUM_PLUS │ active/);
    expect(code).toBe(0);
  }, 180_000);

  it('runs on a database of the user’s, leaves it running, and ends with 1 and the state that differs when somebody meddled', async () => {
    const url = await emptyDatabase('brought_by_the_user');
    const { child, output } = spawnLocalRun(['--once', '--port', '0'], { DATABASE_URL: url });
    const client = new pg.Client(url);
    await client.connect();
    // From the moment this customer's row appears, somebody keeps writing into it.
    const meddle = setInterval(() => {
      client
        .query(
          `update billing.subscriptions set status = 'paused', as_of = '2100-01-01' where subscription_id like '%gus1'`,
        )
        .catch(() => {});
    }, 200);
    const [code] = await once(child, 'exit');
    clearInterval(meddle);
    await client.end();
    expect(output()).toContain('the outage is left out');
    expect(output()).toMatch(/user_\w+_gus: status is suspended; expected active\./);
    // The other twelve are right all the same.
    expect(output().match(/✓/g)).toHaveLength(12);
    expect(code).toBe(1);
  }, 90_000);
});

async function demonstrate(): Promise<{ code: number; output: string }> {
  const { child, output } = spawnLocalRun(['--once', '--port', '0']);
  const [code] = (await once(child, 'exit')) as [number];
  return { code, output: output() };
}

/** A database as a user would bring it: empty, without even Supabase's roles granted in it. */
async function emptyDatabase(name: string): Promise<string> {
  const server = process.env.TEST_POSTGRES_URL!;
  const client = new pg.Client(server);
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return server.replace(/postgres$/, name);
}
