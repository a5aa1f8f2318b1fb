import { type IMetric, type IWidget, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { colors, question, stage } from './dashboard-parts.ts';
import {
  arrivals,
  hours,
  largest,
  minutes,
  type RuleMetric,
  reported,
  ruleMetric,
  shortName,
} from './watched-metrics.ts';

/** Five-minute periods in a day: a day's sum through this is what is usual for five minutes. */
const periodsADay = 288;

/** Where is it stuck? One row for each stage from left to right of the architecture: the first row that looks wrong is the place. */
export const pathRows = (pipeline: WatchedPipeline): IWidget[][] => [
  question(
    '2 · Where is it stuck? The first row that looks wrong is the place (the last 5 minutes; "usual" is the last day)',
  ),
  stage('Bus', 'does Stripe deliver?', [
    arrivals(pipeline, { statistic: 'Sum', period: minutes(5), label: 'arrived' }),
    new MathExpression({
      expression: `day / ${periodsADay}`,
      usingMetrics: { day: arrivals(pipeline, { statistic: 'Sum', period: hours(24) }) },
      label: 'usual in 5 minutes',
      period: hours(24),
      color: colors.quiet,
    }),
    arrivals(pipeline, { statistic: 'Sum', period: hours(1), label: 'arrived, last hour' }),
    reported(pipeline, 'StripeSendsNothing', {
      statistic: 'Maximum',
      label: 'off at Stripe (1: yes)',
      color: colors.bad,
    }),
    reported(pipeline, 'StripeKeyRefused', { statistic: 'Maximum', label: 'key refused (1: yes)', color: colors.look }),
  ]),
  stage('Rules', 'does it reach the queues?', [
    ...pipeline.workers.map(({ name: part }) => acrossRules(pipeline, part, 'Invocations', 'Sum', `${part} delivered`)),
    acrossRules(pipeline, '', 'IngestionToInvocationSuccessLatency', 'p99', 'slowest delivery, p99 ms'),
    acrossRules(pipeline, '', 'FailedInvocations', 'Sum', 'gave up', colors.bad),
  ]),
  stage('Queues', 'is it taken, and settled?', [
    // What is being tried or was deferred is not "waiting" to SQS: a worker that stands still shows there, and nothing in "settled".
    ...pipeline.workers.flatMap(({ name, queue }) => [
      queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', label: `${name} waiting` }),
      queue.metricApproximateNumberOfMessagesNotVisible({ statistic: 'Maximum', label: 'in flight' }),
      queue.metricNumberOfMessagesDeleted({ statistic: 'Sum', label: 'settled', color: colors.good }),
    ]),
    largest(
      pipeline.workers.map(({ queue }) => queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum' })),
      'oldest of all, s',
    ),
  ]),
  stage('Functions', 'does it run?', [
    ...pipeline.workers.map(({ name, fn }) =>
      fn.metricErrors({ statistic: 'Sum', label: `${name} crashes`, color: colors.bad }),
    ),
    ...pipeline.workers.map(({ name, fn }) => fn.metricDuration({ statistic: 'p95', label: `${name} p95, ms` })),
  ]),
  stage('Database', 'does it commit?', [
    reported(pipeline, 'DatabaseMs', { statistic: 'p99', label: 'apply p99, ms' }),
    reported(pipeline, 'DatabaseMs', {
      statistic: 'p99',
      period: hours(24),
      label: 'usual p99, ms',
      color: colors.quiet,
    }),
    new MathExpression({
      expression: '100 * succeeded',
      usingMetrics: { succeeded: reported(pipeline, 'AttemptSucceeded', { statistic: 'Average' }) },
      label: 'attempts that succeeded, %',
    }),
    reported(pipeline, 'EventsDeferred', { statistic: 'Sum', label: 'attempts deferred', color: colors.look }),
    new MathExpression({
      expression: 'longest / 60000',
      usingMetrics: { longest: reported(pipeline, 'DeferredForMs', { statistic: 'Maximum' }) },
      label: 'longest retried, minutes',
      color: colors.look,
    }),
  ]),
];

/** One number for all rules whose name begins with `part`: their sum, or the greatest percentile. */
function acrossRules(
  pipeline: WatchedPipeline,
  part: string,
  metric: RuleMetric,
  statistic: 'Sum' | 'p99',
  label: string,
  color?: string,
): IMetric {
  const rules = pipeline.rules.filter((rule) => shortName(pipeline, rule).startsWith(part));
  const name = statistic === 'Sum' ? 'SUM' : 'MAX';
  const id = (index: number) => `${label.replaceAll(/[^a-z]/g, '')}${index}`;
  return new MathExpression({
    expression: `${name}([${rules.map((_, index) => id(index)).join(', ')}])`,
    usingMetrics: Object.fromEntries(rules.map((rule, index) => [id(index), ruleMetric(rule, metric, { statistic })])),
    label,
    ...(color && { color }),
  });
}
