import { type CfnElement, Duration, Stack, Validations } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Worker } from '../core/workers.ts';
import type { ReconcileEnv } from '../lambdas/env.ts';
import { DeadLetterQueue } from './durable-queue.ts';
import { eventSourcesOf } from './event-sources.ts';
import { pipelineNames } from './names.ts';
import { PipelineFunction } from './pipeline-function.ts';
import type { Settings } from './settings.ts';

export interface ReconcilerProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly secret: ISecret;
  /** Where it puts what is missing or different, for the workers to apply. */
  readonly queues: readonly { readonly name: Worker; readonly queue: IQueue }[];
  /** Where it keeps what was corrected. */
  readonly auditBucket: Bucket;
}

/** Compares Stripe with our rows every hour, and queues what differs for the workers. */
export class Reconciler extends Construct {
  readonly fn: PipelineFunction<ReconcileEnv>['fn'];
  readonly logGroup: PipelineFunction<ReconcileEnv>['logGroup'];
  /** A run that never started or failed twice; the next one, an hour later, covers the same ground. */
  readonly failed: IQueue;

  constructor(scope: Construct, id: string, { settings, key, secret, queues, auditBucket }: ReconcilerProps) {
    super(scope, id);
    const names = pipelineNames(settings);
    this.failed = new DeadLetterQueue(this, 'Failed', { settings, name: names.failed('reconcile'), key });
    const handler = new PipelineFunction<ReconcileEnv>(this, 'Handler', {
      settings,
      key,
      name: 'reconcile',
      description: 'Compares Stripe with the plan state in Postgres and heals what differs',
      // Lambda's maximum: under our share of Stripe's rate limit about 1.5 million objects; what is left, the next run goes on with.
      timeout: Duration.minutes(15),
      memorySizeMiB: 512,
      needsDatabase: true,
      env: {
        ENVIRONMENT: settings.environment,
        SENDING_EVENT_SOURCE_NAMES: eventSourcesOf(settings)
          .filter(({ retired }) => !retired)
          .map(({ name }) => name)
          .join(','),
        SECRET_ID: secret.secretArn,
        WORK_QUEUE_URLS: Stack.of(this).toJsonString(
          Object.fromEntries(queues.map(({ name, queue }) => [name, queue.queueUrl])),
        ),
        AUDIT_BUCKET: auditBucket.bucketName,
        RECONCILE_HEALS: String(settings.reconcileHeals),
      },
    })
      .allow(['secretsmanager:GetSecretValue'], secret.secretArn)
      .allow(['sqs:SendMessage'], this.failed.queueArn);
    for (const { queue } of queues) handler.allow(['sqs:SendMessage', 'sqs:GetQueueAttributes'], queue.queueArn);
    handler.allow(['s3:PutObject'], auditBucket.arnForObjects('reconcile/*'));
    const bucketId = Stack.of(this).getLogicalId(auditBucket.node.defaultChild as CfnElement);
    Validations.of(handler).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${bucketId}.Arn>/reconcile/*]`,
      reason: 'A report is named after its run, so the function must be able to write any key of this folder.',
    });
    this.fn = handler.fn;
    this.logGroup = handler.logGroup;

    this.fn.configureAsyncInvoke({
      retryAttempts: 1,
      maxEventAge: Duration.hours(1),
      // Not CDK's SqsDestination: it would grant more on the queue and, with wildcards, on the key than this takes.
      onFailure: { bind: () => ({ destination: this.failed.queueArn }) },
    });
    new Rule(this, 'Schedule', {
      ruleName: names.reconcileRule,
      description: 'Starts the comparison of Stripe and Postgres',
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [new LambdaTarget(this.fn, { deadLetterQueue: this.failed, maxEventAge: Duration.hours(1) })],
    });
    new Rule(this, 'Clock', {
      ruleName: names.clockRule,
      description: 'Notifies the apps of plans that end by time, and asks Stripe whether it sends and takes the key',
      schedule: Schedule.rate(Duration.minutes(5)),
      targets: [
        new LambdaTarget(this.fn, {
          event: RuleTargetInput.fromObject({ task: 'clock' }),
          deadLetterQueue: this.failed,
          // The next turn finds whoever this one did not.
          maxEventAge: Duration.minutes(5),
        }),
      ],
    });
  }
}
