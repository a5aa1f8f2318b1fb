import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UnreadableEvent } from '../../core/errors.ts';
import { reasonWords } from '../../ops/story/words.ts';
import { processEvent, recordParked } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { checkout, customer, event, invoice, schedule, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

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

const jenny = '11111111-1111-4111-8111-111111111111';
// 2026-09-21 14:13:20 UTC, the day on which the samples' customer was made.
const start = 1_790_000_000;

type Sample = { type: string; data: { object: { object: string; metadata?: object } } };

/** It happens at Stripe. */
function atStripe(...events: object[]): void {
  for (const { data } of events as Sample[]) pipeline.stripe.account.put(data.object);
}

/** It happens at Stripe, reaches us, and is settled. */
async function arrives(...events: object[]): Promise<void> {
  atStripe(...events);
  for (const one of events) {
    const worker = (one as Sample).type.startsWith('checkout') ? 'payments' : 'billing';
    await processEvent({ ...testProcessor(database.writer, { worker }), sources: [source] }, envelope(one, { source }));
  }
}

const hers = event('evt_customer', 'customer.created', start, customer({ metadata: { user_id: jenny } }));
const paid = (more: object = {}) => subscriptionEvent('evt_paid', 'created', start + 10, { metadata: {}, ...more });
const why = (...who: string[]) => pipeline.run('why', ...who, '--json');

describe('paid and on FREE', () => {
  it('missed: Stripe has it, no event of it came', async () => {
    await arrives(hers);
    atStripe(paid());
    const { code, json } = await why('--user', jenny);
    expect(code).toBe(1);
    expect(json.data.verdict).toEqual({
      cause: 'missed',
      says: 'subscription sub_1 is at Stripe and not here: the event never reached us, and is in no queue.',
      do: ['npm run ops -- sync --customer cus_1 --apply --env dev'],
      page: 'missed-events',
      wrong: true,
    });
    expect(json.data.plans).toMatchObject([{ user_id: jenny, plan: { tier: 'FREE', status: 'none' } }]);
  });

  it('missed, and her customer too: found by what Stripe’s metadata says', async () => {
    atStripe(hers, paid());
    const { json } = await why('--user', jenny);
    expect(json.data.verdict.cause).toBe('missed');
    expect(json.data.verdict.do).toEqual(['npm run ops -- sync --customer cus_1 --apply --env dev']);
  });

  it('parked: the event lies in the failed queue, with its reason', async () => {
    await arrives(hers);
    atStripe(paid());
    const body = envelope(paid(), { source });
    const processor = { ...testProcessor(database.writer), sources: [source] };
    await recordParked(processor, body, new UnreadableEvent('items: wanted a list, got nothing'));
    await pipeline.send('BillingFailedQueueUrl', body, {
      reason: 'unreadable_event',
      detail: 'items: wanted a list, got nothing',
      event_id: 'evt_paid',
      event_type: 'customer.subscription.created',
    });
    const { code, json } = await why('--user', jenny);
    expect(code).toBe(1);
    expect(json.data.verdict).toMatchObject({
      cause: 'parked',
      says: expect.stringMatching(
        /^customer\.subscription\.created evt_paid was given up on: unreadable_event \(items: wanted a list, got nothing\)\. It lies in billing-failed since 20/,
      ),
      do: [
        'npm run ops -- event evt_paid --env dev',
        'Once the cause is repaired: npm run ops -- redrive --reason unreadable_event --apply --env dev',
      ],
      page: 'failed',
    });
    expect(json.data.timeline.at(-1)).toMatchObject({ who: 'we', event_id: 'evt_paid' });
    expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(1);
  });

  it('unknown price: Stripe says active, the catalogue lacks the price', async () => {
    await arrives(hers, paid({ price: 'price_of_marketing' }));
    const { code, json } = await why('--customer', 'cus_1');
    expect(code).toBe(1);
    expect(json.data.verdict).toMatchObject({
      cause: 'unknown_price',
      says: 'sub_1 is active with the price price_of_marketing, which config/plans.yaml lacks; no plan was held before.',
      page: 'unknown-price',
    });
  });

  it('cancelled: when, and why', async () => {
    await arrives(hers, paid());
    const end = subscriptionEvent('evt_end', 'deleted', start + 86_400, { status: 'canceled', metadata: {} }) as Sample;
    Object.assign(end.data.object, {
      canceled_at: start + 3600,
      ended_at: start + 86_400,
      cancellation_details: { reason: 'cancellation_requested', comment: null, feedback: null },
    });
    await arrives(end);
    const { code, json, out } = await why('--user', jenny);
    expect(code).toBe(0);
    expect(json.data.verdict).toMatchObject({
      cause: 'cancelled',
      says: 'sub_1 was cancelled (cancellation requested) and ended 2026-09-22 14:13:20 UTC.',
      wrong: false,
    });
    expect(json.data.timeline.map(({ who, event_id, says }: Record<string, string>) => [who, event_id, says])).toEqual([
      ['Stripe', 'evt_customer', 'customer.created cus_1'],
      ['we', 'evt_customer', expect.stringMatching(/^applied/)],
      ['Stripe', 'evt_paid', 'customer.subscription.created: sub_1 active, plan premium'],
      ['we', 'evt_paid', 'applied: nothing was held before'],
      [
        'apps',
        'evt_paid',
        expect.stringMatching(/^SUBSCRIPTION_ACTIVATED, version \d+: PREMIUM \(plan premium\), active, entitled$/),
      ],
      ['Stripe', 'evt_end', 'customer.subscription.deleted: sub_1 canceled, plan premium, cancellation requested'],
      [
        'we',
        'evt_end',
        'applied: the subscription has ended, which is final (held: evt_paid of 2026-09-21 14:13:30 UTC)',
      ],
      [
        'apps',
        'evt_end',
        expect.stringMatching(/^SUBSCRIPTION_CANCELLED, version \d+: FREE \(plan premium\), cancelled, not entitled$/),
      ],
    ]);
    expect(out).toBeDefined();
  });

  it('incomplete: the first payment is not through', async () => {
    await arrives(hers, paid({ status: 'incomplete' }));
    await arrives(
      event('evt_fails', 'invoice.payment_failed', start + 20, invoice({ status: 'open', attempt_count: 1 })),
    );
    const { code, json } = await why('--user', jenny);
    expect(code).toBe(0);
    expect(json.data.verdict).toMatchObject({ cause: 'incomplete', page: 'support', wrong: false });
    expect(json.data.verdict.says).toMatch(/^The first payment of sub_1 is not through/);
  });

  it('unlinked: paid for, and nothing says whose it is', async () => {
    const anonymous = event('evt_customer', 'customer.created', start, customer({ metadata: { supabaseUUID: jenny } }));
    await arrives(anonymous, paid());
    const { code, json } = await why('--email', 'jenny@example.com');
    expect(code).toBe(1);
    expect(json.data.verdict).toMatchObject({
      cause: 'unlinked',
      do: ['npm run ops -- link --user <their id> --customer cus_1 --apply --env dev'],
      page: 'entitled-without-user',
    });
    expect(json.data.verdict.says).toMatch(
      /^sub_1 \(PREMIUM .*is paid for, and nothing says whose it is\. .* has supabaseUUID:/,
    );
    // The user's own question finds nobody, and says how to ask instead.
    expect((await why('--user', jenny)).json.data.verdict).toMatchObject({
      cause: 'unlinked',
      do: [expect.stringContaining('why --email'), expect.stringContaining('link --user')],
    });
  });
});

it('says that all is right where the plan is what they paid for', async () => {
  await arrives(hers, paid());
  const { code, json } = await why('--user', jenny);
  expect(code).toBe(0);
  expect(json.data.verdict.cause).toBe('entitled');
  expect(json.data.differences).toEqual([]);
});

it('says what is scheduled, in words', async () => {
  await arrives(hers, paid(), event('evt_later', 'subscription_schedule.updated', start + 20, schedule()));
  const { json } = await why('--user', jenny);
  const words =
    'PREMIUM (plan premium), active, entitled, changes to PREMIUM_PLUS (plan premium_plus) 2027-01-15 08:00:00 UTC';
  expect(json.data.verdict.says).toContain(`sub_1 gives ${words}: here all is as it should be.`);
  expect(json.data.timeline.at(-1)).toMatchObject({
    who: 'apps',
    event_id: 'evt_later',
    says: expect.stringMatching(/^SUBSCRIPTION_UPDATED, .* changes to PREMIUM_PLUS \(plan premium_plus\)/),
  });
});

it('prints one page, without a name or an address', async () => {
  await arrives(hers, paid(), event('evt_bought', 'checkout.session.completed', start + 12, checkout()));
  const { out } = await pipeline.run('why', '--customer', 'cus_1');
  expect(out).toMatch(/^WHY {3}sub_1 gives PREMIUM/);
  expect(out).toMatch(
    /^sub_1 +cus_1 +11111111\S+ +active, price_premium_monthly_eur +active, price_premium_monthly_eur$/m,
  );
  expect(out).toMatch(
    /^2026-09-21 14:13:30 UTC +Stripe +customer\.subscription\.created: sub_1 active, plan premium +evt_paid$/m,
  );
  expect(out).toMatch(/^ +we +applied: nothing was held before$/m);
  expect(out).toContain('The same here and at Stripe.');
  expect(out).not.toMatch(/jenny|@/i);
});

describe('while parts are down', () => {
  it('without Postgres: what Stripe says, and what to do first', async () => {
    await arrives(hers, paid());
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: 'postgres://stripe_writer@127.0.0.1:1/none',
      STRIPE_SECRET_KEY: pipeline.stripe.key,
    });
    const { code, json } = await why('--user', jenny);
    expect(code).toBe(1);
    expect(json.data.verdict).toMatchObject({ cause: 'database_unreachable', page: 'supabase-down' });
    expect(json.data.subscriptions).toMatchObject([{ subscription_id: 'sub_1', here: null, at_stripe: 'active' }]);
    expect(json.data.unseen).toMatchObject([{ source: 'The database' }]);
  });

  it('without Stripe: our side of it', async () => {
    await arrives(hers, paid({ status: 'incomplete' }));
    pipeline.stripe.faults.forbidden.add('customers');
    const { code, json, out } = await why('--user', jenny);
    expect(code).toBe(1);
    expect(json.data.verdict.cause).toBe('incomplete');
    expect(json.data.unseen).toMatchObject([{ source: 'Stripe', because: expect.stringContaining('HTTP 403') }]);
    expect(json.data.differences).toBeNull();
    expect(out).toBeDefined();
  });

  it('without the dead-letter queues', async () => {
    await arrives(hers, paid());
    await pipeline.deleteQueue('BillingFailedQueueUrl');
    const { code, json } = await why('--user', jenny);
    expect(code).toBe(1);
    expect(json.data.verdict.cause).toBe('entitled');
    expect(json.data.unseen).toMatchObject([{ source: 'The dead-letter queues' }]);
  });
});

it.each([
  [[], /takes one of --user, --customer, --email; got none/],
  [['--user', 'u', '--email', 'a@b.c'], /got several/],
  [['--customer', 'jenny'], /"jenny", which is no Stripe customer id/],
])('refuses %j', async (args, message) => {
  const { code, err } = await pipeline.run('why', ...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

it('has words for every reason that the SQL writes into the ledger', () => {
  const folder = join(import.meta.dirname, '../../supabase/migrations');
  const sql = globSync('*.sql', { cwd: folder })
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  const rulings = [...sql.matchAll(/'(?:apply|changed|stale|undecidable|same)\/(\w+)'/g)].map(([, reason]) => reason!);
  const others = [...sql.matchAll(/reason := '(\w+)'/g)].map(([, reason]) => reason!);
  const reasons = [...new Set([...rulings, ...others, 'not_due', 'no_plan_state', 'known_event'])];
  expect(reasons.length).toBeGreaterThan(15);
  expect(reasons.filter((reason) => !Object.hasOwn(reasonWords, reason))).toEqual([]);
});
