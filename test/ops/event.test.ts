import { UnreadableEvent } from '../../core/errors.ts';
import { processEvent, recordParked } from '../../pipeline/process-event.ts';
import type { AccountEvent } from '../../stripe-simulator/account.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
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

const start = Math.floor(Date.parse('2026-11-20T09:00:00Z') / 1000);
/** The bus took it so. */
const arrived = { source, time: '2026-11-20T10:00:00Z' };

const began = subscriptionEvent('evt_began', 'created', start);
const upgraded = subscriptionEvent('evt_upgraded', 'updated', start + 60, { price: 'price_premium_plus_monthly_eur' });
const late = subscriptionEvent('evt_late', 'updated', start + 30, { cancel_at_period_end: true });

async function settle(...events: object[]): Promise<void> {
  pipeline.stripe.events = [...pipeline.stripe.events, ...(events as AccountEvent[])];
  for (const one of events)
    await processEvent({ ...testProcessor(database.writer), sources: [source] }, envelope(one, arrived));
}
const page = (id: string) => pipeline.run('event', id, '--json');

describe('an event that was settled', () => {
  beforeEach(async () => {
    await settle(began, upgraded, late);
    await pipeline.audit('2026/11/20/10/one.ndjson.gz', [
      envelope(began, arrived),
      envelope(upgraded, arrived),
      envelope(late, { ...arrived, 'replay-name': 'why-1' }),
    ]);
    pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-billing-dev', [
      {
        at: new Date('2026-11-20T10:00:01Z'),
        message: 'event deferred',
        event_id: 'evt_upgraded',
        code: 'database_unreachable',
        retry_in_s: 2,
        attempt: 1,
        xray_trace_id: '1-a',
      },
      {
        at: new Date('2026-11-20T10:00:04Z'),
        message: 'event settled',
        event_id: 'evt_upgraded',
        outcome: 'applied',
        reason: 'later',
        total_ms: 12,
        attempt: 2,
        xray_trace_id: '1-b',
      },
      {
        at: new Date('2026-11-20T10:00:04Z'),
        message: 'event settled',
        event_id: 'evt_other',
        outcome: 'applied',
        attempt: 1,
      },
    ]);
  });

  it('shows every station of it', async () => {
    const { code, json } = await page('evt_upgraded');
    expect(code).toBe(0);
    expect(json.data).toMatchObject({
      says: 'It was settled: applied: nothing newer was held (held: evt_began of 2026-11-20 09:00:00 UTC).',
      stripe: { type: 'customer.subscription.updated', pending: 1, object_id: 'sub_1', reads_as: 'subscription' },
      archives: [{ name: 'huntaze-stripe-dev', state: 'ENABLED', keeps: 'for ever' }],
      audit: [{ key: '2026/11/20/10/one.ndjson.gz', time: '2026-11-20T10:00:00.000Z', replay_name: null }],
      waiting: 0,
      lost: [],
      story: {
        ledger: { outcome: 'applied', reason: 'later', held_event_id: 'evt_began' },
        before: { source_event_id: 'evt_late', plan_id: 'premium' },
        told: { plan_id: 'premium_plus', status: 'active' },
        after: null,
        held_now: { plan_id: 'premium_plus', entitled: true },
        plan_events: [{ event_type: 'SUBSCRIPTION_UPDATED', plan: { tier: 'PREMIUM_PLUS' } }],
      },
      log: [
        { at: '2026-11-20T10:00:01.000Z', says: 'put off: database_unreachable, again in 2 s, attempt 1' },
        { at: '2026-11-20T10:00:04.000Z', says: 'applied (later) after 12 ms, attempt 2' },
      ],
      trace_ids: ['1-a', '1-b'],
      unseen: [],
    });
  });

  it('prints them on one page, in the order in which it passed them', async () => {
    const { out } = await pipeline.run('event', 'evt_late');
    expect(out.split('\n')[0]).toBe('evt_late  customer.subscription.updated of 2026-11-20 09:00:30 UTC');
    expect(out).toMatch(
      /^END {2}It was settled: stale: a newer event was held \(held: evt_upgraded of 2026-11-20 09:01:00 UTC\)\.$/m,
    );
    const sources = [...out.matchAll(/^([a-zA-Z]+(?: [a-z]+)?) {2,}/gm)].map(([, source]) => source);
    expect(sources).toEqual([
      'END',
      'source',
      'Stripe',
      'archive',
      'audit',
      'queue',
      'dead letters',
      'ledger',
      'held event',
      'before',
      'it said',
      'after',
      'row now',
      'plan events',
      'log',
      'trace',
    ]);
    expect(out).toMatch(/^audit +2026\/11\/20\/10\/one\.ndjson\.gz, arrived 2026-11-20 10:00:00 UTC, replay why-1$/m);
    expect(out).toMatch(/^after +sub_1 active, plan premium_plus \(evt_upgraded\)$/m);
  });

  it('shows what still answers while Postgres, Stripe and a queue are down', async () => {
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: 'postgres://x@127.0.0.1:1/none',
      STRIPE_SECRET_KEY: pipeline.stripe.key,
    });
    await pipeline.deleteQueue('PaymentsFailedQueueUrl');
    const { code, json } = await page('evt_upgraded');
    expect(code).toBe(1);
    expect(json.data.says).toBe('The ledger cannot be read now; what the others say is below.');
    expect(json.data.do).toEqual(['npm run ops -- diagnose --env dev']);
    expect(json.data.audit).toHaveLength(1);
    expect(json.data.log).toHaveLength(2);
    expect(json.data.unseen.map(({ source }: { source: string }) => source).sort()).toEqual([
      'The database',
      'The dead-letter queues',
    ]);

    pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
    pipeline.stripe.faults.forbidden.add('events');
    pipeline.aws.errors.set('FilterLogEvents', 'AccessDeniedException');
    pipeline.aws.errors.set('DescribeArchive', 'AccessDeniedException');
    const again = await page('evt_upgraded');
    expect(again.json.data.story.ledger).toMatchObject({ outcome: 'applied' });
    expect(again.json.data.unseen.map(({ source }: { source: string }) => source).sort()).toEqual([
      'Stripe',
      'The archive huntaze-stripe-dev',
      'The dead-letter queues',
      'The logs',
    ]);
    expect((await pipeline.run('event', 'evt_upgraded')).out).toMatch(/^Stripe did not answer: .*permission/m);
  });
});

it('parked: names the queue, the reason and the way back', async () => {
  const body = envelope(began, arrived);
  await recordParked(
    { ...testProcessor(database.writer), sources: [source] },
    body,
    new UnreadableEvent('items: wanted a list'),
  );
  const reason = { reason: 'unreadable_event', detail: 'items: wanted a list', event_id: 'evt_began' };
  await pipeline.send('BillingFailedQueueUrl', body, reason);
  const { code, json } = await page('evt_began');
  expect(code).toBe(1);
  expect(json.data).toMatchObject({
    says: 'It was given up on: unreadable_event (items: wanted a list), and lies in billing-failed.',
    do: [
      'Repair the cause (docs/runbooks/failed.md), then:',
      'npm run ops -- redrive --reason unreadable_event --apply --env dev',
    ],
    story: { ledger: { outcome: 'parked', reason: 'unreadable_event' } },
  });
  // Once it was discarded, the ledger alone remembers.
  await pipeline.take('BillingFailedQueueUrl');
  await pipeline.deleteQueue('BillingFailedQueueUrl');
  expect((await page('evt_began')).json.data.says).toMatch(/^It was parked \(unreadable_event\), and lies in no queue/);
});

it('missed: Stripe has it, and it never came', async () => {
  pipeline.stripe.events = [began as AccountEvent];
  pipeline.at(new Date('2026-11-21T09:00:00Z'));
  const { code, json } = await page('evt_began');
  expect(code).toBe(1);
  expect(json.data).toMatchObject({
    says: 'Stripe has it, and it never reached the bus (Stripe is still trying).',
    do: ['npm run ops -- reconcile --apply --env dev', 'docs/runbooks/missed-events.md'],
  });
});

it('on the bus and not settled: lost between bus and worker', async () => {
  pipeline.stripe.events = [began as AccountEvent];
  await pipeline.audit('2026/11/20/10/one.ndjson.gz', [envelope(began, arrived)]);
  expect((await page('evt_began')).json.data.says).toBe('It reached the bus and the audit, and no worker settled it.');
});

it('of a type that no worker takes: the audit keeps it', async () => {
  pipeline.stripe.events = [{ ...began, type: 'product.created' } as AccountEvent];
  const { code, json } = await page('evt_began');
  expect(code).toBe(0);
  expect(json.data.says).toBe('No worker takes events of its type; only the audit keeps them.');
});

it.each([
  ['evt_nobody', /Nobody knows evt_nobody: not the ledger, not Stripe/],
  ['sub_1', /"sub_1" is no Stripe event id/],
])('refuses %s', async (id, message) => {
  const { code, err } = await pipeline.run('event', id);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
