import type { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Severity } from './planned-alarm.ts';
import type { Thresholds } from './thresholds.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

/** One speed at which the error budget burns: it counts only while both the long and the short window agree. */
export interface BurnRate {
  readonly part: 'fast' | 'slow' | 'lasting';
  readonly severity: Severity;
  /** How many times faster than would use up the 30 days' budget in just 30 days. */
  readonly rate: number;
  /** How much of the budget is gone when it fires, in words. */
  readonly burnt: string;
  /** Proves that it matters. */
  readonly long: Duration;
  /** Proves that it is still going on: the alarm ends soon after its cause does. */
  readonly short: Duration;
}

/**
 * The three pairs of windows that Google's SRE workbook recommends for a budget of 30 days.
 * @see https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts
 */
export const burnRates: readonly BurnRate[] = [
  { part: 'fast', severity: 'critical', rate: 14.4, burnt: '2 % in an hour', long: hours(1), short: minutes(5) },
  { part: 'slow', severity: 'critical', rate: 6, burnt: '5 % in 6 hours', long: hours(6), short: minutes(30) },
  { part: 'lasting', severity: 'degraded', rate: 3, burnt: '10 % in a day', long: hours(24), short: hours(2) },
];

/**
 * Percentage of live events that broke the SLO in a window. CloudWatch moves an alarm's window with every evaluation, so one period as
 * long as the window is a rolling window.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
 */
export function missedShare(pipeline: WatchedPipeline, window: Duration, thresholds: Thresholds): IMetric {
  return new MathExpression({
    // Half an event less than the fewest: the product of a count and an average is not exact.
    expression: `IF(events * (1 - kept) > ${thresholds.sloFewestBroken - 0.5}, 100 * (1 - kept), 0)`,
    usingMetrics: {
      events: reported(pipeline, 'CommittedInTime', { statistic: 'SampleCount', period: window }),
      kept: reported(pipeline, 'CommittedInTime', { statistic: 'Average', period: window }),
    },
    label: 'live events late or parked, %',
    period: window,
  });
}

/** Whether it is still going on: no minimum, because the long window has one. */
export const keptShare = (pipeline: WatchedPipeline, window: Duration) =>
  reported(pipeline, 'CommittedInTime', { statistic: 'Average', period: window });

/** The percentage of broken promises that burns the budget at this rate. */
export const brokenPercent = ({ rate }: BurnRate): number => round(100 * rate * (1 - slo.target));

/** The share of kept promises below which the budget burns at this rate. */
export const keptAtLeast = ({ rate }: BurnRate): number => round(1 - rate * (1 - slo.target));

/** 0.0144 is not exact in binary: without this the template would say 1.4400000000000013. */
const round = (value: number) => Number(value.toFixed(6));
