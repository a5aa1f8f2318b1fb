import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline, WatchedWorker } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import { hours, minutes, reported } from './watched-metrics.ts';

const late = 'Plans of those who just paid, changed or cancelled are updated late.';
const behind = 'Nothing; the audit trail is behind.';
const unnoticed = 'Nothing yet; events that Stripe never sent us stay unnoticed.';

/** From our queues to the database: is it taken, does it succeed, what was given up? */
export const processingAlarms = (pipeline: WatchedPipeline): PlannedAlarm[] => [
  ...processingFailures(pipeline),
  ...pipeline.workers.map(backlog),
  {
    kind: 'deferred-long',
    severity: 'degraded',
    metric: reported(pipeline, 'DeferredForMs', { statistic: 'Maximum', period: minutes(15) }),
    when: 'at least',
    // Retries come at most 15 minutes apart: what is still failing after twice that is no hiccup. This is needed beside the backlog
    // alarm, because SQS leaves a message out of the age of the oldest once it was received three times.
    threshold: minutes(30).toMilliseconds(),
    happened: 'An event has failed and been retried for over 30 minutes.',
    customers: 'The plan of at least one customer is not updated.',
  },
  ...failed(pipeline),
  {
    kind: 'secret-not-set',
    severity: 'critical',
    metric: reported(pipeline, 'SecretNotSet', { statistic: 'Sum', period: minutes(15) }),
    when: 'at least',
    // One: without its secret no function can do anything.
    threshold: 1,
    happened: 'The secret that functions read still holds an empty value.',
    customers: 'Nobody who pays, changes or cancels sees it; the events wait in their queues.',
  },
  ...pipeline.workers.flatMap((worker) => [...doesNotRun(worker), slow(worker, late)]),
  // Only slowness: a reconcile run that fails is told by its failed queue, one that never starts by reconcile-silent.
  slow({ name: 'reconcile', fn: pipeline.reconcile.fn }, unnoticed),
];

/** Share of attempts (live) that deferred or parked their event, over 15 minutes. */
function processingFailures(pipeline: WatchedPipeline): PlannedAlarm[] {
  const period = minutes(15);
  const metric = new MathExpression({
    // Ten attempts: fewer say nothing about a rate. An event that fails on its own makes nine in its first quarter of an hour
    // (2, 4, 8 … seconds apart), so one alone cannot reach it; two at once can, and should.
    expression: 'IF(attempts >= 10, 100 * (1 - succeeded), 0)',
    usingMetrics: {
      attempts: reported(pipeline, 'AttemptSucceeded', { statistic: 'SampleCount', period }),
      succeeded: reported(pipeline, 'AttemptSucceeded', { statistic: 'Average', period }),
    },
    label: 'attempts that failed, %',
    period,
  });
  const level = (severity: 'critical' | 'degraded', threshold: number): PlannedAlarm => ({
    kind: 'processing-failures',
    part: severity,
    severity,
    metric,
    when: 'more than',
    threshold,
    happened: `More than ${threshold} % of the attempts to process an event failed within 15 minutes.`,
    customers: late,
  });
  // The levels of design §7: above 5 % something is wrong, above 15 % it is wrong for many.
  return [level('degraded', 5), level('critical', 15)];
}

/** The oldest message that still waits for its first attempts: the function is paused, throttled or too slow. */
const backlog = ({ name, queue }: WatchedWorker): PlannedAlarm => {
  const audit = name === 'audit';
  return {
    kind: audit ? 'audit-backlog' : 'backlog',
    ...(audit ? {} : { part: name }),
    severity: audit ? 'degraded' : 'critical',
    metric: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: minutes(5) }),
    when: 'at least',
    // Customers feel minutes: five are 150 times what we promise, and longer than any deployment or cold start. Twice in a row,
    // so that a burst that is already draining wakes nobody. The audit trail is read days later: an hour.
    threshold: audit ? Duration.hours(1).toSeconds() : minutes(5).toSeconds(),
    periods: 2,
    happened: `Events wait in the ${name} queue for ${audit ? 'over an hour' : 'over 5 minutes'}; the function does not keep up or does not run.`,
    customers: audit ? behind : late,
  };
};

function failed({ workers, reconcile }: WatchedPipeline): PlannedAlarm[] {
  const consequence = {
    payments: 'The plan or payment history of the customers concerned is not updated.',
    billing: 'The plan of the customers concerned is not updated.',
    audit: 'Nothing; the audit trail has a gap until it is redriven. A FIFO queue may be held up behind it.',
    reconcile: unnoticed,
  };
  return [...workers, { name: 'reconcile' as const, failed: reconcile.failed }].map(({ name, failed }) => ({
    kind: 'failed',
    part: name,
    severity: 'degraded',
    metric: failed.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: minutes(5) }),
    when: 'at least',
    // One: our code gave up on it. It keeps for 14 days, so it waits for the morning.
    threshold: 1,
    happened: `Our code gave up on what lies in the failed queue of ${name}; each message says why in its attribute "reason".`,
    customers: consequence[name],
  }));
}

/** Failing events are no function errors (the function answers which records failed): these are crashes, timeouts and refusals. */
const doesNotRun = ({ name, fn }: WatchedWorker): PlannedAlarm[] => [
  {
    kind: 'function-errors',
    part: name,
    severity: 'degraded',
    metric: fn.metricErrors({ statistic: 'Sum', period: minutes(15) }),
    when: 'at least',
    // One is repeated by itself; three within 15 minutes are a pattern.
    threshold: 3,
    happened: `The function ${name} crashed or timed out at least 3 times within 15 minutes.`,
    customers: name === 'audit' ? behind : late,
  },
  {
    kind: 'function-throttles',
    part: name,
    severity: 'degraded',
    metric: fn.metricThrottles({ statistic: 'Sum', period: minutes(5) }),
    when: 'at least',
    // Lambda tries again by itself; three periods in a row mean that the account's concurrency is used up by something.
    threshold: 1,
    periods: 3,
    happened: `Lambda has refused to start the function ${name} for 15 minutes: the account's concurrency is used up.`,
    customers: name === 'audit' ? behind : late,
  },
];

function slow({ name, fn }: { name: string; fn: WatchedWorker['fn'] }, customers: string): PlannedAlarm {
  const timeout = fn.timeout ?? Duration.seconds(3);
  // Reconcile runs once an hour: three periods of five minutes would never all have a value.
  const window = name === 'reconcile' ? { period: hours(1), periods: 1 } : { period: minutes(5), periods: 3 };
  return {
    kind: 'function-slow',
    part: name,
    severity: 'degraded',
    metric: fn.metricDuration({ statistic: 'p99', period: window.period }),
    when: 'at least',
    // Four fifths of the timeout: the last moment at which slow is not yet the same as failed.
    threshold: timeout.toMilliseconds() * 0.8,
    periods: window.periods,
    happened: `The slowest runs of the function ${name} take over 80 % of its timeout (${timeout.toSeconds()} s).`,
    customers: name === 'audit' ? behind : customers,
  };
}
