import { Duration } from 'aws-cdk-lib';
import { GaugeWidget, type IWidget, MathExpression, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { outcomesOf } from './dashboard-customers.ts';
import { colors, graph, question } from './dashboard-parts.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

const height = 6;

/** What is for the day: money (an indication; finance reads `billing.revenue_daily`), the error budget, replays. */
export const byDayRows = (pipeline: WatchedPipeline): IWidget[][] => [
  question('4 · By day: money, the error budget, replays'),
  [
    graph('Payments, per 5 minutes', 6, height, {
      left: [
        reported(pipeline, 'PaymentsSucceeded', {
          statistic: 'Sum',
          period: minutes(5),
          label: 'succeeded',
          color: colors.good,
        }),
        reported(pipeline, 'PaymentsFailed', {
          statistic: 'Sum',
          period: minutes(5),
          label: 'failed',
          color: colors.bad,
        }),
      ],
    }),
    graph('Payments that failed, % of an hour', 6, height, {
      left: [
        new MathExpression({
          expression: '100 * failed',
          usingMetrics: { failed: reported(pipeline, 'PaymentsFailed', { statistic: 'Average', period: hours(1) }) },
          label: 'failed, %',
          period: hours(1),
          color: colors.bad,
        }),
      ],
      leftYAxis: { min: 0, max: 100, showUnits: false },
      leftAnnotations: [
        { value: 10, label: 'degraded', color: colors.look },
        { value: 25, label: 'critical', color: colors.bad },
      ],
    }),
    graph('Subscriptions, per hour', 6, height, {
      left: [
        reported(pipeline, 'SubscriptionsActivated', {
          statistic: 'Sum',
          period: hours(1),
          label: 'activated',
          color: colors.good,
        }),
        reported(pipeline, 'SubscriptionsCancelled', {
          statistic: 'Sum',
          period: hours(1),
          label: 'cancelled',
          color: colors.bad,
        }),
      ],
    }),
    new SingleValueWidget({
      title: 'Amounts, last day',
      metrics: currencies(pipeline).flatMap((currency) => [
        amount(pipeline, 'AmountPaidMinor', currency, 'paid', colors.good),
        amount(pipeline, 'AmountFailedMinor', currency, 'failed', colors.bad),
      ]),
      width: 6,
      height,
    }),
  ],
  [
    new GaugeWidget({
      title: 'Error budget left, 30 days',
      metrics: [budgetLeft(pipeline)],
      leftYAxis: { min: 0, max: 100 },
      start: '-P30D',
      setPeriodToTimeRange: true,
      width: 6,
      height,
    }),
    graph('Replayed events by outcome, per 5 minutes', 18, height, {
      stacked: true,
      left: outcomesOf(pipeline, 'replay'),
    }),
  ],
];

/** Nothing left is 0 on a gauge, however much more was spent. */
const budgetLeft = (pipeline: WatchedPipeline) =>
  new MathExpression({
    expression: `IF(kept > ${slo.target}, 100 * (1 - (1 - kept) / ${(1 - slo.target).toFixed(3)}), 0)`,
    usingMetrics: {
      kept: reported(pipeline, 'CommittedInTime', { statistic: 'Average', period: Duration.days(30) }),
    },
    label: '% left',
    period: Duration.days(30),
    color: colors.good,
  });

/** Those that the catalogue sells in. */
export const currencies = ({ settings }: WatchedPipeline): string[] => [
  ...new Set(settings.catalogue.plans.flatMap(({ prices }) => prices.map(({ currency }) => currency))),
];

function amount(
  pipeline: WatchedPipeline,
  name: 'AmountPaidMinor' | 'AmountFailedMinor',
  currency: string,
  label: string,
  color: string,
) {
  const period = Duration.days(1);
  const id = `${label}_${currency}`;
  return new MathExpression({
    expression: `${id} / ${minorPerMajor(currency)}`,
    usingMetrics: { [id]: reported(pipeline, name, { statistic: 'Sum', period, currency }) },
    label: `${currency.toUpperCase()} ${label}`,
    period,
    color,
  });
}

/** 100 for euros and cents, 1 for yen. */
function minorPerMajor(currency: string): number {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions();
  return 10 ** maximumFractionDigits;
}
