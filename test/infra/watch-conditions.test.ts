import {
  type Measurement,
  metricsOf,
  metricsOfDeferral,
  metricsOfReconcile,
  metricsOfStripeEnd,
  type SettledEvent,
} from '../../core/metrics.ts';
import { alarmsThatFire, delivered, queueDepth, queueMetric } from './watch-template.ts';

/** What a worker reports of a live event that went well. */
const settled: SettledEvent = {
  worker: 'billing',
  type: 'customer.subscription.updated',
  outcome: 'applied',
  origin: 'webhook',
  arrivalToCommitMs: 300,
  databaseMs: 4,
  unknownPrice: false,
  unexpectedApiVersion: false,
  planEvents: [],
};
const event = (change: Partial<SettledEvent> = {}) => metricsOf({ ...settled, ...change }, 'dev');
const times = (count: number, measurements: Measurement[]) => Array.from({ length: count }, () => measurements).flat();
const payment = (succeeded: boolean) =>
  event({ type: 'payment_intent.succeeded', payment: { succeeded, currency: 'eur', amountMinor: 1900 } });
const parked: Partial<SettledEvent> = { outcome: 'parked', arrivalToCommitMs: undefined as never };
const deferral = (queuedForMs: number, code = 'database_down') =>
  metricsOfDeferral({ origin: 'webhook', code, queuedForMs }, 'dev');

/** Design §10, as far as it shows in what is measured; each with the alarms that must fire and no other. */
describe('what fails, and which alarm says so', () => {
  it('nothing fails: none', () => {
    expect(
      alarmsThatFire([...times(1000, event()), ...metricsOfReconcile({ drift: 0, missedEvents: 0 }, 'dev')]),
    ).toEqual([]);
  });

  it('the same event twenty times, and others late: none, that is everyday', () => {
    expect(
      alarmsThatFire([...event(), ...times(19, event({ outcome: 'duplicate' })), ...event({ outcome: 'stale' })]),
    ).toEqual([]);
  });

  it('the database is down: attempts fail, and someone is woken', () => {
    expect(alarmsThatFire([...times(50, event()), ...times(12, deferral(20_000))])).toEqual([
      'critical',
      'degraded',
      'processing-failures-critical',
      'processing-failures-degraded',
    ]);
  });

  it('the database was down for an hour: what is committed afterwards was late', () => {
    const fired = alarmsThatFire([...times(1000, event()), ...times(60, event({ arrivalToCommitMs: 3_600_000 }))]);
    expect(fired).toEqual(['critical', 'degraded', 'slo-burn-fast', 'slo-burn-lasting', 'slo-burn-slow']);
  });

  it('one event waits for Stripe’s API while all others pass: told, nobody is woken', () => {
    expect(alarmsThatFire([...times(100, event()), ...times(3, deferral(2_000_000, 'stripe_unreachable'))])).toEqual([
      'deferred-long',
      'degraded',
    ]);
  });

  it('a handler bug on one type: it lies in the failed queue, nobody is woken', () => {
    const fired = alarmsThatFire([...times(5000, event()), ...event(parked)], [queueDepth('billing-failed', 1)]);
    expect(fired).toEqual(['degraded', 'failed']);
  });

  it('nothing is readable any more: someone is woken', () => {
    const fired = alarmsThatFire(times(20, event(parked)), [queueDepth('billing-failed', 20)]);
    expect(fired).toEqual(
      expect.arrayContaining(['critical', 'processing-failures-critical', 'slo-burn-fast', 'failed']),
    );
  });

  it('a rule could not deliver: someone is woken', () => {
    expect(alarmsThatFire(event(), [queueDepth('payments-undelivered', 1)])).toEqual([
      'critical',
      'undelivered-critical',
    ]);
  });

  it('Stripe never sent an event: the reconcile run says so', () => {
    expect(alarmsThatFire(metricsOfReconcile({ drift: 1, missedEvents: 2 }, 'dev'))).toEqual([
      'degraded',
      'drift',
      'missed-events',
    ]);
  });

  it('runs are cut off, hour after hour: the reconcile run says so; one of them gets through: none', () => {
    const run = (finished: boolean) => metricsOfReconcile({ drift: 0, missedEvents: 0, finished }, 'dev');
    expect(alarmsThatFire(times(6, run(false)))).toEqual(['degraded', 'reconcile-unfinished']);
    expect(alarmsThatFire([...times(5, run(false)), ...run(true)])).toEqual([]);
  });

  it('somebody pays and is linked to no user', () => {
    expect(alarmsThatFire(metricsOfReconcile({ drift: 0, missedEvents: 0, entitledWithoutUser: 1 }, 'dev'))).toEqual([
      'degraded',
      'entitled-without-user',
    ]);
  });

  const stuck = (worker: string, { waiting, tried, settled }: { waiting: number; tried: number; settled: number }) => [
    queueMetric('ApproximateNumberOfMessagesVisible', worker, waiting),
    queueMetric('ApproximateNumberOfMessagesNotVisible', worker, tried),
    queueMetric('NumberOfMessagesDeleted', worker, settled),
  ];

  it('a function cannot start, or its mapping is off: messages wait, none is settled, and no metric of ours says anything', () => {
    const wakes = ['critical', 'nothing-settled-billing'];
    expect(alarmsThatFire([], stuck('billing', { waiting: 0, tried: 135, settled: 0 }))).toEqual(wakes);
    expect(alarmsThatFire([], stuck('billing', { waiting: 40, tried: 0, settled: 0 }))).toEqual(wakes);
    expect(alarmsThatFire([], stuck('billing', { waiting: 40, tried: 10, settled: 1 }))).toEqual([]);
  });

  it('one event alone is stuck at night: that may be its own fault, and wakes nobody', () => {
    expect(alarmsThatFire([], stuck('billing', { waiting: 0, tried: 1, settled: 0 }))).toEqual([]);
  });

  it('the audit bucket is gone: said within minutes, and wakes nobody', () => {
    const audit = stuck('audit', { waiting: 30, tried: 10, settled: 0 }).map((series) => ({
      ...series,
      dimensions: { QueueName: 'huntaze-stripe-audit-dev.fifo' },
    }));
    expect(alarmsThatFire([], audit)).toEqual(['degraded', 'nothing-settled-audit']);
  });

  it('a quiet shop, where everything fails: two events, tried only every 15 minutes, still count as critical', () => {
    const failing = times(4, deferral(1_000_000));
    const waiting = stuck('billing', { waiting: 0, tried: 2, settled: 0 });
    expect(alarmsThatFire(failing, waiting)).toEqual(expect.arrayContaining(['processing-failures-critical']));
    // The same four attempts of one event: no.
    expect(alarmsThatFire(failing, stuck('billing', { waiting: 0, tried: 1, settled: 0 }))).toEqual([]);
  });

  it('a rule is disabled: the audit trail gets events that its worker does not', () => {
    expect(alarmsThatFire([], [delivered('audit-billing-3', 12)])).toEqual(['critical', 'rule-disabled']);
    expect(alarmsThatFire([], [delivered('audit-billing-3', 12), delivered('billing', 12)])).toEqual([]);
    // A replay goes to the worker alone.
    expect(alarmsThatFire([], [delivered('billing', 500)])).toEqual([]);
  });

  it('Stripe sends nothing: someone is woken, though no event is missing yet', () => {
    expect(alarmsThatFire(metricsOfStripeEnd({ state: 'sends_nothing', why: '', sending: [] }, 'dev'))).toEqual([
      'critical',
      'destination-disabled',
    ]);
    expect(alarmsThatFire(metricsOfStripeEnd({ state: 'sends', destinations: ['ed_1'] }, 'dev'))).toEqual([]);
  });

  it('Stripe sends to one of two sources: told, nobody is woken, for every event comes by the other', () => {
    const two = { secondEventSourceName: 'aws.partner/stripe.com/ed_62next' };
    const oneOff = metricsOfStripeEnd({ state: 'sends_nothing', why: '', sending: ['ed_62next'] }, 'dev');
    expect(alarmsThatFire(oneOff, [], two)).toEqual(['degraded', 'destination-disabled-one-source']);
    const bothOn = metricsOfStripeEnd({ state: 'sends', destinations: ['ed_61abc', 'ed_62next'] }, 'dev');
    expect(alarmsThatFire(bothOn, [], two)).toEqual([]);
  });

  it('Stripe refuses the key: told, nobody is woken', () => {
    expect(alarmsThatFire(metricsOfStripeEnd({ state: 'key_refused', why: '' }, 'dev'))).toEqual([
      'degraded',
      'stripe-key',
    ]);
    expect(alarmsThatFire([...times(100, event()), ...deferral(20_000, 'stripe_401')])).toEqual([
      'degraded',
      'stripe-key',
    ]);
  });

  it('nothing comes: silence rings only if Stripe has events that we lack', () => {
    const silent = {
      ...delivered('x', 0),
      name: 'Events',
      dimensions: { EventSourceName: 'aws.partner/stripe.com/ed_61abc' },
    };
    const prod = { environment: 'prod' };
    const found = (missedEvents: number) => metricsOfReconcile({ drift: 0, missedEvents }, 'prod');
    expect(alarmsThatFire(found(0), [silent], prod)).toEqual([]);
    expect(alarmsThatFire(found(3), [silent], prod)).toEqual(['critical', 'degraded', 'missed-events', 'silence']);
  });

  it('thresholds are settings: another number in the environment’s file, another alarm', () => {
    const { thresholds } = { thresholds: { failedMessages: 100 } };
    expect(alarmsThatFire(event(), [queueDepth('billing-failed', 99)], {}, thresholds)).toEqual([]);
    expect(alarmsThatFire(event(), [queueDepth('billing-failed', 100)], {}, thresholds)).toEqual([
      'degraded',
      'failed',
    ]);
  });

  it('a replay of a whole day: its age is no latency, and no live number moves', () => {
    expect(
      alarmsThatFire([
        ...times(1000, event()),
        ...times(500, event({ origin: 'replay', arrivalToCommitMs: 86_400_000 })),
      ]),
    ).toEqual([]);
  });

  it('a replay that fails: live alarms are quiet; what keeps failing is told', () => {
    const failing = metricsOfDeferral({ origin: 'replay', code: 'database_down', queuedForMs: 2_000_000 }, 'dev');
    expect(alarmsThatFire([...times(100, event()), ...times(100, failing)])).toEqual(['deferred-long', 'degraded']);
  });

  it('parked events are repaired and redriven: the SLO is not broken a second time', () => {
    expect(
      alarmsThatFire([...times(100, event()), ...times(50, event({ redriven: true, arrivalToCommitMs: 86_400_000 }))]),
    ).toEqual([]);
  });

  it('a price that the catalogue lacks', () => {
    expect(alarmsThatFire(event({ unknownPrice: true }))).toEqual(['degraded', 'unknown-price']);
  });

  it('an API version that was not tested', () => {
    expect(alarmsThatFire(event({ unexpectedApiVersion: true }))).toEqual(['api-version', 'degraded']);
  });

  it('the secret holds nothing yet', () => {
    expect(alarmsThatFire(deferral(1000, 'secret_not_set'))).toEqual(['critical', 'secret-not-set']);
  });

  it('payments fail: degraded above 10 %, critical above 25 %, and one of two is no incident', () => {
    const payments = (succeeded: number, failed: number) => [
      ...times(succeeded, payment(true)),
      ...times(failed, payment(false)),
    ];
    expect(alarmsThatFire(payments(1, 1))).toEqual([]);
    expect(alarmsThatFire(payments(18, 2))).toEqual([]);
    expect(alarmsThatFire(payments(17, 3))).toEqual(['degraded', 'payment-failures-degraded']);
    expect(alarmsThatFire(payments(14, 6))).toEqual([
      'critical',
      'degraded',
      'payment-failures-critical',
      'payment-failures-degraded',
    ]);
  });

  it('one event is late in a quiet hour: no incident', () => {
    expect(alarmsThatFire([...times(10, event()), ...event({ arrivalToCommitMs: 2500 })])).toEqual([]);
  });
});
