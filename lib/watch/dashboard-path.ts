import { type IMetric, type IWidget, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { colors, question, stage } from './dashboard-parts.ts';
import { arrivals, hours, minutes, type RuleMetric, reported, ruleMetric, shortName } from './watched-metrics.ts';

/** Where is it stuck? One row for each stage from left to right of the architecture: the first row that looks wrong is the place. */
export const pathRows = (pipeline: WatchedPipeline): IWidget[][] => [
  question('2 · Where is it stuck? The first row that looks wrong is the place (numbers of the last 5 minutes)'),
  stage('Bus', 'does Stripe deliver?', [
    arrivals(pipeline, { statistic: 'Sum', period: minutes(5), label: 'arrived' }),
    arrivals(pipeline, { statistic: 'Sum', period: hours(1), label: 'arrived, last hour' }),
    arrivals(pipeline, { statistic: 'Sum', period: hours(24), label: 'arrived, last day' }),
  ]),
  stage('Rules', 'does it reach the queues?', [
    ...pipeline.workers.map(({ name: part }) => acrossRules(pipeline, part, 'Invocations', 'Sum', `${part} delivered`)),
    acrossRules(pipeline, '', 'IngestionToInvocationSuccessLatency', 'p99', 'slowest delivery, p99 ms'),
    acrossRules(pipeline, '', 'FailedInvocations', 'Sum', 'gave up', colors.bad),
  ]),
  stage(
    'Queues',
    'is it taken?',
    pipeline.workers.flatMap(({ name, queue }) => [
      queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', label: `${name} waiting` }),
      queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', label: `${name} oldest, s` }),
    ]),
  ),
  stage(
    'Functions',
    'does it run?',
    pipeline.workers.flatMap(({ name, fn }) => [
      fn.metricErrors({ statistic: 'Sum', label: `${name} crashes`, color: colors.bad }),
      fn.metricDuration({ statistic: 'p95', label: `${name} p95, ms` }),
    ]),
  ),
  stage('Database', 'does it commit?', [
    reported(pipeline, 'DatabaseMs', { statistic: 'p50', label: 'apply p50, ms' }),
    reported(pipeline, 'DatabaseMs', { statistic: 'p99', label: 'apply p99, ms' }),
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
    usingMetrics: Object.fromEntries(
      rules.map((rule, index) => [id(index), ruleMetric(pipeline, rule, metric, { statistic })]),
    ),
    label,
    ...(color && { color }),
  });
}
