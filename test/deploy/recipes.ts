import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Deployment, stackName } from './deployment.ts';
import { recipes } from './runbook-commands.ts';
import type { Step } from './story.ts';

/** How one recipe is tried: what somebody breaks by hand, and what must be so once the page's commands have run. Both are shell. */
interface Trial {
  readonly breaks: string;
  /** Prints what the recipe must bring back: the same after it as before the damage. */
  readonly shows: string;
}

const billing = 'huntaze-stripe-billing-dev';

/** Every version of every object and the marks of what was deleted, then the bucket, by somebody who may bypass the lock: the recipe makes one with a lock. */
export const bucketGone = (
  bucket: string | undefined,
) => `for _ in $(seq 20); do # The audit function goes on writing into it.
  aws s3api list-object-versions --bucket "${bucket}" --max-items 500 --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' > versions.json
  aws s3api delete-objects --bucket "${bucket}" --delete file://versions.json --bypass-governance-retention > /dev/null || true
  if aws s3 rb --force "s3://${bucket}" > /dev/null; then break; fi
done
! aws s3api head-bucket --bucket "${bucket}" 2> /dev/null`;

/** In this order: the emulator forgets the rules of a bus that is deleted. */
function trialsOf(outputs: Record<string, string>): Record<string, Trial> {
  const { StripeEventBusName: bus, BillingQueueUrl: url, AuditBucketName: bucket } = outputs;
  const onBus = `${billing} --event-bus-name "${bus}"`;
  const rule = `aws events describe-rule --name ${onBus} --query '[State,EventPattern]'; aws events list-targets-by-rule --rule ${onBus} --query 'Targets[].[Arn,DeadLetterConfig.Arn]'`;
  const queue = (attributes: string) =>
    `aws sqs get-queue-attributes --queue-url "${url}" --attribute-names ${attributes} --query 'Attributes.[${attributes.replaceAll(' ', ',')}]'`;
  return {
    'rule-disabled': { breaks: `aws events disable-rule --name ${onBus}`, shows: rule },
    'rule-deleted': {
      breaks: `aws events remove-targets --rule ${onBus} --ids $(aws events list-targets-by-rule --rule ${onBus} --query 'Targets[].Id' --output text); aws events delete-rule --name ${onBus}`,
      shows: rule,
    },
    'mapping-deleted': {
      breaks: `aws lambda delete-event-source-mapping --uuid ${outputs.BillingMappingId}`,
      shows: `aws lambda list-event-source-mappings --function-name ${billing} --query 'EventSourceMappings[].[EventSourceArn,BatchSize,FunctionResponseTypes]'`,
    },
    'archive-deleted': {
      breaks: 'aws events delete-archive --archive-name huntaze-stripe-dev',
      shows: "aws events describe-archive --archive-name huntaze-stripe-dev --query '[ArchiveName,EventSourceArn]'",
    },
    'queue-deleted': {
      breaks: `aws sqs delete-queue --queue-url "${url}"`,
      shows: queue('QueueArn MessageRetentionPeriod VisibilityTimeout RedrivePolicy'),
    },
    'queue-policy-changed': {
      breaks: `aws sqs set-queue-attributes --queue-url "${url}" --attributes '{"Policy":""}'`,
      shows: queue('Policy'),
    },
    'function-code-changed': {
      breaks: `printf 'exports.handler = async () => { throw new Error("not ours") }' > index.js; python3 -m zipfile -c other.zip index.js
aws lambda update-function-code --function-name ${billing} --zip-file fileb://other.zip --query CodeSha256`,
      shows: `aws lambda get-function-configuration --function-name ${billing} --query CodeSha256`,
    },
    'audit-bucket-gone': {
      breaks: bucketGone(bucket),
      shows: `aws s3api get-public-access-block --bucket "${bucket}"`,
    },
    'bus-deleted': {
      breaks: `aws events delete-event-bus --name "${bus}"`,
      shows: `aws events describe-event-bus --name "${bus}" --query Name`,
    },
  };
}

/**
 * Takes the shell blocks of the runbooks from their pages, breaks what each repairs, runs it, and looks whether it is as before.
 *
 * @throws {Error} for a recipe on a page that no trial here covers, and the other way round.
 */
export async function tryRecipes({ shell }: Deployment, step: Step): Promise<void> {
  const onPages = recipes();
  // Want a stack that is gone, or goes: restore.ts and take-away.ts play them.
  for (const name of ['kept-resources', 'audit-bucket-emptied']) onPages.delete(name);
  const outputs = await outputsOf(shell);
  const trials = trialsOf(outputs);
  assert.deepEqual(
    [...onPages.keys()].sort(),
    Object.keys(trials).sort(),
    'each recipe of a runbook has a trial, and no other',
  );
  const failed: string[] = [];
  for (const [name, { breaks, shows }] of Object.entries(trials)) {
    const block = onPages.get(name)!;
    const attempt = async () => {
      const before = plain(await shell(shows));
      await shell(breaks);
      assert.notEqual(plain(await shell(`{ ${shows}; } || true`)), before, `${name}: nothing was broken by ${breaks}`);
      const printed = await shell(
        `${name === 'queue-policy-changed' ? fileOf(onPages.get('queue-deleted')!) : ''}${block}`,
      );
      for (let tries = 0; ; tries++) {
        const after = plain(await shell(`{ ${shows}; } || true`));
        if (after === before) break;
        assert.ok(
          tries < 10,
          `${name}: not as it was.\nBefore:\n${before}\nAfter:\n${after}\nThe recipe printed:\n${printed}`,
        );
        await sleep(500);
      }
    };
    await step(`runbook recipe ${name}`, () =>
      attempt().catch((error: Error) => {
        process.stdout.write(' FAILED:');
        failed.push(`${name}: ${error.message}`);
      }),
    );
  }
  // All of them at once: a page is corrected in one go.
  assert.equal(failed.length, 0, failed.join('\n\n'));
}

/** Without what says nothing: the spaces of JSON, and of JSON within JSON. */
const plain = (text: string): string => text.replaceAll(/\\n|\s/g, '');

/** `queue-policy-changed` says "the same file" of the block before it: all but that block's last line. */
export const fileOf = (block: string): string => `${block.trimEnd().split('\n').slice(0, -1).join('\n')}\n`;

export async function outputsOf(shell: Deployment['shell'], stack = stackName): Promise<Record<string, string>> {
  const printed = await shell(
    `aws cloudformation describe-stacks --stack-name ${stack} --query 'Stacks[0].Outputs' --output json`,
  );
  const outputs = JSON.parse(printed) as { OutputKey: string; OutputValue: string }[];
  return Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}
