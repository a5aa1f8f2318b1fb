import { type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { EventSource } from '../event-sources.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import type { Thresholds } from './thresholds.ts';
import { arrivalsOf, hours, minutes, reported, ruleMetric, summed } from './watched-metrics.ts';

const outOfDate = 'Plans of those who just paid, changed or cancelled are not updated.';

/** From Stripe to our queues: does it send, was it routed, did it get there? (Whether it arrived at all: `silence`, in alarms.ts.) */
export const deliveryAlarms = (pipeline: WatchedPipeline, thresholds: Thresholds): PlannedAlarm[] => [
  {
    kind: 'destination-disabled',
    severity: 'critical',
    metric: reported(pipeline, 'StripeSendsNothing', { statistic: 'Maximum', period: minutes(5) }),
    when: 'at least',
    threshold: 1,
    // Stripe is asked every five minutes, so a period may have no answer: only one that says otherwise ends it.
    missing: 'ignore',
    happened:
      'Stripe says that it sends us nothing: the event destination is disabled or gone, or its AWS event source is.',
    customers: 'Who pays, changes or cancels sees it up to an hour late, when the reconcile run finds it.',
  },
  ...pipeline.sources.flatMap((source) => [
    ruleDisabled(pipeline, source, thresholds),
    eventsLost(pipeline, source, thresholds, false),
    eventsLost(pipeline, source, thresholds, true),
  ]),
  ...oneSourceSilent(pipeline, thresholds),
  undelivered('critical', criticalQueues(pipeline), thresholds, outOfDate),
  undelivered(
    'degraded',
    undeliveredQueues(pipeline).filter((queue) => !criticalQueues(pipeline).includes(queue)),
    thresholds,
    'Nothing yet: the audit trail has a gap, or the API that hears of plan changes missed some.',
  ),
];

/** Each place has alarms of its own, since an alarm adds up ten metrics at most. */
const partOf = ({ place }: EventSource, part?: string) => {
  const words = [part, place === 'second' ? place : undefined].filter((word) => word !== undefined);
  return words.length > 0 ? { part: words.join('-') } : {};
};

const ruleDisabled = (pipeline: WatchedPipeline, source: EventSource, thresholds: Thresholds): PlannedAlarm => ({
  kind: 'rule-disabled',
  ...partOf(source),
  severity: 'critical',
  metric: routedNowhere(pipeline, source),
  when: 'at least',
  threshold: thresholds.ruleSilentEvents,
  happened:
    'A worker’s rule has delivered nothing for an hour, while the audit trail’s rule of the same event types delivered: it is disabled, changed or gone.',
  customers: outOfDate,
});

/**
 * While Stripe sends to two sources: that it says so of only one, or that only one brought events for an hour. The other would not be
 * missed until the first is retired.
 */
const oneSourceSilent = (pipeline: WatchedPipeline, thresholds: Thresholds): PlannedAlarm[] => {
  const [one, other] = pipeline.sources.filter(({ retired }) => !retired);
  if (!one || !other) return [];
  const reading = { statistic: 'Sum', period: hours(1) };
  const customers = 'Nothing: what one source brings is enough. Do not retire the other before this is repaired.';
  return [
    {
      kind: 'destination-disabled',
      part: 'one-source',
      severity: 'degraded',
      metric: reported(pipeline, 'OneSourceGetsNothing', { statistic: 'Maximum', period: minutes(5) }),
      when: 'at least',
      threshold: 1,
      missing: 'ignore',
      happened: `Stripe says that it sends to only one of the two event sources of the cut-over (${one.name}, ${other.name}).`,
      customers,
    },
    {
      kind: 'silence',
      part: 'one-source',
      severity: 'degraded',
      metric: new MathExpression({
        expression: 'IF(FILL(one, 0) > 0, IF(FILL(other, 0) > 0, 0, FILL(one, 0)), FILL(other, 0))',
        usingMetrics: { one: arrivalsOf(one, reading), other: arrivalsOf(other, reading) },
        label: 'events that only one source brought',
        period: hours(1),
      }),
      when: 'at least',
      threshold: thresholds.ruleSilentEvents,
      happened: `Of the two event sources of the cut-over only one brought events for an hour (${one.name}, ${other.name}).`,
      customers,
    },
  ];
};

/** The workers' rules and the audit's apart: an alarm adds up ten metrics at most, and only the first keep a customer waiting. */
const eventsLost = (
  pipeline: WatchedPipeline,
  source: EventSource,
  thresholds: Thresholds,
  audit: boolean,
): PlannedAlarm => ({
  kind: 'events-lost',
  ...partOf(source, audit ? 'audit' : undefined),
  severity: audit ? 'degraded' : 'critical',
  metric: summed(
    pipeline.rules
      .filter((rule) => rule.source === source && rule.audit === audit)
      .map((rule) => ruleMetric(rule, 'InvocationsFailedToBeSentToDlq', { statistic: 'Sum', period: minutes(5) })),
    `events lost by the rules of the ${audit ? 'audit trail' : 'workers'}`,
  ),
  when: 'at least',
  threshold: thresholds.lostEvents,
  happened: `EventBridge could deliver events${audit ? ' for the audit trail' : ''} neither to their queue nor to its dead-letter queue.`,
  customers: audit ? 'Nothing; the audit trail has a gap until the time is replayed to the audit rules.' : outOfDate,
});

/**
 * Events of a worker's types that the audit's rules delivered, while the worker's own rule delivered none: both have the same pattern.
 *
 * One direction only: a replay goes to the workers' rules alone. It needs no CloudTrail, and an hour; `hand-made-changes.ts` is faster and needs it.
 */
function routedNowhere(pipeline: WatchedPipeline, source: EventSource): IMetric {
  const rules = pipeline.rules.filter((rule) => rule.source === source);
  const invocations = (audit: boolean, worker: string) =>
    rules
      .filter((rule) => rule.family === worker && rule.audit === audit)
      .map((rule) => ruleMetric(rule, 'Invocations', { statistic: 'Sum', period: hours(1) }));
  const workers = [...new Set(rules.filter(({ audit }) => !audit).map(({ family }) => family))];
  const usingMetrics: Record<string, IMetric> = {};
  const sumOf = (name: string, metrics: readonly IMetric[]) => {
    const terms = metrics.map((metric, index) => {
      usingMetrics[`${name}${index}`] = metric;
      return `FILL(${name}${index}, 0)`;
    });
    return terms.join(' + ');
  };
  const expression = workers.map((worker) => {
    const audited = sumOf(`${worker}_audited`, invocations(true, worker));
    return `IF((${sumOf(`${worker}_delivered`, invocations(false, worker))}) > 0, 0, ${audited})`;
  });
  return new MathExpression({
    expression: expression.join(' + '),
    usingMetrics,
    label: 'events that only the audit trail got',
    period: hours(1),
  });
}

const undelivered = (
  severity: 'critical' | 'degraded',
  queues: readonly IQueue[],
  thresholds: Thresholds,
  customers: string,
): PlannedAlarm => ({
  kind: 'undelivered',
  part: severity,
  severity,
  metric: summed(
    queues.map((queue) => queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: minutes(5) })),
    'messages that were never delivered',
  ),
  when: 'at least',
  threshold: thresholds.undeliveredEvents,
  happened: `Events lie in a queue of what could not be delivered (${severity === 'critical' ? 'a worker’s, or the bus’s' : 'of the audit trail or the API'}); our code never ran for them.`,
  customers,
});

/** Each queue once, however many rules share it. */
function undeliveredQueues(pipeline: WatchedPipeline): IQueue[] {
  const { rules, apiUndelivered, busUndelivered } = pipeline;
  const queues = [...rules.map(({ undelivered }) => undelivered), apiUndelivered, busUndelivered];
  return [...new Set(queues.filter((queue) => queue !== undefined))];
}

const criticalQueues = ({ rules, busUndelivered }: WatchedPipeline): IQueue[] => [
  ...new Set(rules.filter(({ audit }) => !audit).map(({ undelivered }) => undelivered)),
  ...(busUndelivered ? [busUndelivered] : []),
];
