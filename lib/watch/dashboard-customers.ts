import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  GaugeWidget,
  type IWidget,
  MathExpression,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Alarms } from './alarms.ts';
import { colors, graph, question } from './dashboard-parts.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

const height = 6;

/** Are customers affected now? The health word, the promise, and how much of the error budget is left. */
export const customersRow = (pipeline: WatchedPipeline, alarms: Alarms): IWidget[][] => [
  question('1 · Are customers affected now?'),
  [
    new AlarmStatusWidget({
      title: 'Health: the red one; none red = healthy',
      alarms: [alarms.critical, alarms.degraded],
      width: 4,
      height,
    }),
    new SingleValueWidget({
      title: `Live events within ${slo.withinMs / 1000} s (promised: ${100 * slo.target} %)`,
      metrics: [
        kept(pipeline, '5 min', minutes(5)),
        kept(pipeline, '1 hour', hours(1)),
        kept(pipeline, '1 day', hours(24)),
      ],
      width: 4,
      height,
    }),
    new GaugeWidget({
      title: 'Error budget left, 30 days',
      metrics: [
        new MathExpression({
          // Nothing left is 0 on a gauge, however much more was spent.
          expression: `IF(kept > ${slo.target}, 100 * (1 - (1 - kept) / ${(1 - slo.target).toFixed(3)}), 0)`,
          usingMetrics: {
            kept: reported(pipeline, 'CommittedInTime', { statistic: 'Average', period: Duration.days(30) }),
          },
          label: '% left',
          period: Duration.days(30),
          color: colors.good,
        }),
      ],
      leftYAxis: { min: 0, max: 100 },
      start: '-P30D',
      setPeriodToTimeRange: true,
      width: 3,
      height,
    }),
    graph('From arrival on the bus to the commit, ms (live)', 6, height, {
      left: (['p50', 'p95', 'p99'] as const).map((statistic, index) =>
        reported(pipeline, 'ArrivalToCommitMs', {
          statistic,
          period: minutes(5),
          label: statistic,
          color: [colors.good, colors.normal, colors.look][index]!,
        }),
      ),
      leftAnnotations: [{ value: slo.withinMs, label: 'promised', color: colors.bad }],
    }),
    graph('Live events by outcome, per 5 minutes', 7, height, {
      stacked: true,
      left: outcomesOf(pipeline, 'live'),
    }),
  ],
];

/** How events ended, one colour for each outcome. */
export const outcomesOf = (pipeline: WatchedPipeline, traffic: 'live' | 'replay') =>
  (
    [
      ['EventsApplied', 'applied', colors.normal],
      ['EventsRefetched', 'refetched', colors.good],
      ['EventsDuplicate', 'duplicate', colors.quiet],
      ['EventsStale', 'stale', colors.other],
      ['EventsIgnored', 'ignored', '#c7c7c7'],
      ['EventsParked', 'parked', colors.bad],
      ['EventsDeferred', 'deferred', colors.look],
    ] as const
  ).map(([name, label, color]) =>
    reported(pipeline, name, { statistic: 'Sum', period: minutes(5), traffic, label, color }),
  );

const kept = (pipeline: WatchedPipeline, label: string, period: Duration) =>
  new MathExpression({
    expression: `100 * ${id(label)}`,
    usingMetrics: { [id(label)]: reported(pipeline, 'CommittedInTime', { statistic: 'Average', period }) },
    label: `${label}, %`,
    period,
  });

/** Ids of metrics in a widget are unique and start with a small letter. */
const id = (label: string) => `kept_${label.replaceAll(' ', '_')}`;
