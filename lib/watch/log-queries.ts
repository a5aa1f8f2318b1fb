import { QueryDefinition, QueryString } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { logLines } from '../../core/log-lines.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';

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

/** Where the console shows them. */
export const queryFolder = ({ settings }: WatchedPipeline): string =>
  `${settings.appName}-stripe-${settings.environment}`;

/** The saved queries, in a folder of their own in Logs Insights. */
export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, pipeline: WatchedPipeline) {
    super(scope, id);
    const workers = pipeline.workers.filter(({ name }) => name !== 'audit').map(({ logGroup }) => logGroup);
    const all = [...pipeline.workers.map(({ logGroup }) => logGroup), pipeline.reconcile.logGroup];
    for (const { name, of, lines } of savedQueries) {
      new QueryDefinition(this, name, {
        queryDefinitionName: `${queryFolder(pipeline)}/${name}`,
        queryString: new WholeQuery(lines),
        logGroups: of === 'workers' ? workers : all,
      });
    }
  }
}

/** A query as it is written. The CDK's own class sorts the commands by kind, and some of ours mean something else in that order. */
class WholeQuery extends QueryString {
  readonly #lines: readonly string[];

  constructor(lines: readonly string[]) {
    super();
    this.#lines = lines;
  }

  override toString(): string {
    return this.#lines.join('\n| ');
  }
}
