import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { eventTypesOf } from '../core/event-routes.ts';
import type { Worker } from '../core/workers.ts';
import type { WorkerEnv } from '../lambdas/env.ts';
import type { EventIntake } from './event-intake.ts';
import { pipelineNames } from './names.ts';
import type { WorkerOutput } from './outputs.ts';
import { PipelineFunction } from './pipeline-function.ts';
import type { Settings } from './settings.ts';
import { makeWorkQueue } from './work-queue.ts';

export interface EventWorkerProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly worker: Worker;
  /** Where events come in: those that Stripe sends to first. */
  readonly intakes: readonly EventIntake[];
  readonly secret: ISecret;
  readonly idempotency: ITable;
  readonly appBus: IEventBus;
}

/** Long enough for ten records with one slow answer from Stripe among them; a record needs about 10 ms. */
const timeout = Duration.seconds(30);

/**
 * A message comes back after 2 s, 4 s, … and at most every 15 minutes (`pipeline/process-batch.ts`); 200 times is about two
 * days, so an outage of the database over a weekend still heals by itself.
 */
const attemptsBeforeFailed = 200;

/**
 * Invocations at once. Each holds two connections of the pooler (`lambdas/worker.ts`), so both workers together hold 20 at most; what that
 * leaves to the apps and what it carries: docs/scale.md.
 */
const concurrency = 5;

/**
 * The events of one worker: rule → work queue → function, and a queue for each way in which an event can be lost.
 *
 * The work queue between rule and function lets the function be paused, a long outage heal and a replay trickle.
 */
export class EventWorker extends Construct {
  readonly name: Worker;
  /** One on the bus of each intake, in their order. */
  readonly rules: readonly Rule[];
  readonly queue: IQueue;
  /** Our code never ran for what lies here. */
  readonly undelivered: IQueue;
  /** Our code ran for what lies here, and gave up. */
  readonly failed: IQueue;
  readonly fn: PipelineFunction<WorkerEnv>['fn'];
  readonly logGroup: PipelineFunction<WorkerEnv>['logGroup'];
  readonly mapping: EventSourceMapping;
  readonly outputs: Readonly<Record<WorkerOutput, string>>;

  constructor(scope: Construct, id: string, props: EventWorkerProps) {
    super(scope, id);
    const { settings, key, worker, intakes, secret, idempotency, appBus } = props;
    const names = pipelineNames(settings);
    this.name = worker;

    const queues = makeWorkQueue(this, {
      settings,
      key,
      names: { queue: names.queue(worker), undelivered: names.undelivered(worker), failed: names.failed(worker) },
      // AWS's advice: six times the function's timeout, or a message returns while a throttled batch still waits.
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      attemptsBeforeFailed,
    });
    this.queue = queues.queue;
    this.undelivered = queues.undelivered;
    this.failed = queues.failed;
    this.rules = intakes.flatMap((intake) =>
      intake.deliver(this, queues, [
        {
          id: 'Rule',
          ruleName: names.workerRule(worker),
          description: `Stripe events for the ${worker} worker`,
          pattern: { detailType: eventTypesOf(worker) },
        },
      ]),
    );

    const handler = new PipelineFunction<WorkerEnv>(this, 'Handler', {
      settings,
      key,
      name: worker,
      description: `Applies ${worker} events of Stripe to the plan state in Postgres`,
      timeout,
      memorySizeMiB: 512,
      needsDatabase: true,
      env: {
        ENVIRONMENT: settings.environment,
        STRIPE_EVENT_SOURCE_NAMES: intakes.map(({ source }) => source.name).join(','),
        SECRET_ID: secret.secretArn,
        IDEMPOTENCY_TABLE: idempotency.tableName,
        APP_BUS_NAME: appBus.eventBusName,
        VERIFY_EVENTS: String(settings.verifyEvents),
        WORK_QUEUE_URL: this.queue.queueUrl,
        FAILED_QUEUE_URL: this.failed.queueUrl,
        PLAN_EVENT_SOURCE: names.planEventSource,
      },
    })
      .allowConsuming(this.queue)
      .allow(['sqs:SendMessage'], this.failed.queueArn)
      .allow(
        ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
        idempotency.tableArn,
        // Its own records only: Powertools' keys begin with the prefix that `lambdas/worker.ts` gives, the worker's name.
        { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': `${worker}#*` } },
      )
      // DynamoDB asks for these in its caller's name. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
      .allowKey('kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo')
      .allow(['secretsmanager:GetSecretValue'], secret.secretArn)
      .allow(['events:PutEvents'], appBus.eventBusArn);
    this.fn = handler.fn;
    this.logGroup = handler.logGroup;
    this.mapping = handler.consume(this.queue, { maxConcurrency: concurrency });
    this.outputs = {
      RuleArn: this.rules[0]!.ruleArn,
      QueueUrl: this.queue.queueUrl,
      FailedQueueUrl: this.failed.queueUrl,
      UndeliveredQueueUrl: this.undelivered.queueUrl,
      FunctionName: this.fn.functionName,
      MappingId: this.mapping.eventSourceMappingId,
    };
  }
}
