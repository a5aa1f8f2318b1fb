import { Duration, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { type Dimension, type MetricName, metrics, type Traffic } from '../../core/metrics.ts';
import type { EventSource } from '../event-sources.ts';
import { pipelineNames } from '../names.ts';
import type { WatchedPipeline, WatchedRule } from '../watched-pipeline.ts';

export interface Reading {
  readonly statistic: string;
  readonly period?: Duration;
  /** @default 'live' */
  readonly traffic?: Traffic;
  readonly currency?: string;
  readonly label?: string;
  readonly color?: string;
}

/** A metric of ours, with exactly the dimensions under which `core/metrics.ts` says it is emitted. */
export function reported(pipeline: WatchedPipeline, name: MetricName, reading: Reading): cloudwatch.Metric {
  const { traffic = 'live', currency, ...rest } = reading;
  const { environment } = pipeline.settings;
  const known: Record<Dimension, string | undefined> = { environment, traffic, currency };
  return new cloudwatch.Metric({
    namespace: pipelineNames(pipeline.settings).metrics,
    metricName: name,
    dimensionsMap: Object.fromEntries(
      metrics[name].dimensions.map((dimension) => {
        const value = known[dimension];
        if (value === undefined) throw new Error(`${name} is emitted per ${dimension}; say which one to read.`);
        return [dimension, value];
      }),
    ),
    ...rest,
  });
}

/** What Stripe delivered to this account, before any rule; counts from the partner sources, so it falls silent when those are deleted. */
export function arrivals(
  { sources }: WatchedPipeline,
  reading: Omit<Reading, 'traffic' | 'currency'> & { readonly period: Duration },
): cloudwatch.IMetric {
  if (sources.length === 1) return arrivalsOf(sources[0]!, reading);
  const { label = 'arrived', ...each } = reading;
  // A graph reads several periods of them, and wants an id of its own for each.
  const id = ({ place }: EventSource) => `${place}${reading.period.toSeconds()}`;
  return new cloudwatch.MathExpression({
    expression: sources.map((source) => `FILL(${id(source)}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(sources.map((source) => [id(source), arrivalsOf(source, each)])),
    label,
    period: reading.period,
  });
}

/** The same, of one source. */
export const arrivalsOf = ({ name }: EventSource, reading: Omit<Reading, 'traffic' | 'currency'>) =>
  new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName: 'Events',
    dimensionsMap: { EventSourceName: name },
    ...reading,
  });

export type RuleMetric =
  | 'Invocations'
  | 'FailedInvocations'
  | 'InvocationsFailedToBeSentToDlq'
  | 'IngestionToInvocationSuccessLatency';

/**
 * A metric of one rule. On any bus but the default one a rule reports under both `EventBusName` and `RuleName`; the CDK's own
 * `rule.metric…()` name only the rule and read nothing.
 */
export const ruleMetric = (rule: WatchedRule, metricName: RuleMetric, reading: Omit<Reading, 'traffic' | 'currency'>) =>
  new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName,
    dimensionsMap: { EventBusName: rule.source.name, RuleName: plainName(rule) },
    ...reading,
  });

/** The rule's name as written: its `Ref` would be `bus|rule`, which is nobody's dimension. */
function plainName({ rule }: WatchedRule): string {
  const { name } = rule.node.defaultChild as CfnRule;
  if (name === undefined || Token.isUnresolved(name)) {
    throw new Error(
      `The rule at ${rule.node.path} has no name of its own; alarms find its metrics by name. Give it one.`,
    );
  }
  return name;
}

/** `payments`, `audit-other-1`: the part of a rule's name that is not the same in all of them. */
export function shortName({ settings }: WatchedPipeline, rule: WatchedRule): string {
  const name = plainName(rule);
  const prefix = `${settings.appName}-stripe-`;
  const suffix = `-${settings.environment}`;
  return name.startsWith(prefix) && name.endsWith(suffix) ? name.slice(prefix.length, -suffix.length) : name;
}

/** The sum of metrics that may be absent, as one number. A single metric stays itself, which an emulator and a person read more easily. */
export const summed = (metrics: readonly cloudwatch.IMetric[], label: string): cloudwatch.IMetric =>
  together(metrics, label, (terms) => terms.map((term) => `FILL(${term}, 0)`).join(' + '));

/** The greatest of metrics that may be absent. */
export const largest = (metrics: readonly cloudwatch.IMetric[], label: string): cloudwatch.IMetric =>
  together(metrics, label, (terms) => `MAX([${terms.map((term) => `FILL(${term}, 0)`).join(', ')}])`);

function together(
  metrics: readonly cloudwatch.IMetric[],
  label: string,
  expressionOf: (terms: string[]) => string,
): cloudwatch.IMetric {
  const [only] = metrics;
  if (!only) throw new Error(`"${label}" is made of no metric at all.`);
  if (metrics.length === 1) return only;
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]));
  const period = (only as cloudwatch.Metric).period;
  return new cloudwatch.MathExpression({
    expression: expressionOf(Object.keys(usingMetrics)),
    usingMetrics,
    label,
    period,
  });
}

export const minutes = Duration.minutes;
export const hours = Duration.hours;
