import { byTheMinute, inTens, type PerEvent, perMonth } from './measured.ts';
import { prices } from './prices.ts';

/** What a deployment may have or not; without a word it has audit and archive (lib/settings.ts). */
export const optional = ['traces', 'audit', 'archive', 'key'] as const;
export type Optional = (typeof optional)[number];

export interface CostOptions {
  eventsPerMonth: number;
  having: readonly Optional[];
  /** Months of events that lie in archive, audit bucket and log, if it keeps them as long. @default 12: the first year's last month */
  monthsKept?: number;
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

/** How it runs, besides what it has or not: what each changes of what one event needs. */
export const choices: readonly { what: string; change(per: PerEvent, eventsPerMonth: number): PerEvent }[] = [
  {
    what: 'with an object of the audit trail for each invocation (`auditDrainSeconds: 0`)',
    change: (per) => ({ ...per, auditObjects: 1 / per.batch }),
  },
  {
    what: 'with Lambda’s own lines about each start and end',
    change: (per) => ({ ...per, workerLogBytes: per.workerLogBytes + PLATFORM_LINES_BYTES / per.batch }),
  },
  {
    what: 'with a second of batching window on the work queues (half of the two that are promised)',
    change: inOneSecond,
  },
];

/** What came alone waits a second for others: two workers share the events, and of those that come evenly so many follow within it. */
function inOneSecond(per: PerEvent, eventsPerMonth: number): PerEvent {
  const batch = Math.max(per.batch, Math.min(inTens.batch, 1 + eventsPerMonth / WORKERS / SECONDS_A_MONTH));
  const between = (one: number, ten: number) => one + ((ten - one) * (batch - 1)) / (inTens.batch - 1);
  if (batch === per.batch) return per;
  return {
    ...per,
    batch,
    workerMs: between(per.workerMs, inTens.workerMs),
    workerLogBytes: between(per.workerLogBytes, inTens.workerLogBytes),
  };
}

/** Start, end and report of one invocation as JSON; assumed, not measured. */
const PLATFORM_LINES_BYTES = 650;
const WORKERS = 2;
const SECONDS_A_MONTH = 30 * 86_400;

const GB = 1e9;
/** Of a worker's and the audit function's memory (lib/event-worker.ts, lib/audit-trail.ts). */
const WORKER_GB = 0.5;
const AUDIT_GB = 0.25;
/** Records are kept for a week (adapters/aws/idempotency.ts), log lines for four months. */
const IDEMPOTENCY_MONTHS = 7 / 30;
const LOG_MONTHS = 4;

/** A month's bill, by service. Arithmetic only. */
export function costLines(
  per: PerEvent,
  { eventsPerMonth: n, having, monthsKept = 12 }: CostOptions,
  stack: StackCounts,
): CostLine[] {
  const has = (what: Optional) => having.includes(what);
  const invocations = n / per.batch;
  const lambda = (count: number, ms: number, gb: number) =>
    count * prices.lambdaRequest + ((count * ms) / 1000) * gb * prices.lambdaGbSecond;
  const drained = per.auditObjects === null;
  const hidden = drained ? Math.min(n, byTheMinute.hidden) : 0;
  const auditObjects = drained ? Math.min(n, byTheMinute.objects) : n * per.auditObjects!;
  const auditInvocations = auditObjects + hidden;
  const auditRequests = drained
    ? // Sent by a rule. A group's first message is received and hidden until its minute is full; then each group gives what it has at one request, one
      // more finds nothing left, and what was written is removed by tens.
      n + 3 * hidden + auditObjects + Math.max(auditObjects, n / 10)
    : n * (1 + 2 / per.batch);
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
        (prices.logsGb + Math.min(LOG_MONTHS, monthsKept) * prices.logsGbMonth),
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
      perEvent: (bytes / GB) * (prices.archiveGb + monthsKept * prices.archiveGbMonth),
      fixed: 0,
    });
  if (has('audit'))
    lines.push(
      {
        service: 'SQS FIFO: audit',
        perEvent: auditRequests * prices.sqsFifoRequest,
        fixed: 0,
      },
      { service: 'Lambda: audit', perEvent: lambda(auditInvocations, per.auditMs, AUDIT_GB), fixed: 0 },
      {
        service: 'S3: audit',
        perEvent: auditObjects * prices.s3Put + ((n * per.auditObjectBytes) / GB) * monthsKept * prices.s3GbMonth,
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
