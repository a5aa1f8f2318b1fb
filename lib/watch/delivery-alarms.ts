import type { WatchedPipeline } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import { arrivals, hours, minutes, ruleMetric, shortName } from './watched-metrics.ts';

/** From Stripe to our queues: did it arrive, was it routed, did it get there? */
export const deliveryAlarms = (pipeline: WatchedPipeline): PlannedAlarm[] => [
  silence(pipeline),
  ...pipeline.rules.flatMap((rule): PlannedAlarm[] => {
    const part = shortName(pipeline, rule);
    const severity = part.startsWith('audit') ? 'degraded' : 'critical';
    const customers =
      severity === 'critical'
        ? 'Plans of those who just paid, changed or cancelled are not updated.'
        : 'Nothing; the audit trail has a gap until it is redriven or replayed.';
    return [
      {
        kind: 'rule-failing',
        part,
        severity,
        metric: ruleMetric(pipeline, rule, 'FailedInvocations', { statistic: 'Sum', period: minutes(5) }),
        when: 'at least',
        // One: EventBridge counts only what it gave up on, after 24 hours of trying or because it may not send at all.
        threshold: 1,
        happened: `EventBridge gave up delivering events of the rule ${part} to its queue.`,
        customers,
      },
      {
        kind: 'events-lost',
        part,
        severity,
        metric: ruleMetric(pipeline, rule, 'InvocationsFailedToBeSentToDlq', { statistic: 'Sum', period: minutes(5) }),
        when: 'at least',
        // One: such an event lies in no queue. Only the archive and Stripe still have it.
        threshold: 1,
        happened: `EventBridge could deliver events of the rule ${part} neither to the queue nor to its dead-letter queue.`,
        customers,
      },
    ];
  }),
  ...undelivered(pipeline),
];

/**
 * Prod: three hours. Stripe keeps trying for three days and a source nobody associates is deleted after seven, so hours are in time; one
 * hour would page a small shop every night. Elsewhere a day: test traffic comes when somebody tests.
 */
function silence(pipeline: WatchedPipeline): PlannedAlarm {
  const prod = pipeline.settings.environment === 'prod';
  return {
    kind: 'silence',
    severity: prod ? 'critical' : 'degraded',
    metric: arrivals(pipeline, { statistic: 'Sum', period: hours(1) }),
    when: 'less than',
    threshold: 1,
    periods: prod ? 3 : 24,
    // A heartbeat: no data is exactly what it looks for.
    missing: 'breaching',
    happened: `No event at all came from Stripe for ${prod ? '3' : '24'} hours.`,
    customers: 'If Stripe has events for us: nobody who pays, changes or cancels sees it.',
  };
}

/** One alarm for each queue, however many rules share it. */
function undelivered(pipeline: WatchedPipeline): PlannedAlarm[] {
  const shared = Map.groupBy(pipeline.rules, ({ undelivered }) => undelivered.node.path);
  const queues = [...shared.values()].map((rules) => {
    const names = rules.map((rule) => shortName(pipeline, rule));
    return { queue: rules[0]!.undelivered, part: names.length > 1 ? names[0]!.replace(/-.*$/, '') : names[0]! };
  });
  if (pipeline.apiUndelivered) queues.push({ queue: pipeline.apiUndelivered, part: 'api' });
  if (pipeline.busUndelivered) queues.push({ queue: pipeline.busUndelivered, part: 'bus' });
  return queues.map(({ queue, part }) => ({
    kind: 'undelivered',
    part,
    severity: part === 'audit' || part === 'api' ? 'degraded' : 'critical',
    metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: minutes(5) }),
    when: 'at least',
    // One: our code never saw it, so nothing but a person brings it back.
    threshold: 1,
    happened: `Events lie in the queue of what could not be delivered (${part}); our code never ran for them.`,
    customers:
      {
        audit: 'Nothing; the audit trail has a gap until it is redriven.',
        api: 'Plans are right, but the API that is told of plan changes was not told of some.',
      }[part] ?? 'Plans of those who just paid, changed or cancelled are not updated.',
  }));
}
