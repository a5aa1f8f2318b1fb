import { eventFamilies, queueFed, workers } from '../../core/workers.ts';
import { commandLines } from '../../ops/cli/command-lines.ts';
import { judge } from '../../ops/status/judge.ts';
import type { Status } from '../../ops/status/pipeline-state.ts';
import { sendsTo } from '../../stripe-simulator/event-destinations.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

const lines = commandLines({ environment: 'dev' });

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await startPipeline();
  pipeline.aws.secret = JSON.stringify({
    DATABASE_URL: 'postgres://stripe_writer@db/x',
    STRIPE_SECRET_KEY: pipeline.stripe.key,
  });
  sendsTo(pipeline.stripe, source);
});
afterEach(() => pipeline.close());

const now = new Date('2026-11-21T10:00:00Z');
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

/** Numbers as ordinary traffic writes them, at a moment. */
function traffic({ aws }: Pipeline, at: Date, more: Record<string, number> = {}): void {
  const values = {
    'EventsApplied.Sum': 95,
    'EventsDuplicate.Sum': 5,
    'AttemptSucceeded.Sum': 100,
    'AttemptSucceeded.SampleCount': 100,
    'PaymentsFailed.Sum': 1,
    'PaymentsFailed.SampleCount': 40,
    'CommittedInTime.Sum': 100,
    'CommittedInTime.SampleCount': 100,
    'Events/aws.partner/stripe.com/ed_test_1': 3,
    ...more,
  };
  for (const [name, value] of Object.entries(values))
    aws.metrics.set(name, [...(aws.metrics.get(name) ?? []), { at, value }]);
}

const run = async () => {
  pipeline.at(now);
  const { code, json } = await pipeline.run('status', '--json');
  return { code, data: json.data as Status };
};

it('is healthy in ordinary traffic, and says the numbers of five minutes, of the hour, and the code', async () => {
  traffic(pipeline, minutesAgo(3));
  traffic(pipeline, minutesAgo(50));
  const { code, data } = await run();
  expect(code).toBe(0);
  expect(data).toMatchObject({
    health: 'healthy',
    reasons: [],
    at: '2026-11-21T10:00:00.000Z',
    code: { version: '0.1.0+abcdef012345', deployed_at: '2026-11-01T00:00:00.000Z' },
    last_5_minutes: { attempts: 100, payments: 40, events: { applied: 95, duplicate: 5 }, processing_failure_rate: 0 },
    last_hour: { attempts: 200, payments: 80, payment_failure_rate: 0.025 },
    slo: {
      target: 0.999,
      within_ms: 2000,
      last_5_minutes: { achieved: 1, events: 100 },
      last_hour: { achieved: 1, events: 200 },
      last_30_days: { achieved: 1, events: 200 },
    },
    last_event_at: '2026-11-21T09:57:00.000Z',
    alarms: [],
  });
  // Each that a queue feeds has three queues; the post to the API and reconcile have one for what they lost.
  expect(data.queues).toHaveLength(3 * queueFed.length + 2);
  expect(data.rules).toHaveLength(workers.length + eventFamilies.length);
});

it('reads as a page', async () => {
  pipeline.at(now);
  traffic(pipeline, minutesAgo(3));
  const { out } = await pipeline.run('status');
  expect(out).toMatch(/^HEALTHY at 2026-11-21 10:00:00 UTC; last event 2026-11-21 09:57:00 UTC/);
  expect(out).toContain('Code 0.1.0+abcdef012345, deployed 2026-11-01 00:00:00 UTC');
  expect(out).toMatch(/last 5 minutes +95 +5 +0 +0 +0 +0 +0 +0.00 % +2.50 %/);
  expect(out).toMatch(/billing-failed +failed +0 +0 +–/);
});

it('says how many are entitled and nobody’s, by the last comparison', async () => {
  traffic(pipeline, minutesAgo(2));
  expect((await run()).data.entitled_without_user).toBeNull();
  pipeline.aws.metrics.set('EntitledWithoutUser', [
    { at: minutesAgo(20), value: 3 },
    { at: minutesAgo(80), value: 5 },
  ]);
  const { data } = await run();
  expect(data).toMatchObject({ entitled_without_user: 3, health: 'healthy' });
});

it('is healthy again as soon as five minutes went well, whatever the hour before was', async () => {
  traffic(pipeline, minutesAgo(40), { 'AttemptSucceeded.Sum': 0, 'EventsDeferred.Sum': 100 });
  traffic(pipeline, minutesAgo(2));
  const { data } = await run();
  expect(data.last_hour.processing_failure_rate).toBe(0.5);
  expect(data.health).toBe('healthy');
});

it('is never healthy beside events that are committed late', async () => {
  traffic(pipeline, minutesAgo(2), { 'CommittedInTime.Sum': 45 });
  const { data } = await run();
  expect(data.health).toBe('degraded');
  expect(data.reasons).toEqual([
    "Only 45.0 % of the last 5 minutes' events were committed within 2 s (promise 99.9 %).",
  ]);
});

it('is critical when events arrive and a worker settles nothing, in flight or not', async () => {
  traffic(pipeline, minutesAgo(2));
  await pipeline.send('BillingQueueUrl', '{}');
  await pipeline.take('BillingQueueUrl');
  pipeline.aws.metrics.set('NumberOfMessagesSent/huntaze-stripe-billing-dev', [{ at: minutesAgo(4), value: 40 }]);
  pipeline.aws.metrics.set('Errors/huntaze-stripe-billing-dev', [{ at: minutesAgo(3), value: 12 }]);
  const { code, data } = await run();
  expect(code).toBe(1);
  expect(data.health).toBe('critical');
  expect(data.reasons).toEqual([
    'billing settles nothing: arriving 40, settled 0 for 5 minutes, 1 message waiting or in flight; 12 runs crashed.',
  ]);
});

it('looks twice where CloudWatch has no number yet, and then says that nothing is settled', async () => {
  traffic(pipeline, minutesAgo(2));
  await pipeline.send('PaymentsQueueUrl', '{}');
  const { data } = await run();
  expect(data.reasons).toEqual(['payments settles nothing: settled 0 for 5 minutes, 1 message waiting or in flight.']);
});

it('takes what a log tells for settled, and a crash for one', async () => {
  traffic(pipeline, minutesAgo(2));
  await pipeline.send('PaymentsQueueUrl', '{}');
  pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-payments-dev', [
    { at: minutesAgo(1), message: 'event settled', outcome: 'applied', sqs_message_id: 'm' },
    { at: minutesAgo(9), message: 'event settled', outcome: 'applied', sqs_message_id: 'old' },
    { at: minutesAgo(1), text: '2026-11-21T09:59:00Z 1 Task timed out after 30.00 seconds' },
  ]);
  const { data } = await run();
  expect(data.workers[0]).toMatchObject({ name: 'payments', settled: 1, crashed: 1, stuck: false });
  expect(data.health).toBe('degraded');
});

it('takes an error and its stack in plain text for one crash', async () => {
  traffic(pipeline, minutesAgo(2));
  const lines = [
    'NoSuchBucket: The specified bucket does not exist',
    '    at handle (/code/index.js:1513:180)',
    '    at async run (/code/index.js:9:1)',
  ];
  pipeline.aws.logs.set(
    '/aws/lambda/huntaze-stripe-audit-dev',
    lines.map((text) => ({ at: minutesAgo(1), text })),
  );
  const { data } = await run();
  expect(data.workers.find(({ name }) => name === 'audit')).toMatchObject({ crashed: 1 });
  expect(data.reasons).toEqual(['1 run of audit crashed in the last 5 minutes, and none settled anything.']);
});

it('names a rule that is off or gone, a queue that is gone, a mapping that is gone, and what is empty in the secret', async () => {
  traffic(pipeline, minutesAgo(2));
  pipeline.aws.rules.get('huntaze-stripe-billing-dev')!.State = 'DISABLED';
  pipeline.aws.rules.delete('huntaze-stripe-audit-other-dev');
  await pipeline.deleteQueue('PaymentsQueueUrl');
  await pipeline.deleteQueue('BillingFailedQueueUrl');
  pipeline.aws.mappings.delete('mapping-audit');
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: '' });
  const { data } = await run();
  expect(data.health).toBe('critical');
  expect(data.reasons).toEqual([
    'DATABASE_URL and STRIPE_SECRET_KEY are empty in the secret: functions that start now can settle nothing.',
    'The rule huntaze-stripe-billing-dev is disabled: its events reach no queue.',
    'The queue of payments does not exist.',
    'The rule huntaze-stripe-audit-other-dev is gone: its events reach no queue.',
    'audit has no event source mapping: nothing takes from its queue.',
    'The queue billing-failed does not exist: what it should keep is lost.',
  ]);
});

const destination = () => [...pipeline.stripe.destinations.values()][0]!;
const asksNext = '`npm run ops -- diagnose --env dev` says what to do.';

it.each([
  [
    'is disabled',
    () => Object.assign(destination(), { status: 'disabled', status_details: { disabled: { reason: 'user' } } }),
    'The event destination ed_test_61Transcript1 is disabled (user).',
  ],
  [
    'sends to a source that no bus takes any more',
    () => Object.assign(destination().amazon_eventbridge, { aws_event_source_status: 'pending' }),
    'The AWS event source of ed_test_61Transcript1 is pending: its events are dropped.',
  ],
  [
    'is gone',
    () => pipeline.stripe.destinations.clear(),
    'The Stripe account of the key has no event destination aws.partner/stripe.com/ed_test_1.',
  ],
])('is critical when the destination %s, however quiet the shop is', async (_, make, why) => {
  make();
  const { code, data } = await run();
  expect(code).toBe(1);
  expect(data).toMatchObject({ health: 'critical', reasons: [`Stripe sends nothing. ${why} ${asksNext}`] });
});

it('is degraded when Stripe refuses the key of the secret, whatever key is set here', async () => {
  traffic(pipeline, minutesAgo(2));
  pipeline.variables.STRIPE_SECRET_KEY = pipeline.stripe.key;
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: 'postgres://db/x', STRIPE_SECRET_KEY: 'sk_test_revoked' });
  const { data } = await run();
  expect(data).toMatchObject({ health: 'degraded', reasons: [`Stripe does not accept the key. ${asksNext}`] });
});

it('is degraded when the key may not ask for the destination', async () => {
  traffic(pipeline, minutesAgo(2));
  pipeline.stripe.faults.forbidden.add('core/event_destinations');
  const { data } = await run();
  expect(data.reasons).toEqual([`The Stripe key lacks the right "Event destinations: read". ${asksNext}`]);
});

it('judges nothing by a Stripe that does not answer, and says so', async () => {
  traffic(pipeline, minutesAgo(2));
  await pipeline.stripe.close();
  const { data } = await run();
  expect(data).toMatchObject({ health: 'healthy', stripe: { state: 'not_asked' } });
});

it('is degraded while prices come that the catalogue lacks', async () => {
  traffic(pipeline, minutesAgo(2));
  pipeline.aws.metrics.set('UnknownPrice', [
    { at: minutesAgo(1), value: 2 },
    { at: minutesAgo(20), value: 5 },
  ]);
  const { data } = await run();
  expect(data).toMatchObject({
    health: 'degraded',
    reasons: [
      '2 events of the last 5 minutes had a price that config/plans.yaml lacks: who bought it keeps the plan held before. `npm run ops -- doctor --env dev` names it.',
    ],
  });
});

it('is degraded while something is lost or an alarm rings, and paused while a worker is', async () => {
  traffic(pipeline, minutesAgo(2));
  await pipeline.send('BillingFailedQueueUrl', '{}');
  pipeline.aws.ringing = ['huntaze-stripe-silence-dev'];
  pipeline.aws.mappings.get('mapping-payments')!.State = 'Disabled';
  const { code, data } = await run();
  expect(code).toBe(1);
  expect(data.health).toBe('degraded');
  expect(data.reasons).toEqual([
    '1 message in billing-failed: our code gave up on them. `npm run ops -- redrive --env dev` shows why.',
    'The alarm huntaze-stripe-silence-dev rings.',
    'payments is paused: its queue keeps what arrives. `npm run ops -- resume --apply --env dev` starts it.',
  ]);
});

it('says that there is nothing to judge by when no event came', async () => {
  const { code, out } = await pipeline.run('status');
  expect(code).toBe(0);
  expect(out).toMatch(/^UNKNOWN[\s\S]*No event in the last 24 hours to judge by\./);
});

it('looks again and again with --watch until interrupted', async () => {
  let looks = 0;
  pipeline.waiting({
    wait: async (ms) => {
      expect(ms).toBe(5000);
      looks += 1;
      return looks === 3;
    },
  });
  const { out } = await pipeline.run('status', '--watch', '--every', '5');
  expect(out.match(/^UNKNOWN/gm)).toHaveLength(3);
  expect(looks).toBe(3);
});

describe('the health word', () => {
  const quiet = {
    events: { applied: 100, duplicate: 0, stale: 0, refetched: 0, ignored: 0, parked: 0 },
    deferred_attempts: 0,
    attempts: 100,
    processing_failure_rate: 0,
    payments: 100,
    payment_failure_rate: 0,
  };
  const kept = { achieved: 1, events: 100 };
  const base: Omit<Status, 'health' | 'reasons'> = {
    at: now.toISOString(),
    code: { version: '1', deployed_at: null },
    last_5_minutes: quiet,
    last_hour: quiet,
    slo: { target: 0.999, within_ms: 2000, last_5_minutes: kept, last_hour: kept, last_30_days: kept },
    queues: [],
    workers: [],
    rules: [],
    secret_empty: [],
    stripe: { state: 'sends', destinations: ['ed_test_1'] },
    unknown_prices: 0,
    entitled_without_user: 0,
    last_event_at: now.toISOString(),
    alarms: [],
  };

  it.each([
    ['processing_failure_rate', 0.05, 'healthy'],
    ['processing_failure_rate', 0.051, 'degraded'],
    ['processing_failure_rate', 0.16, 'critical'],
    ['payment_failure_rate', 0.1, 'healthy'],
    ['payment_failure_rate', 0.11, 'degraded'],
    ['payment_failure_rate', 0.26, 'critical'],
  ])('with a %s of %d in five minutes is %s', (rate, value, word) => {
    expect(judge({ ...base, last_5_minutes: { ...quiet, [rate]: value } }, lines).health).toBe(word);
    expect(judge({ ...base, last_hour: { ...quiet, [rate]: value } }, lines).health).toBe('healthy');
  });

  it('takes no rate from a handful', () => {
    const few = { ...quiet, attempts: 3, payments: 3, processing_failure_rate: 1, payment_failure_rate: 1 };
    const late = { ...base.slo, last_5_minutes: { achieved: 0, events: 3 } };
    expect(judge({ ...base, last_5_minutes: few, slo: late }, lines).health).toBe('healthy');
  });
});
