import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';

/** What an alarm is about. Each kind is a word in the alarm's name, and has the runbook `docs/runbooks/<kind>.md`. */
export const alarmKinds = [
  'slo-burn',
  'processing-failures',
  'payment-failures',
  'silence',
  'rule-failing',
  'undelivered',
  'events-lost',
  'backlog',
  'audit-backlog',
  'deferred-long',
  'failed',
  'secret-not-set',
  'function-errors',
  'function-throttles',
  'function-slow',
  'drift',
  'missed-events',
  'reconcile-silent',
  'unknown-price',
  'api-version',
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
  /** Which rule, queue, function or level, where there are several. */
  readonly part?: string;
  readonly severity: Severity;
  readonly metric: IMetric;
  readonly when: 'at least' | 'more than' | 'less than';
  readonly threshold: number;
  /** How many periods in a row. @default 1, the metric's own period is the window */
  readonly periods?: number;
  /** @default 'notBreaching': metrics of failures are absent while nothing fails. Only signs of life are 'breaching'. */
  readonly missing?: 'breaching' | 'notBreaching';
  /** What happened, in a sentence that needs no dashboard. */
  readonly happened: string;
  /** What customers notice. */
  readonly customers: string;
}

/** `slo-burn`, or `failed-billing` where there are several: unique in a stack. */
export const idOf = ({ kind, part }: Pick<PlannedAlarm, 'kind' | 'part'>): string => (part ? `${kind}-${part}` : kind);
