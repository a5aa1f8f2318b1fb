import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import type { Deployment } from './deployment.ts';
import { typist } from './page-commands.ts';
import { recipes } from './runbook-commands.ts';
import type { Step } from './story.ts';

const page = 'restore-prod.md';

/**
 * "Tonight" of docs/runbooks/restore-prod.md: a stack of another name on the bus that is there. The first stack stands still beside it, since
 * outside prod nothing outlives a stack; its names are taken all the same, which is what the page is about.
 */
export async function tryRestoring(deployment: Deployment, source: string, step: Step): Promise<void> {
  const { type, left } = typist(deployment, page, () => ({}));
  await step('restore-prod: a stack beside what was kept', async () => {
    await type('aws events list-event-buses --name-prefix aws.partner/stripe.com', [0], new RegExp(source));
    writeFileSync(
      join(deployment.folder, 'dev.huntaze2.yaml'),
      `appName: huntaze2\nadoptEventBus: true\nstripeEventSourceName: ${source}\n`,
    );
    await type('npx cdk deploy -c environment=prod -c appName=huntaze2');
    await type(
      'aws secretsmanager get-secret-value --secret-id huntaze/stripe/prod --query SecretString --output text',
      [0],
      /DATABASE_URL/,
    );
    await type('npm run ops -- secrets --env prod --app huntaze2 --apply');
    const examined = await type('npm run ops -- doctor --env prod --app huntaze2 --ping', [0, 1]);
    assert.match(examined, /ping came out at the far end/);
    await type('npm run ops -- reconcile --env prod --app huntaze2', [0, 1]);
    await type('npm run ops -- status --env prod --app huntaze2', [0, 1]);
    // By the first stack, not in prod: the comparison wants a key of the environment's own mode.
    await type('npm run ops -- reconcile --env prod', [0, 1]);
  });
  const left_ = [...left].filter((text) => !byDay.includes(text));
  assert.deepEqual(left_, [], `${page} has commands that were not typed`);
}

/** What the page says for the day after, typed in prod, in their order. */
const byDay = [
  'aws events describe-archive --archive-name huntaze-stripe-prod --query ArchiveArn',
  'npx cdk import -c environment=prod --resource-mapping ids.json',
  'npx cdk deploy -c environment=prod',
  'npm run ops -- doctor --env prod --ping',
  'npm run ops -- redrive --env prod',
];

/**
 * "By day" of the same page, in prod and by its own names: a stack with a customer key is deleted, what it kept is imported into a new one, and
 * the rest deployed. A dead letter, the secret's value and the archive are there as before, and an event comes through.
 */
export async function tryPuttingBack(deployment: Deployment, step: Step): Promise<void> {
  const { typed, shell, folder, owner, deliver, stripe, writerUrl } = deployment;
  const source = 'aws.partner/stripe.com/ed_test_61Prod';
  const ids = join(folder, 'ids.json');
  const { type } = typist(deployment, page, () => ({ 'ids.json': ids }), { named: (text) => text });
  const deploy = byDay[2]!;
  const stack = 'huntaze-stripe-prod';
  const failed = `$(aws sqs get-queue-url --queue-name huntaze-stripe-billing-failed-prod --query QueueUrl --output text)`;
  const arrives = async (id: string) => {
    await deliver(source, [{ ...subscriptionEvent(id, 'updated', Math.floor(Date.now() / 1000)), livemode: true }]);
    const giveUpAt = Date.now() + 60_000;
    while ((await owner.query('select 1 from billing.events where event_id = $1', [id])).rowCount !== 1) {
      assert.ok(Date.now() < giveUpAt, `${id} has not come through within a minute`);
      await sleep(500);
    }
  };

  await step('restore-prod: a prod with a key of its own, whose stack somebody deletes', async () => {
    writeFileSync(join(folder, 'prod.yaml'), `stripeEventSourceName: ${source}\ncreateKmsKey: true\n`);
    await type(deploy);
    const secret = JSON.stringify({ DATABASE_URL: writerUrl, STRIPE_SECRET_KEY: stripe.key });
    await shell(`aws secretsmanager put-secret-value --secret-id huntaze/stripe/prod --secret-string '${secret}'
aws sqs send-message --queue-url ${failed} --message-body kept`);
    await arrives('evt_before_deletion');
    await shell(`aws cloudformation update-termination-protection --stack-name ${stack} --no-enable-termination-protection
aws cloudformation delete-stack --stack-name ${stack}`);
    const gone = `aws cloudformation describe-stacks --stack-name ${stack} --query 'Stacks[0].StackStatus' --output text`;
    while (!/DELETE_COMPLETE|does not exist/.test((await typed(gone)).output)) await sleep(1000);
    await type(byDay[0]!, [0], /archive\/huntaze-stripe-prod/);
  });

  await step('restore-prod: what it kept is imported, and the rest deployed', async () => {
    await shell(recipes((text) => text).get('kept-resources')!);
    await type(byDay[1]!, [0], /✅/);
    const imported = await shell(
      `aws cloudformation list-stack-resources --stack-name ${stack} --query 'length(StackResourceSummaries)'`,
    );
    assert.equal(imported.trim(), '15', 'all that was kept, and nothing else, is in the new stack');
    await type(deploy);
    await type(byDay[3]!, [0, 1]);
    await arrives('evt_after_import');
    const letters = `aws sqs get-queue-attributes --queue-url ${failed} --attribute-names ApproximateNumberOfMessages --query Attributes.ApproximateNumberOfMessages --output text`;
    assert.equal((await shell(letters)).trim(), '1', 'the dead letter is still there');
    for (const line of byDay.slice(4)) await type(line, [0, 1]);
  });
}
