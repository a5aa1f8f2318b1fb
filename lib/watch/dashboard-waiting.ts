import { Duration } from 'aws-cdk-lib';
import { AlarmStatusWidget, type IMetric, type IWidget, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { Alarms } from './alarms.ts';
import { outcomesOf } from './dashboard-customers.ts';
import { colors, graph, question } from './dashboard-parts.ts';
import { minutes, reported, shortName } from './watched-metrics.ts';

/** What waits for me? Everything that only a person brings on its way again, and the alarms one by one. */
export const waitingRow = (pipeline: WatchedPipeline, alarms: Alarms): IWidget[][] => [
  question('4 · What waits for me?'),
  [
    new SingleValueWidget({
      title: 'Failed: our code gave up (redrive after the fix)',
      metrics: [...pipeline.workers, { name: 'reconcile', failed: pipeline.reconcile.failed }].map(({ name, failed }) =>
        depth(failed, name),
      ),
      width: 6,
      height: 3,
    }),
    new SingleValueWidget({
      title: 'Undelivered: our code never ran',
      metrics: undelivered(pipeline),
      width: 6,
      height: 3,
    }),
    new SingleValueWidget({
      title: 'To look at, last day',
      metrics: [
        reported(pipeline, 'EventsParked', { statistic: 'Sum', period: day, label: 'parked' }),
        reported(pipeline, 'UnknownPrice', { statistic: 'Sum', period: day, label: 'unknown price' }),
        reported(pipeline, 'UnexpectedApiVersion', { statistic: 'Sum', period: day, label: 'API version' }),
        reported(pipeline, 'Drift', { statistic: 'Sum', period: day, label: 'drift' }),
        reported(pipeline, 'MissedEvents', { statistic: 'Sum', period: day, label: 'missed events' }),
      ].map((metric) => metric.with({ color: colors.look })),
      width: 12,
      height: 3,
    }),
  ],
  [
    graph('Replayed events by outcome, per 5 minutes', 8, 6, { stacked: true, left: outcomesOf(pipeline, 'replay') }),
    new AlarmStatusWidget({
      title: 'Every alarm; its text links the runbook',
      alarms: [...alarms.parts.values()],
      width: 16,
      height: 6,
    }),
  ],
];

const day = Duration.days(1);

const depth = (queue: IQueue, label: string): IMetric =>
  queue.metricApproximateNumberOfMessagesVisible({
    statistic: 'Maximum',
    period: minutes(5),
    label,
    color: colors.bad,
  });

function undelivered(pipeline: WatchedPipeline): IMetric[] {
  const queues = new Map<string, [IQueue, string]>();
  for (const rule of pipeline.rules) {
    const name = shortName(pipeline, rule).replace(/^audit-.*/, 'audit');
    queues.set(rule.undelivered.node.path, [rule.undelivered, name]);
  }
  if (pipeline.apiUndelivered) queues.set('api', [pipeline.apiUndelivered, 'api']);
  if (pipeline.busUndelivered) queues.set('bus', [pipeline.busUndelivered, 'bus']);
  return [...queues.values()].map(([queue, name]) => depth(queue, name));
}
