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
import type { EventSource } from './event-sources.ts';
import { pipelineNames } from './names.ts';
import { PipelineFunction } from './pipeline-function.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';
import { makeWorkQueue } from './work-queue.ts';

export interface AuditTrailProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly intakes: readonly EventIntake[];
}

/** Writing one small object takes a tenth of a second; the rest is for a slow S3. */
const timeout = Duration.seconds(30);

/** Every 3 minutes (the visibility timeout) for an hour: a group waits behind its first message, so not for longer. The first time it only waits for company. */
const attemptsBeforeFailed = 21;

/** One group of the FIFO queue, and the rule that fills it: a share of one family's events. */
export interface AuditShare {
  readonly family: EventFamily;
  /** From 1. */
  readonly share: number;
}

/**
 * Into how many groups each family's events are divided: a FIFO group hands out ten messages and no more until those are written, so the
 * groups are what the rate is made of (docs/scale.md). How many there may be in all: {@link checkShares}.
 */
const sharesOf: Readonly<Record<EventFamily, number>> = { payments: 4, billing: 4, other: 2 };

/** Every group, those of one family together. */
export const auditShares: readonly AuditShare[] = eventFamilies.flatMap((family) =>
  Array.from({ length: sharesOf[family] }, (_, index) => ({ family, share: index + 1 })),
);

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
const METRICS_OF_AN_ALARM = 10;

/**
 * Whether two alarms can add up what so many rules do: `events-lost-audit` looks at each share, `rule-disabled` at the workers' shares
 * and at each worker's own rule.
 * @throws {Error} saying where to take a share from.
 */
export function checkShares(sharesOf: Readonly<Record<string, number>>): void {
  const sum = (families: readonly string[]) => families.reduce((total, family) => total + sharesOf[family]!, 0);
  const families = Object.keys(sharesOf);
  const ofWorkers = families.filter((family) => family !== 'other');
  const needed = { 'events-lost-audit': sum(families), 'rule-disabled': sum(ofWorkers) + ofWorkers.length };
  for (const [alarm, metrics] of Object.entries(needed)) {
    if (metrics <= METRICS_OF_AN_ALARM) continue;
    throw new Error(
      `The audit trail divides its events into ${families.map((family) => `${family} ${sharesOf[family]}`).join(', ')}: the alarm ${alarm} ` +
        `would add up ${metrics} metrics, and ${METRICS_OF_AN_ALARM} are the most. Give a family fewer shares: sharesOf in lib/audit-trail.ts.`,
    );
  }
}
checkShares(sharesOf);

/** Together the patterns match every event on the bus exactly once, types of tomorrow and pings included. */
const patternOf = ({ family, share }: AuditShare): EventPattern => ({
  detailType: family === 'other' ? Match.anythingBut(...routedEventTypes) : eventTypesOf(family),
  ...(sharesOf[family] > 1 && { id: idsOf(share, sharesOf[family]) }),
});

/**
 * EventBridge gives each envelope a random UUID as its id, so that its last digit divides the events evenly. The last share takes
 * whatever ends otherwise than the first ones, so none is left over.
 */
function idsOf(share: number, count: number): string[] {
  const digits = [...'0123456789abcdef'];
  const perShare = digits.length / count;
  const ofShare = digits.slice((share - 1) * perShare, share * perShare);
  const before = digits.slice(0, (share - 1) * perShare);
  return share < count
    ? Match.anyOf(...ofShare.map((digit) => Match.suffix(digit)))
    : Match.anythingButSuffix(...before);
}

/**
 * Every event on the bus, in a bucket that nobody can quietly change.
 *
 * A rule gives all its messages the same group, so there is one rule for each group. Nothing rests on the order within one: Stripe and
 * EventBridge keep none themselves.
 */
export class AuditTrail extends Construct {
  readonly name = 'audit';
  /** Those of the first intake before those of the other. */
  readonly rules: readonly (AuditShare & { readonly rule: Rule; readonly source: EventSource })[];
  readonly queue: IQueue;
  /** Standard, although the queue is FIFO: a rule delivers to no other dead-letter queue. */
  readonly undelivered: IQueue;
  /** FIFO, because the queue is. */
  readonly failed: IQueue;
  readonly bucket: Bucket;
  readonly fn: PipelineFunction<AuditEnv>['fn'];
  readonly logGroup: PipelineFunction<AuditEnv>['logGroup'];
  readonly mapping: EventSourceMapping;

  constructor(scope: Construct, id: string, { settings, key, intakes }: AuditTrailProps) {
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
    const routings = auditShares.map(({ family, share }) => ({
      id: `Rule-${family}-${share}`,
      ruleName: names.auditRule(family, share),
      description: `Stripe events of the ${family} family for the audit trail, share ${share} of ${sharesOf[family]}`,
      pattern: patternOf({ family, share }),
      messageGroupId: `${family}-${share}`,
    }));
    this.rules = intakes.flatMap((intake) =>
      intake
        .deliver(this, queues, routings)
        .map((rule, index) => ({ ...auditShares[index]!, rule, source: intake.source })),
    );

    this.bucket = this.auditBucket(settings, key);
    const handler = new PipelineFunction<AuditEnv>(this, 'Handler', {
      settings,
      key,
      name: 'audit',
      description: 'Writes every Stripe event to the audit bucket',
      timeout,
      memorySizeMiB: 256,
      env: {
        AUDIT_BUCKET: this.bucket.bucketName,
        AUDIT_QUEUE_URL: this.queue.queueUrl,
        AUDIT_DRAIN_SECONDS: String(settings.auditDrainSeconds),
      },
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
    // Two, the least that there is: each takes what all groups give, and the fewer take it, the more goes into an object.
    this.mapping = handler.consume(this.queue, {
      maxConcurrency: settings.auditDrainSeconds > 0 ? 2 : auditShares.length,
    });
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
