import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeEach(async () => {
  pipeline = await startPipeline();
  database = await freshDatabase();
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
});
afterEach(async () => {
  await pipeline.close();
  await database.close();
});

const now = Math.floor(Date.now() / 1000);
const day = 86_400;
const signUp = (name: string, at = now - 300 * day) => {
  const customer = pipeline.stripe.account.customer(name);
  return { customer, subscription: customer.signUp({ at, periodEnd: now + day }) };
};
const plans = async () =>
  (await database.admin.query('select user_id, plan_id from billing.plan_states order by user_id')).rows;

describe('backfill', () => {
  it('says whose plans would come of it, which prices are unknown and who has no user; then brings them', async () => {
    signUp('ann');
    const { subscription } = signUp('ben');
    subscription.items.data[0]!.price = { ...subscription.items.data[0]!.price, id: 'price_2019', lookup_key: null };
    signUp('cleo');
    pipeline.stripe.account.objects['checkout/sessions'].delete('cs_test_cleo1');

    const look = await pipeline.run('backfill');
    expect(look.code).toBe(0);
    expect(look.out).toMatch(/1 users would get a plan\.\n +user_ann: premium\n/);
    expect(look.out).toContain('link --help');
    expect(look.out).toContain('Write plan states quietly: the apps hear nothing. (--notify tells them.)');
    expect(look.out).toContain('1 prices are not in config/plans.yaml: price_2019 (1 subscriptions)');
    expect(look.out).toMatch(/1 running subscriptions have no user:\n +sub_cleo1 of cus_cleo/);
    expect(look.out).toContain('Nothing was changed. Add --apply to do it.');
    expect(await plans()).toEqual([]);

    const shown: [number, string][] = [];
    pipeline.waiting({ progress: (share, what) => void shown.push([share, what]) });
    const { code, json } = await pipeline.run('backfill', '--apply', '--json');
    expect(code).toBe(0);
    expect(json.result).toMatchObject({
      done: true,
      written: { customer: 3, subscription: 3, charge: 3 },
      notified: 0,
    });
    expect(shown.some(([, what]) => /, about \d+ (s|min) left$/.test(what))).toBe(true);
    expect(shown.at(-1)).toEqual([1, expect.stringMatching(/^disputes: \d+ objects read, \d+ written/)]);
    expect(await plans()).toContainEqual({ user_id: 'user_ann', plan_id: 'premium' });
    expect((await pipeline.run('backfill')).out).toContain('0 users would get a plan.');
  });

  it('stops when somebody presses Ctrl-C, and the same command goes on', async () => {
    for (let n = 0; n < 5; n += 1) signUp(`c${n}`);
    pipeline.stripe.faults.latencyMs = 30;
    let waits = 0;
    pipeline.waiting({
      wait: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        waits += 1;
        return waits > 25;
      },
    });
    const { code, json } = await pipeline.run('backfill', '--apply', '--json');
    expect(code).toBe(1);
    expect(json.found).toContain('Interrupted. The same command goes on where it stopped.');
    pipeline.waiting({});
    const again = await pipeline.run('backfill', '--apply', '--json');
    expect(again.json.plan.goes_on).not.toBeNull();
    expect(again.json.result.done).toBe(true);
    expect(await plans()).toHaveLength(5);
  });

  it('brings only what was made since', async () => {
    signUp('old');
    signUp('new', now - 5 * day);
    await pipeline.run('backfill', '--since', '10d', '--apply');
    expect((await plans()).map(({ user_id }) => user_id)).toEqual(['user_new']);
  });
});

describe('link', () => {
  it('writes the user into the customer at Stripe', async () => {
    signUp('ann');
    const look = await pipeline.run('link', '--user', 'u1', '--customer', 'cus_ann');
    expect(look.code).toBe(0);
    expect(look.out).toMatch(/cus_ann +u1/);
    expect(pipeline.stripe.account.objects.customers.get('cus_ann')).toMatchObject({ metadata: {} });
    expect((await pipeline.run('link', '--user', 'u1', '--customer', 'cus_ann', '--apply')).code).toBe(0);
    expect(pipeline.stripe.account.objects.customers.get('cus_ann')).toMatchObject({ metadata: { user_id: 'u1' } });
    expect((await pipeline.run('link', '--user', 'u1', '--customer', 'cus_ann')).out).toContain('1 linked already');
  });

  it('leaves a customer of somebody else’s alone unless told otherwise', async () => {
    signUp('ann').customer.customer.metadata = { user_id: 'u1' };
    const args = ['link', '--user', 'u2', '--customer', 'cus_ann', '--apply'];
    const refused = await pipeline.run(...args, '--json');
    expect(refused.code).toBe(1);
    expect(refused.json.found).toEqual(['cus_ann is linked to u1, not to u2: --replace changes it.']);
    expect((await pipeline.run(...args, '--replace')).code).toBe(0);
    expect(pipeline.stripe.account.objects.customers.get('cus_ann')).toMatchObject({ metadata: { user_id: 'u2' } });
  });

  it('names customers that Stripe does not know', async () => {
    const { code, json } = await pipeline.run('link', '--user', 'u1', '--customer', 'cus_gone', '--json');
    expect(code).toBe(1);
    expect(json.found).toEqual(['Stripe does not know cus_gone, or it was deleted.']);
  });

  it.each([
    [['link'], /link takes --user with --customer, or --file/],
    [['link', '--user', 'u1'], /link takes --user with --customer/],
    [['link', '--file', '/nowhere.csv'], /cannot be read/],
    [['link', '--user', 'u1', '--customer', 'sub_1'], /wanted user_id,customer_id/],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await pipeline.run(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
