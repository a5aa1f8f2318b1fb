import { type Measurement, metrics } from '../../core/metrics.ts';
import type { Thresholds } from '../../lib/watch/thresholds.ts';
import type { Template } from '../../local/cloudformation/synthesise.ts';
import { type AlarmState, alarmStates } from '../../local/cloudwatch/alarm-states.ts';
import { MetricHistory, type MetricIdentity, type Series } from '../../local/cloudwatch/metric-history.ts';
import { dashboardOf, type StackDashboard } from '../../local/cloudwatch/stack-dashboard.ts';
import { metricsIn } from '../../local/cloudwatch/widget-lines.ts';
import { eventSource, type Resource, Synthesis, synthesise } from './synthesis.ts';

/** `failed-billing` of `huntaze-stripe-failed-billing-dev`. */
export const shortAlarmName = (name: string): string => name.replace(/^huntaze-stripe-(.*)-(dev|prod)$/, '$1');

/** A part of a composite, which rings nothing by itself. */
export const isHalf = (name: string): boolean => /^(slo-burn-\w+-(long|short)|silence-arrivals)$/.test(name);

/** Every alarm by its short name, composites included. */
export function alarmsOf(synthesis: Synthesis): Map<string, Resource['Properties']> {
  const alarms = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap((type) => synthesis.all(type));
  return new Map(alarms.map(([, { Properties }]) => [shortAlarmName(Properties.AlarmName), Properties]));
}

/** The metrics that one alarm reads. */
export function metricsOfAlarm(alarm: Resource['Properties']): MetricIdentity[] {
  const named = (metric: {
    Namespace: string;
    MetricName: string;
    Dimensions?: { Name: string; Value: string }[];
  }) => ({
    namespace: metric.Namespace,
    name: metric.MetricName,
    dimensions: Object.fromEntries((metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
  });
  if (!alarm.Metrics) return alarm.MetricName ? [named(alarm)] : [];
  // biome-ignore lint/suspicious/noExplicitAny: a template is any JSON.
  return alarm.Metrics.flatMap(({ MetricStat }: any) => (MetricStat ? [named(MetricStat.Metric)] : []));
}

export const dashboardIn = (synthesis: Synthesis): StackDashboard =>
  dashboardOf(synthesis.json as Template, synthesis.stack.stackName);

export const metricsOfDashboard = (synthesis: Synthesis): MetricIdentity[] =>
  dashboardIn(synthesis).widgets.flatMap(metricsIn);

/** The alarms that fire when this is all that was measured, in one period; `more` is what AWS or a stand-in measures. */
export function alarmsThatFire(
  measurements: readonly Measurement[],
  more: readonly Series[] = [],
  context: Record<string, unknown> = {},
  thresholds: Partial<Thresholds> = {},
): string[] {
  const { alarms } = dashboardIn(
    Object.keys(thresholds).length > 0
      ? new Synthesis(context, (settings) => ({ ...settings, thresholds }))
      : synthesise(context),
  );
  const at = '2026-11-21T09:00:00.000Z';
  const ours = measurements.map(
    ({ name, value, dimensions }): Series => ({
      namespace: 'huntaze/stripe',
      name,
      unit: metrics[name].unit,
      dimensions,
      points: [{ at, values: [value] }],
    }),
  );
  const history = new MetricHistory(merged([...ours, ...more]));
  const states = alarmStates(alarms, history, history.span);
  const fires = alarms.filter(({ logicalId }) => states.get(logicalId) === ('ALARM' satisfies AlarmState));
  // The parts of a composite ring nothing by themselves.
  return fires
    .map(({ properties }) => shortAlarmName(String(properties.AlarmName)))
    .filter((name) => !isHalf(name))
    .sort();
}

/** A queue's number of messages, as CloudWatch and the local run measure it. */
export const queueDepth = (queue: string, messages: number): Series =>
  queueMetric('ApproximateNumberOfMessagesVisible', queue, messages);

export const queueMetric = (name: string, queue: string, value: number): Series =>
  ofAws('AWS/SQS', name, { QueueName: `huntaze-stripe-${queue}-dev` }, value);

/** How often a rule delivered. */
export const delivered = (rule: string, value: number): Series =>
  ofAws('AWS/Events', 'Invocations', { EventBusName: eventSource, RuleName: `huntaze-stripe-${rule}-dev` }, value);

const ofAws = (namespace: string, name: string, dimensions: Record<string, string>, value: number): Series => ({
  namespace,
  name,
  unit: 'Count',
  dimensions,
  points: [{ at: '2026-11-21T09:00:00.000Z', values: [value] }],
});

function merged(series: readonly Series[]): Series[] {
  const groups = Map.groupBy(series, ({ namespace, name, dimensions }) =>
    JSON.stringify([namespace, name, dimensions]),
  );
  return [...groups.values()].map((group) => ({ ...group[0]!, points: group.flatMap(({ points }) => points) }));
}
