import { GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { type MetricName, metrics, type Traffic } from '../../core/metrics.ts';
import { pipelineNames } from '../../lib/names.ts';
import type { Ops } from '../cli/ops.ts';
import { queueNameOf } from './queue-depths.ts';

export interface Datapoint {
  at: Date;
  value: number;
}

/** One number to ask CloudWatch for, over one window. */
export interface Question {
  namespace: string;
  metric: string;
  dimensions: Record<string, string>;
  statistic: 'Sum' | 'Average' | 'Maximum' | 'SampleCount' | 'p99';
  /** Width of a datapoint, in seconds. */
  period_s: number;
}

/** A metric of our own code, of this environment. @see core/metrics.ts */
export function ours(
  ops: Ops,
  metric: MetricName,
  statistic: Question['statistic'],
  period_s: number,
  traffic: Traffic = 'live',
): Question {
  const known = { environment: ops.environment, traffic };
  // Amounts carry a currency, and have no sum: they are the dashboard's.
  const dimensions = Object.fromEntries(
    metrics[metric].dimensions.map((name) => [name, known[name as keyof typeof known]]),
  );
  const namespace = pipelineNames({ appName: ops.appName, environment: ops.environment }).metrics;
  return { namespace, metric, dimensions, statistic, period_s };
}

/** Answers all questions over `seconds` until now, in one call; datapoints newest first, none where nobody wrote. */
export async function askCloudWatch(ops: Ops, questions: readonly Question[], seconds: number): Promise<Datapoint[][]> {
  const until = ops.now();
  const queries = questions.map(({ namespace, metric, dimensions, statistic, period_s }, index): MetricDataQuery => {
    const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
    return {
      Id: `q${index}`,
      MetricStat: {
        Metric: { Namespace: namespace, MetricName: metric, Dimensions },
        Stat: statistic,
        Period: period_s,
      },
    };
  });
  const answers: Datapoint[][] = questions.map(() => []);
  let NextToken: string | undefined;
  do {
    const page = await ops.aws.cloudwatch.send(
      new GetMetricDataCommand({
        MetricDataQueries: queries,
        StartTime: new Date(until.getTime() - seconds * 1000),
        EndTime: until,
        ScanBy: 'TimestampDescending',
        ...(NextToken !== undefined && { NextToken }),
      }),
    );
    for (const { Id, Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
      answers[Number(Id!.slice(1))]!.push(...Timestamps.map((at, index) => ({ at, value: Values[index]! })));
    }
    NextToken = page.NextToken;
  } while (NextToken);
  return answers;
}

export const sum = (points: readonly Datapoint[]): number => points.reduce((total, { value }) => total + value, 0);

/** Seconds that a queue's oldest message has waited, by CloudWatch's last number; null when there is none. */
export async function oldestMessageAge(ops: Ops, queueUrl: string): Promise<number | null> {
  const [points] = await askCloudWatch(ops, [oldestMessage(queueUrl)], 900);
  return points?.[0]?.value ?? null;
}

export const oldestMessage = (queueUrl: string): Question => ({
  namespace: 'AWS/SQS',
  metric: 'ApproximateAgeOfOldestMessage',
  dimensions: { QueueName: queueNameOf(queueUrl) },
  statistic: 'Maximum',
  period_s: 60,
});
