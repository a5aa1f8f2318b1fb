import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import type { Deployment } from './deployment.ts';
import { typist } from './page-commands.ts';
import { bucketGone, fileOf } from './recipes.ts';
import { recipes } from './runbook-commands.ts';
import type { Step } from './story.ts';

const drift = 'npx cdk drift -c environment=prod';
const revert = 'npx cdk deploy -c environment=prod --revert-drift';
const deploy = 'npx cdk deploy -c environment=prod';
/** Makes CloudFormation forget one resource, so that the next deployment makes it. */
const forget = (path: string) => `npx cdk orphan --unstable=orphan huntaze-stripe-prod/${path} -c environment=prod`;

/** What somebody did by hand, and how its page undoes it. */
export interface Incident {
  readonly page: string;
  /** Shell. */
  readonly breaks: string;
  /** Shell that prints what must be in the end as it was before. */
  readonly shows: string;
  /** Paths of what `cdk drift` has to name. */
  readonly named?: readonly RegExp[];
  /** Lines of the page in their order, and `recipe NAME` for a block of any page. */
  readonly cure: readonly string[];
  /** With `--short`: CI has time for one. */
  readonly inShort?: true;
}

const billing = 'huntaze-stripe-billing-dev';

export function incidentsOf(outputs: Record<string, string>): Incident[] {
  const { StripeEventBusName: bus, BillingQueueUrl: url, AuditBucketName: bucket } = outputs;
  const onBus = `${billing} --event-bus-name "${bus}"`;
  const rule = `aws events describe-rule --name ${onBus} --query '[State,EventPattern]'; aws events list-targets-by-rule --rule ${onBus} --query 'Targets[].[Arn,DeadLetterConfig.Arn]'`;
  const removeTargets = `aws events remove-targets --rule ${onBus} --ids Target0 > /dev/null`;
  const queue = (address: string | undefined) =>
    `aws sqs get-queue-attributes --queue-url "${address}" --attribute-names All --query 'Attributes.[QueueArn,VisibilityTimeout,RedrivePolicy,Policy]'`;
  const archive =
    "aws events describe-archive --archive-name huntaze-stripe-dev --query '[ArchiveName,EventSourceArn]'";
  const role = (fn: string) =>
    `$(aws lambda get-function-configuration --function-name ${fn} --query Role --output text | cut -d/ -f2)`;
  const inline = (fn: string) =>
    `$(aws iam list-role-policies --role-name ${role(fn)} --query 'PolicyNames[0]' --output text)`;
  const rights = (fn: string) =>
    `aws iam get-role --role-name ${role(fn)} --query Role.AssumeRolePolicyDocument; aws iam get-role-policy --role-name ${role(fn)} --policy-name ${inline(fn)} --query PolicyDocument`;
  const takeRights = (fn: string) => `aws iam delete-role-policy --role-name ${role(fn)} --policy-name ${inline(fn)}`;
  const audit = 'huntaze-stripe-audit-dev';
  return [
    {
      page: 'rule-disabled.md',
      breaks: removeTargets,
      shows: rule,
      named: [/AWS::Events::Rule Billing\/Rule/],
      cure: [drift, revert],
      inShort: true,
    },
    {
      page: 'deleted-by-hand.md',
      breaks: `${removeTargets}; aws events delete-rule --name ${onBus}; aws events delete-archive --archive-name huntaze-stripe-dev; aws lambda delete-event-source-mapping --uuid $(aws lambda list-event-source-mappings --function-name ${billing} --query 'EventSourceMappings[0].UUID' --output text) > /dev/null`,
      shows: `${rule}; ${archive}; aws lambda list-event-source-mappings --function-name ${billing} --query 'EventSourceMappings[].[EventSourceArn,BatchSize,ScalingConfig,FunctionResponseTypes]'`,
      named: [/AWS::Events::Rule Billing\/Rule/, /AWS::Events::Archive Intake\/Archive/],
      cure: [drift, revert, forget('Billing/Handler/Function/Mapping'), deploy],
    },
    {
      page: 'queue-deleted.md',
      breaks: `aws sqs delete-queue --queue-url "${url}"`,
      shows: queue(url),
      cure: [
        revert,
        'recipe queue-policy-changed',
        'npm run ops -- pause billing --env prod --apply',
        'npm run ops -- resume billing --env prod --apply',
        drift,
      ],
    },
    {
      page: 'events-lost.md',
      breaks: `aws sqs delete-queue --queue-url "${url}"; aws sqs delete-queue --queue-url "${outputs.BillingUndeliveredQueueUrl}"`,
      shows: `${queue(url)}; ${queue(outputs.BillingUndeliveredQueueUrl)}`,
      named: [/AWS::SQS::Queue Billing\/Queue /, /AWS::SQS::Queue Billing\/Undelivered /],
      cure: [drift, revert, forget('Billing/Queue/Policy'), forget('Billing/Undelivered/Policy'), deploy],
    },
    {
      page: 'undelivered.md',
      breaks: `aws sqs set-queue-attributes --queue-url "${url}" --attributes VisibilityTimeout=1`,
      shows: queue(url),
      named: [/AWS::SQS::Queue Billing\/Queue /],
      cure: [drift, revert],
    },
    {
      page: 'function-changed-by-hand.md',
      breaks: `aws lambda update-function-configuration --function-name ${billing} --timeout 3 --environment 'Variables={ENVIRONMENT=dev}' > /dev/null`,
      shows: `aws lambda get-function-configuration --function-name ${billing} --query '[Timeout,Environment.Variables]'`,
      named: [/AWS::Lambda::Function Billing\/Handler\/Function/],
      cure: [drift, revert],
    },
    {
      page: 'function-errors.md',
      breaks: `${takeRights(billing)}; aws iam update-assume-role-policy --role-name ${role(billing)} --policy-document '{"Version":"2012-10-17","Statement":[]}'`,
      shows: rights(billing),
      named: [/AWS::IAM::Role Billing\/Handler\/Role/],
      cure: [drift, revert, forget('Billing/Handler/Role/DefaultPolicy'), deploy],
    },
    {
      page: 'audit-backlog.md',
      breaks: `${takeRights(audit)}; aws s3api put-bucket-versioning --bucket "${bucket}" --versioning-configuration Status=Suspended`,
      shows: `${rights(audit)}; aws s3api get-bucket-versioning --bucket "${bucket}"`,
      named: [/AWS::S3::Bucket Audit\/Bucket/],
      cure: [drift, revert, forget('Audit/Handler/Role/DefaultPolicy'), deploy],
    },
    {
      page: 'audit-bucket-gone.md',
      breaks: bucketGone(bucket),
      shows: `aws s3api get-public-access-block --bucket "${bucket}"; aws s3api get-bucket-versioning --bucket "${bucket}"; aws s3api get-bucket-policy --bucket "${bucket}"`,
      cure: ['recipe audit-bucket-gone', revert, forget('Audit/Bucket/Policy'), deploy],
    },
    {
      page: 'bus-gone.md',
      breaks: `aws events delete-event-bus --name "${bus}"; aws events delete-archive --archive-name huntaze-stripe-dev`,
      shows: `${rule}; ${archive}; aws events list-rules --event-bus-name "${bus}" --query 'Rules[].Name'`,
      cure: ['recipe bus-deleted', revert],
    },
  ];
}

/**
 * Damages the deployment as each page says, types what the page says against it, and looks whether it is as before and an event comes through.
 *
 * Before each cure a plain `cdk deploy` has to say "no changes": that is why the pages need another one.
 */
export async function tryDrift(
  deployment: Deployment,
  outputs: Record<string, string>,
  step: Step,
  { short }: { short: boolean },
): Promise<void> {
  const blocks = recipes();
  // Nothing here changes the app: what the last deployment made is deployed again.
  const settled = { CDK_APP: join(deployment.folder, 'cdk.out') };
  for (const incident of incidentsOf(outputs).filter(({ inShort }) => !short || inShort))
    await step(`${incident.page}: undone as it says`, async () => {
      const { page, breaks, shows, named = [], cure } = incident;
      const { type } = typist(deployment, page, () => ({}), { variables: settled });
      const state = async () => words(await deployment.shell(`{ ${shows}; } 2>&1 || true`));
      const before = await state();
      await deployment.shell(breaks);
      assert.notEqual(await state(), before, `${page}: nothing was broken by ${breaks}`);
      const unseeing = await deployment.typed('npx cdk deploy -c environment=dev', settled);
      assert.match(unseeing.output, /\(no changes\)/);
      for (const [index, line] of cure.entries()) {
        const [, name] = /^recipe (.+)$/.exec(line) ?? [];
        if (name !== undefined)
          await deployment.shell(
            `${name === 'queue-policy-changed' ? fileOf(blocks.get('queue-deleted')!) : ''}${blocks.get(name)!}`,
          );
        else {
          const output = await type(line);
          if (line === drift && index === 0) for (const what of named) assert.match(output, what);
          // The last look of a page: nothing is left to name.
          if (line === drift && index > 0) assert.match(output, /No drift detected/);
        }
      }
      assert.equal(await state(), before, `${page}: not as it was`);
      await flows(deployment, outputs.StripeEventSourceName!, page);
    });
}

/** In any order: SQS gives a policy's members back as they were written. */
const words = (text: string): string => (text.match(/[\w:.*/-]+/g) ?? []).sort().join(' ');

/** An event of Stripe is in the ledger. */
async function flows({ deliver, owner }: Deployment, source: string, page: string): Promise<void> {
  const id = `evt_after_${page.replaceAll(/\W/g, '_')}`;
  await deliver(source, [subscriptionEvent(id, 'updated', Math.floor(Date.now() / 1000))]);
  const giveUpAt = Date.now() + 60_000;
  while ((await owner.query('select 1 from billing.events where event_id = $1', [id])).rowCount !== 1) {
    assert.ok(Date.now() < giveUpAt, `${page}: a minute after the cure an event has not come through`);
    await sleep(500);
  }
}
