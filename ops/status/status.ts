import { paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { slo } from '../../core/metrics.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/report.ts';
import { consumerOf, isOn } from '../deployment/consumer.ts';
import { askCloudWatch, type Datapoint, oldestMessage, ours, sum } from '../deployment/metric-values.ts';
import { deadLetterQueues, pausables, queueDepth } from '../deployment/queue-depths.ts';

/** Worst first. `unknown`: there was nothing to judge by. */
export type HealthWord = 'critical' | 'degraded' | 'paused' | 'healthy' | 'unknown';

export interface Status {
  health: HealthWord;
  /** Why not `healthy`, one sentence each, worst first. */
  reasons: string[];
  at: string;
  /** Live events of the last hour by how they ended; attempts that went back to the queue apart. */
  last_hour: {
    events: Record<(typeof outcomeMetrics)[number][0], number>;
    deferred_attempts: number;
    /** Share of attempts that were deferred or parked; null when there was none. */
    processing_failure_rate: number | null;
    payment_failure_rate: number | null;
  };
  slo: { target: number; within_ms: number; last_hour: SliWindow; last_30_days: SliWindow };
  queues: {
    name: string;
    kind: 'work' | 'undelivered' | 'failed';
    waiting: number;
    in_flight: number;
    oldest_s: number | null;
  }[];
  workers: { name: string; state: string }[];
  last_event_at: string | null;
  alarms: string[];
}

export interface SliWindow {
  /** Share of events committed in time; null when there was none. */
  achieved: number | null;
  events: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Fine enough that "the last hour" is one: CloudWatch widens a window to whole periods, so hourly datapoints would reach up to two hours back. */
const FINE = 300;

const outcomeMetrics = [
  ['applied', 'EventsApplied'],
  ['duplicate', 'EventsDuplicate'],
  ['stale', 'EventsStale'],
  ['refetched', 'EventsRefetched'],
  ['ignored', 'EventsIgnored'],
  ['parked', 'EventsParked'],
] as const;

/** How the pipeline is now, judged as design §7 says: payments over 10 % or processing over 5 % failing is degraded, 25 % or 15 % critical. */
export async function status(ops: Ops): Promise<Report<Status>> {
  const { outputs } = await ops.stack();
  const lost = deadLetterQueues(outputs);
  const [hour, month, recent, consumers, deadLetterDepths, alarms] = await Promise.all([
    askCloudWatch(
      ops,
      [
        ...outcomeMetrics.map(([, metric]) => ours(ops, metric, 'Sum', FINE)),
        ours(ops, 'EventsDeferred', 'Sum', FINE),
        ours(ops, 'AttemptSucceeded', 'Sum', FINE),
        ours(ops, 'AttemptSucceeded', 'SampleCount', FINE),
        ours(ops, 'PaymentsFailed', 'Sum', FINE),
        ours(ops, 'PaymentsFailed', 'SampleCount', FINE),
        ours(ops, 'CommittedInTime', 'Sum', FINE),
        ours(ops, 'CommittedInTime', 'SampleCount', FINE),
      ],
      HOUR,
    ),
    askCloudWatch(
      ops,
      [ours(ops, 'CommittedInTime', 'Sum', HOUR), ours(ops, 'CommittedInTime', 'SampleCount', HOUR)],
      30 * DAY,
    ),
    askCloudWatch(
      ops,
      [
        {
          namespace: 'AWS/Events',
          metric: 'Events',
          dimensions: { EventSourceName: outputs.StripeEventSourceName },
          statistic: 'Sum',
          period_s: FINE,
        },
        ...outcomeMetrics.map(([, metric]) => ours(ops, metric, 'Sum', FINE)),
        ...lost.map(({ url }) => oldestMessage(url)),
      ],
      DAY,
    ),
    Promise.all(pausables.map((worker) => consumerOf(ops, worker))),
    Promise.all(lost.map(({ url }) => queueDepth(ops.aws.sqs, url))),
    ringingAlarms(ops),
  ]);

  const events = Object.fromEntries(
    outcomeMetrics.map(([outcome], index) => [outcome, sum(hour[index]!)]),
  ) as Status['last_hour']['events'];
  const [deferred, succeeded, attempts, failedPayments, payments, inTime, timed] = hour
    .slice(outcomeMetrics.length)
    .map(sum) as [number, number, number, number, number, number, number];
  const deadLetterAges = recent.slice(1 + outcomeMetrics.length);
  const data: Omit<Status, 'health' | 'reasons'> = {
    at: ops.now().toISOString(),
    last_hour: {
      events,
      deferred_attempts: deferred,
      processing_failure_rate: share(attempts - succeeded, attempts),
      payment_failure_rate: share(failedPayments, payments),
    },
    slo: {
      target: slo.target,
      within_ms: slo.withinMs,
      last_hour: { achieved: share(inTime, timed), events: timed },
      last_30_days: { achieved: share(sum(month[0]!), sum(month[1]!)), events: sum(month[1]!) },
    },
    queues: [
      ...consumers.map(({ worker, waiting, in_flight, oldest_s }) => ({
        name: worker,
        kind: 'work' as const,
        waiting,
        in_flight,
        oldest_s: waiting + in_flight === 0 ? null : oldest_s,
      })),
      ...lost.map(({ name, kind }, index) => {
        const { waiting, in_flight } = deadLetterDepths[index]!;
        return {
          name,
          kind,
          waiting,
          in_flight,
          oldest_s: waiting + in_flight === 0 ? null : (deadLetterAges[index]![0]?.value ?? null),
        };
      }),
    ],
    workers: consumers.map((consumer) => ({ name: consumer.worker, state: isOn(consumer) ? 'running' : 'paused' })),
    last_event_at: latest(recent.slice(0, 1 + outcomeMetrics.length)),
    alarms,
  };
  const { health, reasons } = judge(data);
  return { data: { health, reasons, ...data }, found: health === 'healthy' || health === 'unknown' ? [] : reasons };
}

/** Thresholds of design §7; a rate over fewer than this many is no rate: one failed payment at night is not an outage. */
const ENOUGH = 20;

/** The health word and its reasons, worst first. */
export function judge(status: Omit<Status, 'health' | 'reasons'>): { health: HealthWord; reasons: string[] } {
  const verdicts: { word: HealthWord; reason: string }[] = [];
  const { last_hour, queues, workers, alarms } = status;
  const settled = Object.values(last_hour.events).reduce((total, count) => total + count, 0);
  const rate = (name: string, value: number | null, degraded: number, critical: number) => {
    if (value === null || settled + last_hour.deferred_attempts < ENOUGH || value <= degraded) return;
    verdicts.push({
      word: value > critical ? 'critical' : 'degraded',
      reason: `${percent(value)} of ${name} failed in the last hour.`,
    });
  };
  rate('attempts to settle an event', last_hour.processing_failure_rate, 0.05, 0.15);
  rate('payments', last_hour.payment_failure_rate, 0.1, 0.25);
  for (const { name, kind, waiting, in_flight } of queues) {
    if (kind !== 'work' && waiting + in_flight > 0) {
      const why = kind === 'failed' ? 'our code gave up on them' : 'our code never saw them';
      verdicts.push({
        word: 'degraded',
        reason: `${count(waiting + in_flight, 'message')} in ${name}: ${why}. \`ops redrive\` shows why.`,
      });
    }
  }
  for (const alarm of alarms) verdicts.push({ word: 'degraded', reason: `The alarm ${alarm} rings.` });
  for (const { name, state } of workers)
    if (state === 'paused')
      verdicts.push({
        word: 'paused',
        reason: `${name} is paused: its queue keeps what arrives. \`ops resume\` starts it.`,
      });
  const order: HealthWord[] = ['critical', 'degraded', 'paused'];
  verdicts.sort((a, b) => order.indexOf(a.word) - order.indexOf(b.word));
  if (verdicts.length > 0) return { health: verdicts[0]!.word, reasons: verdicts.map(({ reason }) => reason) };
  if (status.last_event_at === null)
    return { health: 'unknown', reasons: ['No event in the last 24 hours to judge by.'] };
  return { health: 'healthy', reasons: [] };
}

/** Alarms of this stack that ring now, found through the stack's own resources. */
async function ringingAlarms({ aws, stackName }: Ops): Promise<string[]> {
  const names: string[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client: aws.cloudformation },
    { StackName: stackName },
  )) {
    for (const { ResourceType, PhysicalResourceId } of StackResourceSummaries) {
      if (ResourceType?.endsWith('Alarm') && PhysicalResourceId) names.push(PhysicalResourceId);
    }
  }
  const ringing: string[] = [];
  for (let start = 0; start < names.length; start += 100) {
    const { MetricAlarms = [], CompositeAlarms = [] } = await aws.cloudwatch.send(
      new DescribeAlarmsCommand({
        AlarmNames: names.slice(start, start + 100),
        AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
        StateValue: 'ALARM',
      }),
    );
    ringing.push(...[...MetricAlarms, ...CompositeAlarms].flatMap(({ AlarmName }) => AlarmName ?? []));
  }
  return ringing.sort();
}

function latest(series: readonly Datapoint[][]): string | null {
  const times = series
    .flat()
    .filter(({ value }) => value > 0)
    .map(({ at }) => at.toISOString())
    .sort();
  return times.at(-1) ?? null;
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
export const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 2 : 1)} %`;
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
