import { type MetricName, metricOfOutcome } from '../../core/metrics.ts';
import { type Outcome, outcomes } from '../../core/outcome.ts';
import type { Ops } from '../cli/ops.ts';
import { askCloudWatch, ours, type Question, sum } from '../deployment/metric-values.ts';

/** Live events of a span of time by how they ended; attempts that went back to the queue apart. */
export interface Window {
  events: Record<Outcome, number>;
  deferred_attempts: number;
  /** Attempts that settled an event or were deferred. */
  attempts: number;
  /** Share of attempts that were deferred or parked; null when there was none. */
  processing_failure_rate: number | null;
  /** Payments that succeeded or failed. */
  payments: number;
  payment_failure_rate: number | null;
}

export interface SliWindow {
  /** Share of events committed in time; null when there was none. */
  achieved: number | null;
  events: number;
}

const numbers = [
  ['deferred', 'EventsDeferred', 'Sum'],
  ['succeeded', 'AttemptSucceeded', 'Sum'],
  ['attempts', 'AttemptSucceeded', 'SampleCount'],
  ['failedPayments', 'PaymentsFailed', 'Sum'],
  ['payments', 'PaymentsFailed', 'SampleCount'],
  ['inTime', 'CommittedInTime', 'Sum'],
  ['timed', 'CommittedInTime', 'SampleCount'],
] as const satisfies readonly (readonly [string, MetricName, Question['statistic']])[];

/**
 * Live traffic of the last `seconds`.
 *
 * `period_s` is the width of a datapoint: CloudWatch widens a window to whole periods, so a wide one would reach further back than asked.
 */
export async function lookBack(
  ops: Ops,
  seconds: number,
  period_s: number,
): Promise<{ window: Window; sli: SliWindow }> {
  const values = await askCloudWatch(
    ops,
    [
      ...outcomes.map((outcome) => ours(ops, metricOfOutcome[outcome], 'Sum', period_s)),
      ...numbers.map(([, metric, statistic]) => ours(ops, metric, statistic, period_s)),
    ],
    seconds,
  );
  const events = Object.fromEntries(outcomes.map((outcome, index) => [outcome, sum(values[index]!)]));
  const of = Object.fromEntries(
    numbers.map(([name], index) => [name, sum(values[outcomes.length + index]!)]),
  ) as Record<(typeof numbers)[number][0], number>;
  return {
    window: {
      events: events as Window['events'],
      deferred_attempts: of.deferred,
      attempts: of.attempts,
      processing_failure_rate: share(of.attempts - of.succeeded, of.attempts),
      payments: of.payments,
      payment_failure_rate: share(of.failedPayments, of.payments),
    },
    sli: { achieved: share(of.inTime, of.timed), events: of.timed },
  };
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
