import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { WatchedPipeline, WatchedWorker } from '../watched-pipeline.ts';
import type { PlannedAlarm } from './planned-alarm.ts';
import type { Thresholds } from './thresholds.ts';
import { hours, largest, minutes, reported, summed } from './watched-metrics.ts';

const late = 'Plans of those who just paid, changed or cancelled are updated late.';
const behind = 'Nothing; the audit trail is behind.';
const unnoticed = 'Nothing yet; events that Stripe never sent us stay unnoticed.';

/** From our queues to the database: is it taken, does it succeed, what was given up? */
export const processingAlarms = (pipeline: WatchedPipeline, thresholds: Thresholds): PlannedAlarm[] => {
  const forPlans = pipeline.workers.filter(({ name }) => name !== 'audit');
  const audit = pipeline.workers.filter(({ name }) => name === 'audit');
  return [
    ...pipeline.workers.map((worker) => nothingSettled(worker, thresholds)),
    ...processingFailures(pipeline, forPlans, thresholds),
    {
      kind: 'backlog',
      severity: 'critical',
      metric: oldest(forPlans),
      when: 'at least',
      threshold: minutes(thresholds.backlogMinutes).toSeconds(),
      periods: 2,
      happened: `Events wait in a work queue for over ${thresholds.backlogMinutes} minutes; a function does not keep up or does not run.`,
      customers: late,
    },
    {
      kind: 'audit-backlog',
      severity: 'degraded',
      metric: oldest(audit),
      when: 'at least',
      threshold: minutes(thresholds.auditBacklogMinutes).toSeconds(),
      periods: 2,
      happened: `Events wait in the audit queue for over ${thresholds.auditBacklogMinutes} minutes.`,
      customers: behind,
    },
    {
      kind: 'deferred-long',
      severity: 'degraded',
      // Needed beside the backlog: SQS leaves a message out of the age of the oldest once it was received three times.
      metric: reported(pipeline, 'DeferredForMs', { statistic: 'Maximum', period: minutes(15) }),
      when: 'at least',
      threshold: minutes(thresholds.deferredMinutes).toMilliseconds(),
      happened: `An event has failed and been retried for over ${thresholds.deferredMinutes} minutes.`,
      customers: 'The plan of at least one customer is not updated.',
    },
    {
      kind: 'failed',
      severity: 'degraded',
      metric: summed(
        [...pipeline.workers, pipeline.reconcile].map(({ failed }) =>
          failed.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: minutes(5) }),
        ),
        'messages that our code gave up',
      ),
      when: 'at least',
      threshold: thresholds.failedMessages,
      happened: 'Our code gave up on what lies in a failed queue; each message says why in its attribute "reason".',
      customers: 'The plan of the customers concerned is not updated; in the audit’s queue: nothing.',
    },
    {
      kind: 'secret-not-set',
      severity: 'critical',
      metric: reported(pipeline, 'SecretNotSet', { statistic: 'Sum', period: minutes(15) }),
      when: 'at least',
      threshold: thresholds.secretNotSet,
      happened: 'The secret that functions read still holds an empty value.',
      customers: 'Nobody who pays, changes or cancels sees it; the events wait in their queues.',
    },
    {
      kind: 'stripe-key',
      severity: 'degraded',
      metric: reported(pipeline, 'StripeKeyRefused', { statistic: 'Maximum', period: minutes(15) }),
      when: 'at least',
      threshold: 1,
      missing: 'ignore',
      happened: 'Stripe refused the key of the secret (401), or the key lacks a right (403).',
      customers:
        'Few: those of whom two changes came within one second wait. What Stripe never sent us stays unnoticed.',
    },
    {
      kind: 'function-errors',
      severity: 'degraded',
      // Failing events are no function errors (the function answers which records failed): these are crashes, timeouts and refusals.
      metric: summed(
        pipeline.workers.map(({ fn }) => fn.metricErrors({ statistic: 'Sum', period: minutes(15) })),
        'crashes of all workers',
      ),
      when: 'at least',
      threshold: thresholds.functionErrors,
      happened: `Functions crashed or timed out at least ${thresholds.functionErrors} times within 15 minutes.`,
      customers: late,
    },
    reconcileSlow(pipeline, thresholds),
  ];
};

/**
 * Messages that wait, being tried or not, while none at all is settled: a function that cannot start, a mapping that is off, an empty
 * secret, a database or a bucket that is gone. It needs no metric of ours, so it holds however broken our code is.
 */
const nothingSettled = ({ name, queue }: WatchedWorker, thresholds: Thresholds): PlannedAlarm => {
  const period = minutes(1);
  const isAudit = name === 'audit';
  return {
    kind: 'nothing-settled',
    part: name,
    severity: isAudit ? 'degraded' : 'critical',
    metric: new MathExpression({
      // Lambda deletes a message when it is settled, and only then. What is being tried or was deferred is "not visible".
      expression: 'IF(FILL(settled, 0) > 0, 0, waiting + FILL(tried, 0))',
      usingMetrics: {
        settled: queue.metricNumberOfMessagesDeleted({ statistic: 'Sum', period }),
        waiting: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period }),
        tried: queue.metricApproximateNumberOfMessagesNotVisible({ statistic: 'Maximum', period }),
      },
      label: `${name}: messages that wait, none settled`,
      period,
    }),
    when: 'at least',
    threshold: thresholds.nothingSettledMessages,
    periods: thresholds.nothingSettledMinutes,
    happened: `Events wait for the ${name} function, and not one was settled for ${thresholds.nothingSettledMinutes} minutes.`,
    customers: isAudit ? behind : late,
  };
};

/** Share of attempts (live) that deferred or parked their event, over 15 minutes. */
function processingFailures(
  pipeline: WatchedPipeline,
  workers: readonly WatchedWorker[],
  thresholds: Thresholds,
): PlannedAlarm[] {
  const period = minutes(15);
  const queued = workers.flatMap(({ name, queue }) => [
    [`${name}_waiting`, queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Average', period })] as const,
    [`${name}_tried`, queue.metricApproximateNumberOfMessagesNotVisible({ statistic: 'Average', period })] as const,
  ]);
  const waiting = queued.map(([id]) => `FILL(${id}, 0)`).join(' + ');
  const metric = new MathExpression({
    // A stuck event is tried less and less often. So two that wait all the time (1.5: an average never is exact) count as many attempts do:
    // else a quiet shop's alarm would end while everything still fails.
    expression: `IF((attempts >= ${thresholds.processingFewestAttempts}) + (${waiting} >= 1.5) > 0, 100 * (1 - succeeded), 0)`,
    usingMetrics: {
      attempts: reported(pipeline, 'AttemptSucceeded', { statistic: 'SampleCount', period }),
      succeeded: reported(pipeline, 'AttemptSucceeded', { statistic: 'Average', period }),
      ...Object.fromEntries(queued),
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
    // No attempt in 15 minutes proves neither: only an attempt that succeeds ends it.
    missing: 'ignore',
    happened: `More than ${threshold} % of the attempts to process an event failed within 15 minutes.`,
    customers: late,
  });
  return [
    level('degraded', thresholds.processingDegradedPercent),
    level('critical', thresholds.processingCriticalPercent),
  ];
}

/** Age of the oldest message that still waits for its first attempts, seconds. */
const oldest = (workers: readonly WatchedWorker[]) =>
  largest(
    workers.map(({ queue }) => queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: minutes(5) })),
    'oldest message, s',
  );

function reconcileSlow({ reconcile }: WatchedPipeline, thresholds: Thresholds): PlannedAlarm {
  const timeout = reconcile.fn.timeout ?? Duration.seconds(3);
  const percent = thresholds.reconcileSlowPercent;
  return {
    kind: 'reconcile-slow',
    severity: 'degraded',
    metric: reconcile.fn.metricDuration({ statistic: 'Maximum', period: hours(1) }),
    when: 'at least',
    threshold: (timeout.toMilliseconds() * percent) / 100,
    happened: `A reconcile run took over ${percent} % of the ${timeout.toMinutes()} minutes that Lambda allows: the next hour's goes on where it stopped.`,
    customers: unnoticed,
  };
}
