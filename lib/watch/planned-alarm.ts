import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';

/** What an alarm is about. Each kind is a word in the alarm's name, and has the runbook `docs/runbooks/<kind>.md`. */
export const alarmKinds = [
  'nothing-settled',
  'rule-disabled',
  'events-lost',
  'undelivered',
  'silence',
  'destination-disabled',
  'processing-failures',
  'slo-burn',
  'backlog',
  'audit-backlog',
  'deferred-long',
  'failed',
  'secret-not-set',
  'stripe-key',
  'function-errors',
  'payment-failures',
  'entitled-without-user',
  'unknown-price',
  'api-version',
  'drift',
  'missed-events',
  'reconcile-silent',
  'reconcile-slow',
  'reconcile-unfinished',
] as const;
export type AlarmKind = (typeof alarmKinds)[number];

/**
 * `critical` wakes someone: customers are affected or events are being lost, and it does not heal by itself.
 * `degraded` informs: it keeps until the morning, because the queues hold what waits for 14 days.
 */
export const severities = ['critical', 'degraded'] as const;
export type Severity = (typeof severities)[number];

export interface PlannedAlarm {
  readonly kind: AlarmKind;
  /** Which worker or level, where there are several. */
  readonly part?: string;
  readonly severity: Severity;
  readonly metric: IMetric;
  readonly when: 'at least' | 'more than' | 'less than';
  readonly threshold: number;
  /** How many periods in a row. @default 1, the metric's own period is the window */
  readonly periods?: number;
  /**
   * What no data means. @default 'notBreaching': metrics of failures are absent while nothing fails. Only signs of life are 'breaching';
   * 'ignore' keeps the state there was, where no data proves neither.
   */
  readonly missing?: 'breaching' | 'notBreaching' | 'ignore';
  /** What happened, in a sentence that needs no dashboard. */
  readonly happened: string;
  /** What customers notice. */
  readonly customers: string;
}

/** `backlog`, or `nothing-settled-billing` where there are several: unique in a stack. */
export const alarmIdOf = ({ kind, part }: Pick<PlannedAlarm, 'kind' | 'part'>): string =>
  part ? `${kind}-${part}` : kind;
