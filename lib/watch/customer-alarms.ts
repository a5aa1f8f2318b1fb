import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import type { Thresholds } from './thresholds.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

/** What is in the database: is it what Stripe holds, and does the money come in? */
export const customerAlarms = (pipeline: WatchedPipeline, thresholds: Thresholds): PlannedAlarm[] => [
  ...paymentFailures(pipeline, thresholds),
  {
    kind: 'entitled-without-user',
    severity: 'degraded',
    metric: reported(pipeline, 'EntitledWithoutUser', { statistic: 'Maximum', period: hours(1) }),
    when: 'at least',
    threshold: thresholds.entitledWithoutUser,
    happened: 'Somebody pays whom the pipeline can link to no user.',
    customers: 'They paid and have no plan: no app knows whose it is.',
  },
  {
    kind: 'unknown-price',
    severity: 'degraded',
    // Six hours: long enough that it does not come and go with every event, short enough to see that the repair works.
    metric: reported(pipeline, 'UnknownPrice', { statistic: 'Sum', period: hours(6) }),
    when: 'at least',
    threshold: thresholds.unknownPrices,
    happened: 'Stripe sent a price that config/plans.yaml does not list.',
    customers: 'Who bought it keeps the plan held before: a new customer has paid and has no plan.',
  },
  {
    kind: 'api-version',
    severity: 'degraded',
    metric: reported(pipeline, 'UnexpectedApiVersion', { statistic: 'Sum', period: hours(6) }),
    when: 'at least',
    threshold: thresholds.unexpectedApiVersions,
    happened: 'Events arrive in a Stripe API version that this code was not tested with.',
    customers: 'Nothing while the fields we read are the same; else their events end in the failed queue.',
  },
  {
    kind: 'drift',
    severity: 'degraded',
    metric: reported(pipeline, 'Drift', { statistic: 'Sum', period: hours(1) }),
    when: 'at least',
    threshold: thresholds.driftRows,
    happened: 'The reconcile run found plans that differed from Stripe, with no event on its way that explains it.',
    customers: 'They had the wrong plan until the run repaired it; its log lines name them.',
  },
  {
    kind: 'missed-events',
    severity: 'degraded',
    metric: reported(pipeline, 'MissedEvents', { statistic: 'Sum', period: hours(1) }),
    when: 'at least',
    threshold: thresholds.missedEvents,
    happened: 'The reconcile run found events at Stripe that never reached us: no ledger row has them and no queue.',
    customers: 'The plans concerned were out of date until the run repaired them.',
  },
  {
    kind: 'reconcile-silent',
    severity: 'degraded',
    // Every run that ends reports Drift, if only 0.
    metric: reported(pipeline, 'Drift', { statistic: 'SampleCount', period: hours(1) }),
    when: 'less than',
    threshold: 1,
    periods: thresholds.reconcileSilentHours,
    missing: 'breaching',
    happened: `No reconcile run has ended for ${thresholds.reconcileSilentHours} hours.`,
    customers: 'Nothing yet; events that Stripe never sent us stay unnoticed.',
  },
  {
    kind: 'reconcile-unfinished',
    severity: 'degraded',
    // One run that got through within the hour is enough.
    metric: reported(pipeline, 'ReconcileUnfinished', { statistic: 'Minimum', period: hours(1) }),
    when: 'at least',
    threshold: 1,
    periods: thresholds.reconcileUnfinishedHours,
    happened: `For ${thresholds.reconcileUnfinishedHours} hours no reconcile run has got through: each left some of its reading to the next.`,
    customers: 'Nothing yet; what differs from Stripe is found later than it should be.',
  },
];

/** Share of payments that failed within an hour. */
function paymentFailures(pipeline: WatchedPipeline, thresholds: Thresholds): PlannedAlarm[] {
  const period = minutes(60);
  const metric = new MathExpression({
    expression: `IF(payments >= ${thresholds.paymentsFewest}, 100 * failed, 0)`,
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
    customers: 'They try to pay and cannot. The pipeline itself works: it is what noticed.',
  });
  return [level('degraded', thresholds.paymentsDegradedPercent), level('critical', thresholds.paymentsCriticalPercent)];
}
