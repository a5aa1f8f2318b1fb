import type { Duration } from 'aws-cdk-lib';
import {
  AlarmState,
  AlarmStatusWidget,
  AlarmStatusWidgetSortBy,
  type IWidget,
  MathExpression,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { slo } from '../../core/metrics.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Alarms } from './alarms.ts';
import { colors, graph, question } from './dashboard-parts.ts';
import { deployments } from './deployment-notice.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

const height = 6;

/** Are customers affected now? The health word, what rings and since when, and the promise. */
export const customersRow = (pipeline: WatchedPipeline, alarms: Alarms): IWidget[][] => [
  question('1 · Are customers affected now?'),
  [
    new AlarmStatusWidget({
      title: 'Health: none red = healthy',
      alarms: [alarms.critical, alarms.degraded],
      width: 3,
      height,
    }),
    new AlarmStatusWidget({
      title: 'What rings now, the latest first: its text says what to do',
      alarms: [...alarms.parts.values()],
      states: [AlarmState.ALARM],
      sortBy: AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
      width: 6,
      height,
    }),
    new SingleValueWidget({
      title: `Live events within ${slo.withinMs / 1000} s, %`,
      metrics: [
        kept(pipeline, '5 min', minutes(5), colors.good),
        kept(pipeline, `usual: 1 day (promised ${100 * slo.target})`, hours(24)),
      ],
      sparkline: true,
      width: 4,
      height,
    }),
    graph('From arrival to the commit, ms (live)', 4, height, {
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
      right: [deployments(pipeline)],
      rightYAxis: { min: 0, max: 1, showUnits: false },
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

const kept = (pipeline: WatchedPipeline, label: string, period: Duration, color?: string) =>
  new MathExpression({
    expression: `100 * ${id(label)}`,
    usingMetrics: { [id(label)]: reported(pipeline, 'CommittedInTime', { statistic: 'Average', period }) },
    label,
    period,
    ...(color && { color }),
  });

/** Ids of metrics in a widget are unique and start with a small letter. */
const id = (label: string) => `kept_${label.replaceAll(/\W+/g, '_')}`;
