import { byTheMinute, type PerEvent, perMonth } from './measured.ts';
import { prices } from './prices.ts';

/** What a deployment may have or not; without a word it has audit and archive (lib/settings.ts). */
export const optional = ['traces', 'audit', 'archive', 'key'] as const;
export type Optional = (typeof optional)[number];

export interface CostOptions {
  eventsPerMonth: number;
  having: readonly Optional[];
}

/** USD a month. `perEvent` grows with the events, `fixed` does not. */
export interface CostLine {
  service: string;
  perEvent: number;
  fixed: number;
}

/** What the synthesised stack has of what is paid by the month. */
export interface StackCounts {
  alarmMetrics: number;
  compositeAlarms: number;
  dashboards: number;
}

const GB = 1e9;
/** Of a worker's and the audit function's memory (lib/event-worker.ts, lib/audit-trail.ts). */
const WORKER_GB = 0.5;
const AUDIT_GB = 0.25;
/** Records are kept for a week (adapters/aws/idempotency.ts), log lines for four months. */
const IDEMPOTENCY_MONTHS = 7 / 30;
const LOG_MONTHS = 4;
/** Of archive and audit, in their twelfth month: all the year's events lie there. */
const YEAR_MONTHS = 12;

/** A month's bill in the pipeline's first year's last month, by service. Arithmetic only. */
export function costLines(per: PerEvent, { eventsPerMonth: n, having }: CostOptions, stack: StackCounts): CostLine[] {
  const has = (what: Optional) => having.includes(what);
  const invocations = n / per.batch;
  const lambda = (count: number, ms: number, gb: number) =>
    count * prices.lambdaRequest + ((count * ms) / 1000) * gb * prices.lambdaGbSecond;
  const hidden = per.auditObjects === null ? Math.min(n, byTheMinute.hidden) : 0;
  const auditObjects = per.auditObjects === null ? Math.min(n, byTheMinute.objects) : n * per.auditObjects;
  const auditInvocations = auditObjects + hidden;
  const bytes = n * per.envelopeBytes;
  const lines: CostLine[] = [
    { service: 'EventBridge: events', perEvent: n * (1 + per.planEvents) * prices.eventBridgeEvent, fixed: 0 },
    {
      service: 'SQS: work queues',
      perEvent: n * (1 + 2 / per.batch) * prices.sqsRequest,
      fixed: perMonth.idlePolls * prices.sqsRequest,
    },
    {
      service: 'Lambda: workers, reconcile',
      perEvent: lambda(invocations, per.workerMs, WORKER_GB),
      fixed: lambda(perMonth.reconcileInvocations, perMonth.reconcileMs, WORKER_GB),
    },
    {
      service: 'DynamoDB',
      perEvent:
        n * per.dynamoDbWrites * prices.dynamoDbWrite +
        ((n * per.idempotencyRecordBytes) / GB) * IDEMPOTENCY_MONTHS * prices.dynamoDbGbMonth,
      fixed: 0,
    },
    {
      service: 'CloudWatch Logs',
      perEvent:
        ((n * (per.workerLogBytes + (has('audit') ? per.auditLogBytes : 0))) / GB) *
        (prices.logsGb + LOG_MONTHS * prices.logsGbMonth),
      fixed: 0,
    },
    {
      service: 'CloudWatch: alarms, metrics, dashboard',
      perEvent: 0,
      fixed:
        stack.alarmMetrics * prices.alarmMetric +
        stack.compositeAlarms * prices.compositeAlarm +
        perMonth.customMetrics * prices.customMetric +
        stack.dashboards * prices.dashboard,
    },
    { service: 'Secrets Manager', perEvent: 0, fixed: prices.secret },
  ];
  if (has('archive'))
    lines.push({
      service: 'EventBridge: archive',
      perEvent: (bytes / GB) * (prices.archiveGb + YEAR_MONTHS * prices.archiveGbMonth),
      fixed: 0,
    });
  if (has('audit'))
    lines.push(
      {
        service: 'SQS FIFO: audit',
        // Sent by a rule, received, deleted; what waits for its minute is hidden, and received again.
        perEvent: (n * (1 + 2 / per.batch) + 2 * hidden) * prices.sqsFifoRequest,
        fixed: 0,
      },
      { service: 'Lambda: audit', perEvent: lambda(auditInvocations, per.auditMs, AUDIT_GB), fixed: 0 },
      {
        service: 'S3: audit',
        perEvent: auditObjects * prices.s3Put + ((n * per.auditObjectBytes) / GB) * YEAR_MONTHS * prices.s3GbMonth,
        fixed: 0,
      },
    );
  if (has('traces'))
    lines.push({
      service: 'X-Ray',
      perEvent: (invocations + (has('audit') ? auditInvocations : 0)) * per.traced * prices.trace,
      fixed: 0,
    });
  if (has('key'))
    lines.push({ service: 'KMS', perEvent: 0, fixed: prices.kmsKey + perMonth.kmsRequests * prices.kmsRequest });
  return lines;
}

export const totalOf = (lines: readonly CostLine[]) => ({
  perEvent: lines.reduce((sum, line) => sum + line.perEvent, 0),
  fixed: lines.reduce((sum, line) => sum + line.fixed, 0),
});
