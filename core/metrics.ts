import type { Origin } from './origin.ts';
import type { Outcome } from './outcome.ts';
import type { StripeEnd } from './stripe/stripe-end.ts';
import type { Worker } from './workers.ts';

/**
 * Every number that our code reports, by name: the one place that code, alarms, dashboard and documents share.
 *
 * All carry `environment`, because the namespace `{app}/stripe` is shared by the environments of an account. What counts events carries
 * `traffic` too, so that no replay bends a live number; what someone has to act on does not: it matters whoever came across it, and
 * an alarm then reads one metric. Not among the dimensions, because each would multiply what CloudWatch bills or hide what on-call asks:
 * - the worker: percentiles of two workers cannot be added up afterwards, and AWS reports each queue and function apart anyway;
 * - the outcome: it is the metric's name instead, so one EMF line carries a whole batch;
 * - the event type: the log line has it, the saved query "events by type and outcome" counts it.
 * Amounts carry `currency` (three letters, else `other`: each value of a dimension is a metric that CloudWatch bills): amounts of two
 * currencies have no sum.
 */
export const metrics = {
  EventsApplied: counted('Something we hold changed.'),
  EventsDuplicate: counted('We had the event already; nothing changed.'),
  EventsStale: counted('We hold something later; nothing changed.'),
  EventsRefetched: counted('The events of one second could not decide; Stripe was asked and its answer stored.'),
  EventsIgnored: counted('Not ours to apply: a connected account, the wrong mode, a type without plan state.'),
  EventsParked: counted('Can never be applied as it is; waits in the failed queue with its reason.'),
  EventsDeferred: counted('An attempt that failed and goes back to the queue; one event may count several times.'),
  AttemptSucceeded: share('1 for an attempt that settled its event, 0 for one that was deferred or parked.'),
  CommittedInTime: share('1 for a live event that met the SLO, 0 for one that was late or parked. Average = the SLI.'),
  ArrivalToCommitMs: timed("From the envelope's `time` on the bus to the database commit; one value per live event."),
  DatabaseMs: timed('The one call of the apply function, round trip included; one value per event.'),
  PaymentsSucceeded: counted('1 for a payment that succeeded, 0 for one that failed. Sum = how many.'),
  PaymentsFailed: counted(
    '1 for a payment that failed, 0 for one that succeeded. Sum = how many, Average = failure rate.',
  ),
  AmountPaidMinor: amount('Amount of a succeeded payment, in the smallest unit of its currency.'),
  AmountFailedMinor: amount('Amount of a failed payment, in the smallest unit of its currency.'),
  SubscriptionsActivated: counted('Plan events SUBSCRIPTION_ACTIVATED written.'),
  SubscriptionsCancelled: counted('Plan events SUBSCRIPTION_CANCELLED written.'),
  DeferredForMs: {
    ...finding('How long an event had been in its queue when an attempt to settle it failed.'),
    unit: 'Milliseconds',
  },
  UnknownPrice: finding('Events whose price the catalogue lacks; the customer keeps the plan held so far.'),
  UnexpectedApiVersion: finding('Events of an API version that this code was not tested with.'),
  SecretNotSet: finding('Attempts that failed because the secret still holds an empty value.'),
  StripeKeyRefused: finding(
    '1 for a call that Stripe refused with 401 or 403; every five minutes the clock asks, and reports 0 too.',
    'workers, reconcile',
  ),
  StripeSendsNothing: finding(
    '1 when Stripe said that the event destination is disabled or gone, 0 when it sends; asked every five minutes.',
    'reconcile',
  ),
  OneSourceGetsNothing: finding(
    '1 when Stripe said that it sends to only one of two event sources, 0 when to both; not reported where there is one.',
    'reconcile',
  ),
  Drift: finding(
    'Rows that differed from Stripe in one reconcile run; 0 is reported too, as a sign of life.',
    'reconcile',
  ),
  MissedEvents: finding(
    'Events that Stripe lists and neither our ledger nor a queue holds, in one reconcile run; 0 is reported too.',
    'reconcile',
  ),
  ReconcileUnfinished: finding(
    '1 for a reconcile run that left some of its reading to the next one, 0 for one that got through.',
    'reconcile',
  ),
  EntitledWithoutUser: finding(
    'What entitles a customer whom neither our rows nor Stripe link to a user, in one reconcile run; not what waits in a queue. 0 is reported too.',
    'reconcile',
  ),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

export interface Metric {
  unit: 'Count' | 'Milliseconds' | 'None';
  /** Names of the dimensions that every value carries: exactly these, or alarms look at a metric that nobody writes. */
  dimensions: readonly Dimension[];
  emitter: 'workers' | 'reconcile' | 'workers, reconcile';
  /** What one value says. */
  meaning: string;
}

export type Dimension = 'environment' | 'traffic' | 'currency';

/** Who caused the work: Stripe just now (`live`), or whatever else it came from. */
export type Traffic = 'live' | Exclude<Origin, 'webhook'>;

/**
 * The promise that alarms burn against: this share of live events is committed within this time of its arrival, and not parked.
 *
 * The envelope's `time` has whole seconds, cut off: what is measured is up to one second longer than what was.
 */
export const slo = { target: 0.999, withinMs: 2000 } as const;

/** One value to report. `dimensions` is complete. */
export interface Measurement {
  name: MetricName;
  value: number;
  dimensions: Record<string, string>;
}

/** What a worker knows of one event once it is settled. */
export interface SettledEvent {
  worker: Worker;
  type: string;
  outcome: Outcome;
  reason?: string | null;
  origin: Origin;
  /** From the envelope's `time` to the commit; absent when nothing was committed (parked, or stopped as a duplicate before). */
  arrivalToCommitMs?: number;
  /** Round trips included; absent when the database was not asked. */
  databaseMs?: number;
  /**
   * The message came back from the failed queue (it carries the `reason` attribute it was parked with): it broke the SLO when it was
   * parked, and repairing it must not break it a second time.
   */
  redriven?: boolean;
  unknownPrice: boolean;
  unexpectedApiVersion: boolean;
  payment?: { succeeded: boolean; currency: string; amountMinor: number };
  planEvents: readonly { event_type: string }[];
}

/**
 * What to report of a settled event.
 *
 * Money and subscriptions count only where something changed, so no duplicate, stale event or repeated attempt counts twice; and payments
 * only from `payment_intent.*`, because Stripe tells the same payment again as a charge and as an invoice.
 * A replayed envelope keeps its first `time`: its age is no latency, so only live events are timed.
 */
export function metricsOf(settled: SettledEvent, environment: string): Measurement[] {
  const { outcome, origin, arrivalToCommitMs, databaseMs, payment, planEvents } = settled;
  const { add, measurements } = report(environment, origin);
  const live = origin === 'webhook' && !settled.redriven;
  const parked = outcome === 'parked';
  const changed = outcome === 'applied' || outcome === 'refetched';

  add(metricOfOutcome[outcome], 1);
  add('AttemptSucceeded', parked ? 0 : 1);
  // A duplicate repeats a promise already kept or broken, an ignored event never was one: neither counts for the SLO.
  if (live && parked) add('CommittedInTime', 0);
  if (live && (changed || outcome === 'stale') && arrivalToCommitMs !== undefined) {
    // Never negative: clocks differ, and one negative value takes the percentiles away from the whole metric.
    const took = Math.max(0, arrivalToCommitMs);
    add('ArrivalToCommitMs', took);
    add('CommittedInTime', took <= slo.withinMs ? 1 : 0);
  }
  if (databaseMs !== undefined) add('DatabaseMs', databaseMs);
  if (changed && payment && settled.type.startsWith('payment_intent.')) {
    add('PaymentsSucceeded', payment.succeeded ? 1 : 0);
    add('PaymentsFailed', payment.succeeded ? 0 : 1);
    add(payment.succeeded ? 'AmountPaidMinor' : 'AmountFailedMinor', payment.amountMinor, {
      currency: /^[a-z]{3}$/i.test(payment.currency) ? payment.currency.toLowerCase() : 'other',
    });
  }
  if (changed) {
    for (const { event_type } of planEvents) {
      if (event_type === 'SUBSCRIPTION_ACTIVATED') add('SubscriptionsActivated', 1);
      if (event_type === 'SUBSCRIPTION_CANCELLED') add('SubscriptionsCancelled', 1);
    }
  }
  if (settled.unknownPrice) add('UnknownPrice', 1);
  if (settled.unexpectedApiVersion) add('UnexpectedApiVersion', 1);
  return measurements;
}

/** The `code` of the error that says the secret still holds an empty value. */
export const secretNotSetCode = 'secret_not_set';

/** The `code` of an error that says that Stripe refused our key. */
const keyRefused = /^stripe_40[13]$/;

/**
 * What to report of an attempt that goes back to the queue.
 *
 * `code` is that of its error; `queuedForMs` the time since SQS took the message (`SentTimestamp`).
 */
export function metricsOfDeferral(
  attempt: { origin: Origin; code: string; queuedForMs: number },
  environment: string,
): Measurement[] {
  const { add, measurements } = report(environment, attempt.origin);
  add('EventsDeferred', 1);
  add('AttemptSucceeded', 0);
  add('DeferredForMs', Math.max(0, attempt.queuedForMs));
  if (attempt.code === secretNotSetCode) add('SecretNotSet', 1);
  if (keyRefused.test(attempt.code)) add('StripeKeyRefused', 1);
  return measurements;
}

/** What to report of a look at Stripe's end; nothing when Stripe could not be asked, which proves neither. */
export function metricsOfStripeEnd(end: StripeEnd, environment: string): Measurement[] {
  const { add, measurements } = report(environment, 'clock');
  if (end.state === 'not_asked') return measurements;
  add('StripeKeyRefused', end.state === 'key_refused' ? 1 : 0);
  if (end.state === 'key_refused') return measurements;
  const sending = end.state === 'sends' ? end.destinations : end.sending;
  add('StripeSendsNothing', sending.length === 0 ? 1 : 0);
  const oneFails = end.state === 'sends_nothing' && sending.length > 0;
  if (sending.length > 1 || oneFails) add('OneSourceGetsNothing', oneFails ? 1 : 0);
  return measurements;
}

/** What to report of a reconcile run that failed with `code`. */
export function metricsOfFailedReconcile(code: string | undefined, environment: string): Measurement[] {
  const { add, measurements } = report(environment, 'reconcile');
  if (code !== undefined && keyRefused.test(code)) add('StripeKeyRefused', 1);
  return measurements;
}

/** What to report of one reconcile run: each number every time, 0 included; without `entitledWithoutUser` the run did not count them. */
export function metricsOfReconcile(
  run: { drift: number; missedEvents: number; entitledWithoutUser?: number; finished?: boolean },
  environment: string,
): Measurement[] {
  const { add, measurements } = report(environment, 'reconcile');
  add('Drift', run.drift);
  add('MissedEvents', run.missedEvents);
  add('ReconcileUnfinished', run.finished === false ? 1 : 0);
  if (run.entitledWithoutUser !== undefined) add('EntitledWithoutUser', run.entitledWithoutUser);
  return measurements;
}

/**
 * The measurements of a batch, one group per set of dimensions: an EMF line has one set, and any number of values.
 */
export function groupedByDimensions(
  measurements: readonly Measurement[],
): { dimensions: Record<string, string>; values: Measurement[] }[] {
  const groups = Map.groupBy(measurements, ({ dimensions }) => JSON.stringify(dimensions));
  return [...groups.values()].map((values) => ({ dimensions: values[0]!.dimensions, values }));
}

export const metricOfOutcome = {
  applied: 'EventsApplied',
  duplicate: 'EventsDuplicate',
  stale: 'EventsStale',
  refetched: 'EventsRefetched',
  ignored: 'EventsIgnored',
  parked: 'EventsParked',
} as const satisfies Record<Outcome, MetricName>;

export const trafficOf = (origin: Origin): Traffic => (origin === 'webhook' ? 'live' : origin);

function report(environment: string, origin: Origin) {
  const measurements: Measurement[] = [];
  const add = (name: MetricName, value: number, more: { currency?: string } = {}) => {
    const known: Partial<Record<Dimension, string>> = { environment, traffic: trafficOf(origin), ...more };
    const dimensions = Object.fromEntries(
      metrics[name].dimensions.map((dimension) => [dimension, known[dimension] ?? '']),
    );
    measurements.push({ name, value, dimensions });
  };
  return { add, measurements };
}

function counted(meaning: string) {
  return { unit: 'Count', dimensions: ['environment', 'traffic'], emitter: 'workers', meaning } as const;
}

/** 0 or 1 per event: `Average` is the share, `SampleCount` the volume, so an alarm on a rate reads one metric instead of seven. */
function share(meaning: string) {
  return { ...counted(meaning), unit: 'None' } as const;
}

function timed(meaning: string) {
  return { ...counted(meaning), unit: 'Milliseconds' } as const;
}

function amount(meaning: string) {
  return { ...counted(meaning), unit: 'None', dimensions: ['environment', 'traffic', 'currency'] } as const;
}

function finding(meaning: string, emitter: Metric['emitter'] = 'workers') {
  return { unit: 'Count', dimensions: ['environment'], emitter, meaning } as const;
}
