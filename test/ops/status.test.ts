import { judge, type Status } from '../../ops/status/status.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await startPipeline();
});
afterEach(() => pipeline.close());

const now = new Date('2026-11-21T10:00:00Z');
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

/** Numbers of an ordinary hour. */
function ordinaryHour({ aws }: Pipeline): void {
  const one = (name: string, value: number) => aws.metrics.set(name, [{ at: minutesAgo(5), value }]);
  one('EventsApplied.Sum', 95);
  one('EventsDuplicate.Sum', 5);
  one('AttemptSucceeded.Sum', 100);
  one('AttemptSucceeded.SampleCount', 100);
  one('PaymentsFailed.Sum', 1);
  one('PaymentsFailed.SampleCount', 40);
  one('CommittedInTime.Sum', 100);
  one('CommittedInTime.SampleCount', 100);
  one('Events/aws.partner/stripe.com/ed_test_1', 3);
}

it('is healthy in an ordinary hour, and says the numbers', async () => {
  pipeline.at(now);
  ordinaryHour(pipeline);
  const { code, json } = await pipeline.run('status', '--json');
  expect(code).toBe(0);
  expect(json).toMatchObject({
    verb: 'status',
    environment: 'dev',
    found: [],
    data: {
      health: 'healthy',
      reasons: [],
      at: '2026-11-21T10:00:00.000Z',
      last_hour: {
        events: { applied: 95, duplicate: 5, stale: 0, refetched: 0, ignored: 0, parked: 0 },
        deferred_attempts: 0,
        processing_failure_rate: 0,
        payment_failure_rate: 0.025,
      },
      slo: {
        target: 0.999,
        within_ms: 2000,
        last_hour: { achieved: 1, events: 100 },
        last_30_days: { achieved: 1, events: 100 },
      },
      last_event_at: '2026-11-21T09:55:00.000Z',
      alarms: [],
    },
  });
  expect(json.data.queues).toHaveLength(11);
});

it('reads as a page', async () => {
  pipeline.at(now);
  ordinaryHour(pipeline);
  const { out } = await pipeline.run('status');
  expect(out).toMatch(/^HEALTHY at 2026-11-21 10:00:00 UTC; last event 2026-11-21 09:55:00 UTC/);
  expect(out).toContain('95 applied, 5 duplicate, 0 stale, 0 refetched, 0 ignored, 0 parked; 0 attempts deferred');
  expect(out).toMatch(/billing-failed +failed +0 +0 +–/);
});

it('is degraded while something is lost or an alarm rings, and paused while a worker is', async () => {
  pipeline.at(now);
  ordinaryHour(pipeline);
  await pipeline.send('BillingFailedQueueUrl', '{}');
  pipeline.aws.ringing = ['huntaze-stripe-silence-dev'];
  pipeline.aws.mappings.get('mapping-payments')!.State = 'Disabled';
  const { code, json } = await pipeline.run('status', '--json');
  expect(code).toBe(1);
  expect(json.data.health).toBe('degraded');
  expect(json.data.reasons).toEqual([
    '1 message in billing-failed: our code gave up on them. `ops redrive` shows why.',
    'The alarm huntaze-stripe-silence-dev rings.',
    'payments is paused: its queue keeps what arrives. `ops resume` starts it.',
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
  const base: Omit<Status, 'health' | 'reasons'> = {
    at: now.toISOString(),
    last_hour: {
      events: { applied: 100, duplicate: 0, stale: 0, refetched: 0, ignored: 0, parked: 0 },
      deferred_attempts: 0,
      processing_failure_rate: 0,
      payment_failure_rate: 0,
    },
    slo: {
      target: 0.999,
      within_ms: 2000,
      last_hour: { achieved: 1, events: 100 },
      last_30_days: { achieved: 1, events: 100 },
    },
    queues: [],
    workers: [],
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
  ])('with a %s of %d is %s', (rate, value, word) => {
    expect(judge({ ...base, last_hour: { ...base.last_hour, [rate]: value } }).health).toBe(word);
  });

  it('takes no rate from a handful of events', () => {
    const few = { ...base.last_hour, events: { ...base.last_hour.events, applied: 3 }, payment_failure_rate: 1 };
    expect(judge({ ...base, last_hour: few }).health).toBe('healthy');
  });
});
