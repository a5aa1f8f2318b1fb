import { logLines } from '../../core/log-lines.ts';

/** A question to the logs that is asked often enough to be kept. */
export interface SavedQuery {
  readonly name: string;
  /** The functions whose logs can answer it. */
  readonly of: 'workers' | 'all';
  readonly lines: readonly string[];
}

const settled = `filter message = '${logLines.settled}'`;
const deferred = `filter message = '${logLines.deferred}'`;

/**
 * What the runbooks tell on-call to run. Where a query names an example (`evt_REPLACE`), replace it before running.
 *
 * The fields are those of the workers' lines (`core/log-lines.ts`).
 */
export const savedQueries = [
  {
    name: 'one event by its Stripe id',
    of: 'all',
    lines: [
      'fields @timestamp, message, service, outcome, reason, code, attempt, origin, replay_name, total_ms, sqs_message_id, xray_trace_id, @log',
      `filter event_id = 'evt_REPLACE' or @message like 'evt_REPLACE'`,
      'sort @timestamp asc',
      'limit 200',
    ],
  },
  {
    name: 'one customer or subscription',
    of: 'workers',
    lines: [
      'fields @timestamp, event_type, event_id, outcome, reason, subscription_id, origin, total_ms',
      `filter customer_id = 'cus_REPLACE' or subscription_id = 'sub_REPLACE'`,
      'sort @timestamp desc',
      'limit 200',
    ],
  },
  {
    name: 'failures by reason',
    of: 'workers',
    lines: [
      `${deferred} or outcome = 'parked'`,
      `fields coalesce(code, reason) as why`,
      'stats count(*) as attempts, count_distinct(event_id) as events, min(@timestamp) as first, max(@timestamp) as last by why, service',
      'sort attempts desc',
    ],
  },
  {
    name: 'parked events',
    of: 'workers',
    lines: [
      'fields @timestamp, event_type, event_id, reason, customer_id, service, sqs_message_id',
      `${settled} and outcome = 'parked'`,
      'sort @timestamp desc',
      'limit 200',
    ],
  },
  {
    name: 'deferred longest',
    of: 'workers',
    lines: [
      deferred,
      'stats max(attempt) as attempts, latest(code) as code, min(@timestamp) as first, max(@timestamp) as last by sqs_message_id, event_id, event_type',
      'sort attempts desc',
      'limit 50',
    ],
  },
  {
    name: 'slowest events',
    of: 'workers',
    lines: [
      'fields @timestamp, event_type, event_id, outcome, arrival_to_commit_ms, total_ms, database_ms, fetch_ms, publish_ms, attempt, xray_trace_id',
      settled,
      'filter ispresent(arrival_to_commit_ms) and not ispresent(replay_name)',
      'sort arrival_to_commit_ms desc',
      'limit 50',
    ],
  },
  {
    name: 'events by type and outcome',
    of: 'workers',
    lines: [
      settled,
      'stats count(*) as events, pct(total_ms, 95) as p95_ms by event_type, outcome, origin',
      'sort events desc',
    ],
  },
  {
    name: 'one replay by its name',
    of: 'workers',
    lines: [
      settled,
      `filter replay_name like 'REPLACE'`,
      'stats count(*) as events, count_distinct(event_id) as distinct_events by outcome, reason, service',
      'sort events desc',
    ],
  },
  {
    name: 'crashes and timeouts',
    of: 'all',
    lines: [
      'fields @timestamp, @log, @message',
      `filter level = 'ERROR' or @message like /Task timed out|Runtime.ExitError|errorType/`,
      'sort @timestamp desc',
      'limit 100',
    ],
  },
] as const satisfies readonly SavedQuery[];

/** The query as Logs Insights takes it. */
export const textOf = ({ lines }: SavedQuery): string => lines.join('\n| ');
