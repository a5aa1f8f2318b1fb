import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { ListSubscriptionsByTopicCommand } from '@aws-sdk/client-sns';
import type { Ops } from '../cli/ops.ts';
import { ifThere } from '../deployment/not-there.ts';
import { stackResources } from '../deployment/stack-resources.ts';
import { type Check, ok, some, wrong } from './check.ts';
import { awsLine, revertDrift } from './repairs.ts';

/** What the path stands on: the audit bucket, the key, and somebody who hears the alarms. */
export async function checkSurroundings(ops: Ops): Promise<Check[]> {
  return [await checkBucket(ops), ...(await checkKey(ops)), ...(await checkTopics(ops))];
}

/** The bucket is there, and it is the one that the audit function writes to. */
async function checkBucket(ops: Ops): Promise<Check> {
  const { outputs } = await ops.stack();
  const Bucket = outputs.AuditBucketName;
  const [bucket, audit] = await Promise.all([
    ifThere(ops.aws.s3.send(new HeadBucketCommand({ Bucket }))),
    ifThere(ops.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: outputs.AuditFunctionName }))),
  ]);
  // S3 takes no constraint for its first region.
  const region = await ops.aws.sts.config.region();
  const place = region === 'us-east-1' ? '' : ` --create-bucket-configuration LocationConstraint=${region}`;
  if (!bucket)
    return wrong(
      'aws.bucket',
      `The audit bucket ${Bucket} is gone; what it should take waits in the audit queue, for 14 days.`,
      `\`${await awsLine(ops, `s3api create-bucket --bucket ${Bucket}${place}`)}\`, at once, before another account takes the name; then its lock and policy: docs/runbooks/audit-bucket-gone.md.`,
    );
  const writesTo = audit?.Environment?.Variables?.AUDIT_BUCKET;
  return writesTo === undefined || writesTo === Bucket
    ? ok('aws.bucket', 'The audit bucket is there.')
    : wrong('aws.bucket', `The audit function writes to ${writesTo}, not to ${Bucket}.`, revertDrift(ops));
}

/** Without the key nothing of the stack can be read or written. */
async function checkKey(ops: Ops): Promise<Check[]> {
  const keys = (await stackResources(ops)).filter(({ type }) => type === 'AWS::KMS::Key');
  return Promise.all(
    keys.map(async ({ physicalId: KeyId }) => {
      const found = await ifThere(ops.aws.kms.send(new DescribeKeyCommand({ KeyId })));
      const state = found?.KeyMetadata?.KeyState ?? 'gone';
      if (state === 'Enabled') return ok('aws.key', 'The key is enabled.');
      const enable = `\`${await awsLine(ops, `kms enable-key --key-id ${KeyId}`)}\``;
      const fixes: Record<string, string> = {
        Disabled: enable,
        PendingDeletion: `At once: \`${await awsLine(ops, `kms cancel-key-deletion --key-id ${KeyId}`)}\`, then ${enable}. A deleted key takes everything encrypted with it along.`,
      };
      return wrong(
        'aws.key',
        `The key ${KeyId} is ${state}: queues, bus, archive, secret and table are closed.`,
        fixes[state] ?? 'Look at it in the KMS console; docs/runbooks/events-lost.md.',
      );
    }),
  );
}

/** An e-mail subscription must be confirmed by its reader; until then alarms ring for nobody. */
async function checkTopics(ops: Ops): Promise<Check[]> {
  const topics = (await stackResources(ops)).filter(({ type }) => type === 'AWS::SNS::Topic');
  const subscriptions = await Promise.all(
    topics.map(async ({ physicalId: TopicArn }) => {
      const found = await ifThere(ops.aws.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn })));
      return found ? (found.Subscriptions ?? []).map((one) => ({ TopicArn, ...one })) : null;
    }),
  );
  const gone = topics.filter((_, index) => subscriptions[index] === null).map(({ physicalId }) => physicalId);
  if (gone.length > 0) return [wrong('aws.alarms', `Topics of the alarms are gone: ${some(gone)}.`, revertDrift(ops))];
  const all = subscriptions.flatMap((found) => found ?? []);
  const pending = all.filter(({ SubscriptionArn }) => SubscriptionArn === 'PendingConfirmation');
  if (pending.length > 0)
    return [
      wrong(
        'aws.alarms',
        `Not confirmed: ${some([...new Set(pending.map(({ Endpoint }) => Endpoint ?? '?'))])}. Alarms do not reach them.`,
        'Open the mail "AWS Notification - Subscription Confirmation" and confirm; it is asked for again by subscribing once more in the SNS console.',
      ),
    ];
  if (all.length === 0 && ops.environment === 'prod')
    return [
      wrong(
        'aws.alarms',
        'Nobody hears the alarms: their topics have no subscription.',
        `Set \`alarmEmail\` and \`${ops.lines.cdk('deploy')}\`, or subscribe your pager to the topic ${(await ops.stack()).outputs.AlarmTopicArn}.`,
      ),
    ];
  return [
    ok(
      'aws.alarms',
      all.length === 0
        ? `Nobody hears the alarms, which ${ops.environment} does not need.`
        : `Alarms reach ${some([...new Set(all.map(({ Endpoint }) => Endpoint ?? '?'))])}.`,
    ),
  ];
}
