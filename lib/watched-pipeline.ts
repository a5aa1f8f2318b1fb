import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import type { IEventSourceMapping, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { EventFamily, QueueFed } from '../core/workers.ts';
import type { EventSource } from './event-sources.ts';
import type { Settings } from './settings.ts';

/** What there is to watch: the contract between the stack and `lib/watch`. */
export interface WatchedPipeline {
  readonly settings: Settings;
  /** Partner buses and their archives: one, or two while a cut-over lasts, those that Stripe sends to first. */
  readonly sources: readonly EventSource[];
  readonly auditBucketName: string;
  /** Every rule on the partner buses. The app bus and the schedule have rules of their own, watched by their queues. */
  readonly rules: readonly WatchedRule[];
  readonly workers: readonly WatchedWorker[];
  readonly reconcile: { readonly fn: LambdaFunction; readonly failed: IQueue; readonly logGroup: ILogGroup };
  /** What the API destination did not take; only with `apiUrl`. */
  readonly apiUndelivered?: IQueue;
  /** What the partner bus or the app bus could not encrypt; only with a customer key. */
  readonly busUndelivered?: IQueue;
  readonly table: ITable;
  readonly secret: ISecret;
  readonly appBus: IEventBus;
}

export interface WatchedRule {
  readonly name: string;
  readonly rule: Rule;
  /** Its bus has the source's name; the rule's metrics carry it as `EventBusName`. */
  readonly source: EventSource;
  /** Which event types it takes. */
  readonly family: EventFamily;
  /** For the audit trail, beside the worker's own rule for the same types. */
  readonly audit: boolean;
  /** Our code never ran for what lies here. The audit rules share one queue. */
  readonly undelivered: IQueue;
}

export interface WatchedWorker {
  readonly name: QueueFed;
  readonly fn: LambdaFunction;
  readonly queue: IQueue;
  /** Feeds the function from the queue. */
  readonly mapping: IEventSourceMapping;
  /** Our code ran for what lies here, and gave up. */
  readonly failed: IQueue;
  readonly logGroup: ILogGroup;
}
