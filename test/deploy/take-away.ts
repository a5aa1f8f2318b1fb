import assert from 'node:assert/strict';
import { type Deployment, stackName } from './deployment.ts';
import { typist } from './page-commands.ts';
import { outputsOf } from './recipes.ts';
import { recipes } from './runbook-commands.ts';
import type { Step } from './story.ts';

const page = 'docs/deploy.md';

/** Prints what there is of everything that the stack is made of. */
const everything = [
  'events list-event-buses --query EventBuses[].Name',
  'events list-archives --query Archives[].ArchiveName',
  'events list-rules --query Rules[].Name',
  'sqs list-queues --query QueueUrls',
  'lambda list-functions --query Functions[].FunctionName',
  'lambda list-event-source-mappings --query EventSourceMappings[].UUID',
  'dynamodb list-tables --query TableNames',
  'secretsmanager list-secrets --query SecretList[].[ARN,Name]',
  's3api list-buckets --query Buckets[].Name',
  'sns list-topics --query Topics[].TopicArn',
  'cloudwatch describe-alarms --query MetricAlarms[].AlarmName',
  'cloudwatch list-dashboards --query DashboardEntries[].DashboardName',
  'logs describe-log-groups --query logGroups[].logGroupName',
  'iam list-roles --query Roles[].RoleName',
  'iam list-policies --scope Local --query Policies[].Arn',
].map((call) => `aws ${call} --output text`);

/**
 * "Taking a stack away" of docs/deploy.md, as it stands there: the last thing that is done with the deployment. Nothing that the stack made
 * is there afterwards; its database is, and the CDK's own stack.
 */
export async function takeAway(deployment: Deployment, step: Step): Promise<void> {
  const { shell, typed, stripe, owner, folder } = deployment;
  const { type } = typist(deployment, page, () => ({}));
  await step('docs/deploy.md: the stack is taken away', async () => {
    const resources = `aws cloudformation list-stack-resources --stack-name ${stackName} --query 'StackResourceSummaries[].PhysicalResourceId'`;
    const ids = JSON.parse(await shell(resources)) as string[];
    const there = async () => {
      const found = new Set((await shell(everything.join('\n'))).split(/\s+/));
      return ids.filter((id) => found.has(id));
    };
    // The rest are parts of these: policies, permissions, targets.
    assert.ok((await there()).length > ids.length / 2, 'the list finds what the stack has');
    await unlocked(shell, (await outputsOf(shell)).AuditBucketName!);
    const deleted = await type('npm run ops -- destination delete --env dev --apply');
    // The typed pages have made a successor that nobody deployed.
    for (const [, other] of deleted.matchAll(/`(npm run ops -- destination delete --id ed_\w+ --env dev)`/g))
      assert.equal((await typed(`${other} --apply`)).code, 0, other);
    const names = [...stripe.destinations.values()].map(({ name }) => name);
    assert.ok(!names.includes(stackName), `Stripe still sends to ${stackName}`);
    await shell(`cd ${folder}; ${recipes().get('audit-bucket-emptied')!}`);
    await type('npx cdk destroy -c environment=dev');
    assert.equal((await typed('npm run ops -- status --env dev')).code, 2, 'there is no stack any more');
    assert.deepEqual(await there(), []);
    await shell('aws cloudformation describe-stacks --stack-name CDKToolkit');
    assert.ok((await owner.query('select 1 from billing.events limit 1')).rowCount === 1);
  });
}

/** The recipe of audit-bucket-gone.md locks what is written, as in prod: a bucket as outside prod, with a version that hides another. */
async function unlocked(shell: Deployment['shell'], bucket: string): Promise<void> {
  await shell(`aws s3api list-object-versions --bucket ${bucket} --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' > locked.json
aws s3api delete-objects --bucket ${bucket} --delete file://locked.json --bypass-governance-retention || true
aws s3api put-object-lock-configuration --bucket ${bucket} --object-lock-configuration ObjectLockEnabled=Enabled || true
for _ in 1 2; do aws s3api put-object --bucket ${bucket} --key twice --body locked.json; done`);
}
