import { Duration } from 'aws-cdk-lib';
import { type IMetric, type IWidget, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import { colors, question } from './dashboard-parts.ts';
import { hours, minutes, reported, shortName } from './watched-metrics.ts';

/** What waits for me? Everything that only a person brings on its way again. */
export const waitingRow = (pipeline: WatchedPipeline): IWidget[][] => [
  question('3 · What waits for me?'),
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
        reported(pipeline, 'ReconcileUnfinished', { statistic: 'Sum', period: day, label: 'unfinished comparisons' }),
        reported(pipeline, 'EntitledWithoutUser', {
          statistic: 'Maximum',
          period: hours(1),
          label: 'entitled, but nobody’s',
        }),
      ].map((metric) => metric.with({ color: colors.look })),
      width: 12,
      height: 3,
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
