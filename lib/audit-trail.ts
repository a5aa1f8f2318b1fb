import { Duration, Validations } from 'aws-cdk-lib';
import { type EventPattern, Match, type Rule } from 'aws-cdk-lib/aws-events';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { eventTypesOf, routedEventTypes } from '../core/event-routes.ts';
import { type EventFamily, eventFamilies } from '../core/workers.ts';
import type { AuditEnv } from '../lambdas/env.ts';
import type { EventIntake } from './event-intake.ts';
import { pipelineNames } from './names.ts';
import { PipelineFunction } from './pipeline-function.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';
import { makeWorkQueue } from './work-queue.ts';

export interface AuditTrailProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly intake: EventIntake;
}

/** Writing one small object takes a tenth of a second; the rest is patience with S3. */
const timeout = Duration.seconds(30);

/** Every 3 minutes (the visibility timeout) for an hour: a group waits behind its first message, so not for longer. */
const attemptsBeforeFailed = 20;

/** Together the three patterns match every event on the bus exactly once, types of tomorrow and pings included. */
const patternOf = (family: EventFamily): EventPattern => ({
  detailType: family === 'other' ? Match.anythingBut(...routedEventTypes) : eventTypesOf(family),
});

/**
 * Every event on the bus, in a bucket that nobody can quietly change.
 *
 * One rule per event family, because a rule gives all its messages the same group: a family is ordered, and waits for
 * itself only.
 */
export class AuditTrail extends Construct {
  readonly name = 'audit';
  readonly rules: readonly { readonly family: EventFamily; readonly rule: Rule }[];
  readonly queue: IQueue;
  /** Standard, although the queue is FIFO: a rule delivers to no other dead-letter queue. */
  readonly undelivered: IQueue;
  /** FIFO, because the queue is. */
  readonly failed: IQueue;
  readonly bucket: Bucket;
  readonly fn: PipelineFunction<AuditEnv>['fn'];
  readonly logGroup: PipelineFunction<AuditEnv>['logGroup'];
  readonly mapping: EventSourceMapping;

  constructor(scope: Construct, id: string, { settings, key, intake }: AuditTrailProps) {
    super(scope, id);
    const names = pipelineNames(settings);

    const queues = makeWorkQueue(this, {
      settings,
      key,
      names: { queue: names.auditQueue, undelivered: names.undelivered('audit'), failed: names.auditFailed },
      fifo: true,
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      attemptsBeforeFailed,
    });
    this.queue = queues.queue;
    this.undelivered = queues.undelivered;
    this.failed = queues.failed;
    const rules = intake.deliver(
      this,
      queues,
      eventFamilies.map((family) => ({
        id: `Rule-${family}`,
        ruleName: names.auditRule(family),
        description: `Stripe events of the ${family} family for the audit trail`,
        pattern: patternOf(family),
        messageGroupId: family,
      })),
    );
    this.rules = eventFamilies.map((family, index) => ({ family, rule: rules[index]! }));

    this.bucket = this.auditBucket(settings, key);
    const handler = new PipelineFunction<AuditEnv>(this, 'Handler', {
      settings,
      key,
      name: 'audit',
      description: 'Writes every Stripe event to the audit bucket',
      timeout,
      memorySizeMiB: 256,
      env: { AUDIT_BUCKET: this.bucket.bucketName },
    })
      .allowConsuming(this.queue)
      .allow(['s3:PutObject'], this.bucket.arnForObjects('*'));
    Validations.of(handler).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${this.bucket.stack.getLogicalId(this.bucket.node.defaultChild as never)}.Arn>/*]`,
      reason:
        'An object is named after its time and contents, so the function must be able to write any key of this bucket.',
    });
    this.fn = handler.fn;
    this.logGroup = handler.logGroup;
    this.mapping = handler.consume(this.queue, { maxConcurrency: eventFamilies.length });
  }

  /**
   * Versioned everywhere, and gone after `auditRetentionDays`; in prod an object cannot be deleted or replaced before.
   *
   * Governance and not compliance mode: who holds `s3:BypassGovernanceRetention` must be able to honour a customer's
   * right to erasure.
   */
  private auditBucket(settings: Settings, key: Key | undefined): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      ...(settings.environment === 'prod' && {
        objectLockEnabled: true,
        objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(settings.auditRetentionDays)),
      }),
      ...(key
        ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      // A version that the lock still holds outlives the rule; an older one is only hidden at first, hence the second number.
      lifecycleRules: [
        {
          expiration: Duration.days(settings.auditRetentionDays),
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
        { expiredObjectDeleteMarker: true },
      ],
      removalPolicy: removalPolicyOf(settings),
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        "Who read the trail is a question for CloudTrail's data events, which an account switches on in one place.",
    });
    return bucket;
  }
}
