import assert from 'node:assert/strict';
import { DescribeStacksCommand, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DisableRuleCommand } from '@aws-sdk/client-eventbridge';
import { DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms';
import { DeleteQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { emptyBucket } from './empty-bucket.ts';
import type { Act, Stage } from './play.ts';

/** How long AWS may take until an event that Stripe sent is in the ledger. */
const ARRIVES_WITHIN_MINUTES = 5;

/** From nothing to a pipeline that is hurt, cured and taken away again: what has to be seen once on real AWS. */
export const acts: readonly Act[] = [
  {
    title: "Stripe's end",
    async play(stage) {
      const { output } = await stage.ops('destination create --apply');
      const [source] = /aws\.partner\/stripe\.com\/ed_\w+/.exec(output) ?? [];
      assert(source, 'destination create printed no event source name');
      stage.source = source;
    },
  },
  {
    title: "Deployed with AWS's own keys",
    async play(stage) {
      const { account, region } = stage.sandbox;
      await stage.cdk('bootstrap', `aws://${account}/${region}`, ...settings(stage, false));
      await deploy(stage, false);
      await stage.ops('migrate --apply --yes');
      await stage.sandbox.deployed(stage.source);
      await stage.ops('secrets --apply');
    },
  },
  { title: 'Both ends, and a ping through the whole path', play: examined },
  { title: 'An event of Stripe becomes a row', play: arrives },
  {
    title: 'Deployed again, with a key of its own',
    async play(stage) {
      await deploy(stage, true);
      await examined(stage);
      await arrives(stage);
    },
  },
  {
    title: 'The key is disabled, and enabled again',
    async play(stage) {
      const { kms } = stage.sandbox.aws;
      const KeyId = await resource(stage, 'AWS::KMS::Key');
      await kms.send(new DisableKeyCommand({ KeyId }));
      try {
        await finds(stage, KeyId, 'kms enable-key');
        await stage.onAws('events wait while the key is off, and arrive once it is on again', async () => {
          await stage.sandbox.makeCustomer();
          await new Promise((resolve) => setTimeout(resolve, 120_000));
        });
      } finally {
        await kms.send(new EnableKeyCommand({ KeyId }));
      }
      await arrives(stage);
    },
  },
  {
    title: 'A rule is disabled by hand',
    async play(stage) {
      const { eventbridge } = stage.sandbox.aws;
      const rule = { Name: `${stage.sandbox.appName}-stripe-billing-dev`, EventBusName: stage.source };
      await eventbridge.send(new DisableRuleCommand(rule));
      await finds(stage, rule.Name, 'aws events enable-rule');
      await stage.cdk('drift', ...settings(stage, true));
      await revertDrift(stage);
      await arrives(stage);
    },
  },
  {
    title: 'A queue is deleted by hand',
    async play(stage) {
      const { sqs } = stage.sandbox.aws;
      const QueueUrl = (await outputs(stage)).BillingFailedQueueUrl!;
      await sqs.send(new DeleteQueueCommand({ QueueUrl }));
      const QueueName = QueueUrl.split('/').at(-1)!;
      await finds(stage, QueueName, 'docs/runbooks/');
      await stage.onAws(
        'SQS takes no queue of a deleted one’s name within a minute',
        () => new Promise((resolve) => setTimeout(resolve, 65_000)),
      );
      await revertDrift(stage);
      await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    },
  },
  {
    title: 'The archive is replayed',
    async play(stage) {
      await stage.onAws(
        'EventBridge archives what arrived: it asks for ten minutes',
        () => new Promise((resolve) => setTimeout(resolve, 600_000)),
      );
      const range = `--from ${stage.startedAt.toISOString()} --to ${new Date().toISOString()} --allow-recent`;
      await stage.ops(`replay ${range}`);
      const { output } = await stage.ops(`replay ${range} --apply`);
      assert.match(output, /completed/, 'no piece of the replay is completed');
    },
  },
  {
    title: 'All of it is taken away',
    last: true,
    async play(stage) {
      const bucket = (await outputs(stage).catch((): Record<string, string> => ({}))).AuditBucketName;
      await stage.ops('destination delete --apply', [0, 2]);
      if (bucket !== undefined) {
        await emptyBucket(stage.sandbox.aws.s3, bucket);
        await stage.cdk('destroy', '--force', ...settings(stage, true));
      }
      const { code } = await stage.ops('status', [2]);
      assert.equal(code, 2, 'the stack is still there');
      stage.says(
        'The CDK bootstrap stack stays: other stacks of the account may use it. A customer key is deleted after its waiting period.',
      );
    },
  },
];

const settings = ({ sandbox, source }: Stage, createKmsKey: boolean): string[] =>
  Object.entries({ environment: 'dev', appName: sandbox.appName, stripeEventSourceName: source, createKmsKey }).flatMap(
    ([name, value]) => ['-c', `${name}=${value}`],
  );

const deploy = (stage: Stage, createKmsKey: boolean) =>
  stage.cdk('deploy', '--require-approval', 'never', ...settings(stage, createKmsKey));

const revertDrift = (stage: Stage) =>
  stage.cdk('deploy', '--revert-drift', '--require-approval', 'never', ...settings(stage, true));

/** `doctor` finds no fault but such as a sandbox has: settings given with -c, prices of another Stripe account, nobody who hears the alarms, metrics that come minutes later. */
async function examined(stage: Stage): Promise<void> {
  const { output } = await stage.ops('doctor --ping --json', [0, 1]);
  const wrong = checksOf(output).filter(({ verdict }) => verdict === 'wrong');
  for (const { id, says } of wrong) stage.says(`${id}: ${says}`);
  const faults = wrong
    .map(({ id }) => id)
    .filter((id) => !/^(aws\.settings|stripe\.prices|aws\.topics|path\.last_event)/.test(id));
  assert.deepEqual(faults, [], 'doctor found something wrong');
}

/** `doctor` names what is wrong, and says the way out. */
async function finds(stage: Stage, what: string, cure: string): Promise<void> {
  const { output } = await stage.ops('doctor --json', [1]);
  const found = checksOf(output).find(
    ({ verdict, says, fix }) => verdict === 'wrong' && `${says} ${fix}`.includes(what),
  );
  assert(found, `doctor does not name ${what}`);
  stage.says(`doctor: ${found.says} → ${found.fix}`);
  assert(found.fix?.includes(cure), `doctor does not say ${cure}`);
}

const checksOf = (output: string) =>
  (
    JSON.parse(output.slice(output.indexOf('{"verb"'))) as {
      data: { checks: { id: string; verdict: string; says: string; fix: string | null }[] };
    }
  ).data.checks;

/** A customer is made at Stripe, and the event stands in the ledger. */
async function arrives(stage: Stage): Promise<void> {
  const count = async () =>
    (await stage.sandbox.owner.query(`select count(*)::int as n from billing.events where type = 'customer.created'`))
      .rows[0].n as number;
  const before = await count();
  await stage.sandbox.makeCustomer();
  await stage.eventually('the event in the ledger', ARRIVES_WITHIN_MINUTES, async () => (await count()) > before);
}

const stackName = ({ sandbox }: Stage) => `${sandbox.appName}-stripe-dev`;

async function outputs(stage: Stage): Promise<Record<string, string>> {
  const { Stacks } = await stage.sandbox.aws.cloudformation.send(
    new DescribeStacksCommand({ StackName: stackName(stage) }),
  );
  return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

/** The physical id of the stack's only resource of a type. */
async function resource(stage: Stage, type: string): Promise<string> {
  const pages = paginateListStackResources(
    { client: stage.sandbox.aws.cloudformation },
    { StackName: stackName(stage) },
  );
  for await (const { StackResourceSummaries = [] } of pages) {
    const found = StackResourceSummaries.find(({ ResourceType }) => ResourceType === type);
    if (found) return found.PhysicalResourceId!;
  }
  throw new Error(`The stack has no ${type}.`);
}
