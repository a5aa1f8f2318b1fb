import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

/** What is in the database: is it what Stripe holds, and does the money come in? */
export const customerAlarms = (pipeline: WatchedPipeline): PlannedAlarm[] => [
  ...paymentFailures(pipeline),
  {
    kind: 'unknown-price',
    severity: 'degraded',
    // Six hours: long enough that it does not come and go with every event, short enough to see the mending work.
    metric: reported(pipeline, 'UnknownPrice', { statistic: 'Sum', period: hours(6) }),
    when: 'at least',
    // One: someone bought something that config/plans.yaml does not know.
    threshold: 1,
    happened: 'Stripe sent a price that config/plans.yaml does not list.',
    customers: 'Who bought it keeps the plan held before: a new customer has paid and has no plan.',
  },
  {
    kind: 'api-version',
    severity: 'degraded',
    metric: reported(pipeline, 'UnexpectedApiVersion', { statistic: 'Sum', period: hours(6) }),
    when: 'at least',
    // One: a destination's version never changes by itself, so a single event proves that somebody made another destination.
    threshold: 1,
    happened: 'Events arrive in a Stripe API version that this code was not tested with.',
    customers: 'Nothing while the fields we read are the same; else their events end in the failed queue.',
  },
  {
    kind: 'drift',
    severity: 'degraded',
    metric: reported(pipeline, 'Drift', { statistic: 'Sum', period: hours(1) }),
    when: 'at least',
    // One: reconcile leaves out what may still be on its way, so a difference is a plan that was wrong.
    threshold: 1,
    happened: 'The reconcile run found plans that differed from Stripe.',
    customers: 'They had the wrong plan until the run mended it; its log lines name them.',
  },
  {
    kind: 'missed-events',
    severity: 'degraded',
    metric: reported(pipeline, 'MissedEvents', { statistic: 'Sum', period: hours(1) }),
    when: 'at least',
    // One: every event should have come by the bus.
    threshold: 1,
    happened: 'The reconcile run found events at Stripe that never reached our ledger.',
    customers: 'The plans concerned were out of date until the run mended them.',
  },
  {
    kind: 'reconcile-silent',
    severity: 'degraded',
    // Every run reports Drift, if only 0, and runs come hourly: three missing in a row are no slow run.
    metric: reported(pipeline, 'Drift', { statistic: 'SampleCount', period: hours(1) }),
    when: 'less than',
    threshold: 1,
    periods: 3,
    missing: 'breaching',
    happened: 'No reconcile run has ended for 3 hours.',
    customers: 'Nothing yet; events that Stripe never sent us stay unnoticed.',
  },
];

/** Share of payments that failed within an hour. */
function paymentFailures(pipeline: WatchedPipeline): PlannedAlarm[] {
  const period = minutes(60);
  const metric = new MathExpression({
    // Twenty payments: one failure of two is bad luck, and cards are declined every day.
    expression: 'IF(payments >= 20, 100 * failed, 0)',
    usingMetrics: {
      payments: reported(pipeline, 'PaymentsFailed', { statistic: 'SampleCount', period }),
      failed: reported(pipeline, 'PaymentsFailed', { statistic: 'Average', period }),
    },
    label: 'payments that failed, %',
    period,
  });
  const level = (severity: 'critical' | 'degraded', threshold: number): PlannedAlarm => ({
    kind: 'payment-failures',
    part: severity,
    severity,
    metric,
    when: 'more than',
    threshold,
    happened: `More than ${threshold} % of the payments within an hour failed.`,
    customers: 'They try to pay and cannot. The pipeline itself works: it is what told us.',
  });
  // The levels of design §7.
  return [level('degraded', 10), level('critical', 25)];
}
