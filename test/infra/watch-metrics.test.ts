import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metrics } from '@aws-lambda-powertools/metrics';
import {
  groupedByDimensions,
  type Measurement,
  type MetricName,
  metrics,
  metricsOf,
  metricsOfDeferral,
  metricsOfFailedReconcile,
  metricsOfReconcile,
  metricsOfStripeEnd,
  type SettledEvent,
} from '../../core/metrics.ts';
import { root } from './synthesis.ts';

const event: SettledEvent = {
  worker: 'payments',
  type: 'payment_intent.succeeded',
  outcome: 'applied',
  origin: 'webhook',
  arrivalToCommitMs: 420,
  databaseMs: 5,
  unknownPrice: false,
  unexpectedApiVersion: false,
  payment: { succeeded: true, currency: 'EUR', amountMinor: 1900 },
  planEvents: [{ event_type: 'SUBSCRIPTION_ACTIVATED' }],
};
const valuesOf = (measurements: Measurement[]) =>
  Object.fromEntries(measurements.map(({ name, value }) => [name, value]));

it('reports of a payment what happened, how long it took, and the money', () => {
  expect(valuesOf(metricsOf(event, 'prod'))).toEqual({
    EventsApplied: 1,
    AttemptSucceeded: 1,
    ArrivalToCommitMs: 420,
    CommittedInTime: 1,
    DatabaseMs: 5,
    PaymentsSucceeded: 1,
    PaymentsFailed: 0,
    AmountPaidMinor: 1900,
    SubscriptionsActivated: 1,
  });
});

it.each(['duplicate', 'stale', 'ignored'] as const)(
  'counts no money and no subscription twice for a %s event',
  (outcome) => {
    const reported = Object.keys(valuesOf(metricsOf({ ...event, outcome }, 'prod')));
    expect(reported.filter((name) => /Payments|Amount|Subscriptions/.test(name))).toEqual([]);
  },
);

it('counts a payment once, though Stripe tells it as a charge and an invoice too', () => {
  expect(valuesOf(metricsOf({ ...event, type: 'charge.succeeded' }, 'prod'))).not.toHaveProperty('PaymentsSucceeded');
});

it('measures two seconds as in time, and a millisecond more as late', () => {
  expect(valuesOf(metricsOf({ ...event, arrivalToCommitMs: 2000 }, 'prod')).CommittedInTime).toBe(1);
  expect(valuesOf(metricsOf({ ...event, arrivalToCommitMs: 2001 }, 'prod')).CommittedInTime).toBe(0);
});

it('reports of Stripe’s end what Stripe said, and nothing when it said nothing', () => {
  const reported = (...look: Parameters<typeof metricsOfStripeEnd>) => valuesOf(metricsOfStripeEnd(...look));
  expect(reported({ state: 'sends', destinations: ['ed_1'] }, 'prod')).toEqual({
    StripeKeyRefused: 0,
    StripeSendsNothing: 0,
  });
  expect(reported({ state: 'sends_nothing', why: '', sending: [] }, 'prod')).toEqual({
    StripeKeyRefused: 0,
    StripeSendsNothing: 1,
  });
  expect(reported({ state: 'sends', destinations: ['ed_1', 'ed_2'] }, 'prod')).toEqual({
    StripeKeyRefused: 0,
    StripeSendsNothing: 0,
    OneSourceGetsNothing: 0,
  });
  expect(reported({ state: 'sends_nothing', why: '', sending: ['ed_2'] }, 'prod')).toEqual({
    StripeKeyRefused: 0,
    StripeSendsNothing: 0,
    OneSourceGetsNothing: 1,
  });
  expect(reported({ state: 'key_refused', why: '' }, 'prod')).toEqual({ StripeKeyRefused: 1 });
  expect(reported({ state: 'not_asked', why: '' }, 'prod')).toEqual({});
});

it.each(['stripe_401', 'stripe_403'])('counts a refused key by %s, whoever met it first', (code) => {
  expect(valuesOf(metricsOfDeferral({ origin: 'webhook', code, queuedForMs: 10 }, 'prod')).StripeKeyRefused).toBe(1);
  expect(valuesOf(metricsOfFailedReconcile(code, 'prod'))).toEqual({ StripeKeyRefused: 1 });
  expect(metricsOfFailedReconcile('stripe_429', 'prod')).toEqual([]);
  expect(metricsOfFailedReconcile(undefined, 'prod')).toEqual([]);
});

it('never reports a negative duration, which would take the percentiles away from the whole metric', () => {
  expect(valuesOf(metricsOf({ ...event, arrivalToCommitMs: -40 }, 'prod')).ArrivalToCommitMs).toBe(0);
});

it.each(['replay', 'reconcile'] as const)('times only live events: a %s keeps an old arrival', (origin) => {
  const reported = metricsOf({ ...event, origin, arrivalToCommitMs: 86_400_000 }, 'prod');
  expect(valuesOf(reported)).not.toHaveProperty('ArrivalToCommitMs');
  expect(valuesOf(reported)).not.toHaveProperty('CommittedInTime');
  expect(reported.map(({ dimensions }) => dimensions.traffic)).not.toContain('live');
});

it('gives every value the dimensions of its metric, and nothing else', () => {
  const all = [
    ...metricsOf({ ...event, unknownPrice: true, unexpectedApiVersion: true }, 'prod'),
    ...metricsOf({ ...event, outcome: 'parked', payment: { ...event.payment!, succeeded: false } }, 'prod'),
    ...metricsOfDeferral({ origin: 'webhook', code: 'secret_not_set', queuedForMs: 10 }, 'prod'),
    ...metricsOfReconcile({ drift: 0, missedEvents: 0, entitledWithoutUser: 0 }, 'prod'),
    ...metricsOfStripeEnd({ state: 'sends', destinations: ['ed_1', 'ed_2'] }, 'prod'),
  ];
  for (const { name, dimensions } of all) {
    expect([name, Object.keys(dimensions)]).toEqual([name, metrics[name].dimensions]);
    expect(Object.values(dimensions)).not.toContain('');
  }
});

it('leaves Powertools as it is declared: the namespace’s dimensions, no `service`, one line for each set', () => {
  const batch = [...metricsOf(event, 'prod'), ...metricsOf({ ...event, arrivalToCommitMs: 900 }, 'prod')];
  const lines = groupedByDimensions(batch).map(({ dimensions, values }) => {
    const emf = new Metrics({ namespace: 'huntaze/stripe' });
    emf.clearDefaultDimensions();
    emf.setDefaultDimensions(dimensions);
    for (const { name, value } of values) emf.addMetric(name, metrics[name].unit, value);
    return emf.serializeMetrics();
  });
  expect(lines.map(({ _aws }) => _aws.CloudWatchMetrics[0]!.Dimensions)).toEqual([
    [['environment', 'traffic']],
    [['environment', 'traffic', 'currency']],
  ]);
  // Every value, not a summary of them: percentiles need the distribution.
  expect(lines[0]).toMatchObject({ environment: 'prod', traffic: 'live', ArrivalToCommitMs: [420, 900] });
});

it.each(Object.keys(metrics) as MetricName[])(
  '%s stands in docs/metrics.md with its unit, dimensions and emitter',
  (name) => {
    const { unit, dimensions, emitter } = metrics[name];
    const row = readFileSync(join(root, 'docs', 'metrics.md'), 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` |`));
    expect(
      row
        ?.split('|')
        .slice(2, 5)
        .map((cell) => cell.trim()),
    ).toEqual([unit, dimensions.join(', '), emitter]);
  },
);
