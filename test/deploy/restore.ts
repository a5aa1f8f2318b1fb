import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Prod, stack } from './prod.ts';
import { recipes } from './runbook-commands.ts';
import type { Step } from './story.ts';

const page = 'restore-prod.md';

/**
 * docs/runbooks/restore-prod.md, every command as it stands there: prod's stack is deleted; a stack of another name stands in beside what it
 * kept; that is imported into a stack of the old name, and the other one taken away. A dead letter, the secret's value and the archive are
 * there as before, and at each stage an event comes through.
 *
 * @throws {Error} also when the page has a command that this does not type.
 */
export async function tryRestoring(prod: Prod, step: Step): Promise<void> {
  const { deployment, source, settings, planArrives } = prod;
  const { typed, shell, folder } = deployment;
  const { type, left } = prod.typist(page, () => ({ 'ids.json': join(folder, 'ids.json') }));
  const queue = (name: string) =>
    `$(aws sqs get-queue-url --queue-name huntaze-stripe-${name}-prod --query QueueUrl --output text)`;
  const isGone = async (name: string) => {
    const status = `aws cloudformation describe-stacks --stack-name ${name} --query 'Stacks[0].StackStatus' --output text`;
    return /DELETE_COMPLETE|does not exist/.test((await typed(status)).output);
  };
  const archive = 'aws events describe-archive --archive-name';

  await step('restore-prod: somebody deletes the stack', async () => {
    await shell(`aws sqs send-message --queue-url ${queue('billing-failed')} --message-body kept
aws cloudformation update-termination-protection --stack-name ${stack} --no-enable-termination-protection
aws cloudformation delete-stack --stack-name ${stack}`);
    while (!(await isGone(stack))) await sleep(1000);
  });

  await step('restore-prod: a stack beside what was kept', async () => {
    await type('aws events list-event-buses --name-prefix aws.partner/stripe.com', [0], new RegExp(source));
    const beside = { appName: 'huntaze2', adoptEventBus: 'true', stripeEventSourceName: source };
    settings(beside, 'prod.huntaze2.yaml');
    await type('npx cdk deploy -c environment=prod -c appName=huntaze2');
    await type(
      'aws secretsmanager get-secret-value --secret-id huntaze/stripe/prod --query SecretString --output text',
      [0],
      /DATABASE_URL/,
    );
    await type('npm run ops -- secrets --env prod --app huntaze2 --apply');
    const examined = await type('npm run ops -- doctor --env prod --app huntaze2 --ping', [0, 1]);
    assert.match(examined, /ping came out at the far end/);
    await planArrives('evt_beside', source);
    await type('npm run ops -- reconcile --env prod --app huntaze2', [0, 1]);
  });

  await step('restore-prod: what was kept is imported, and the rest deployed', async () => {
    await shell(recipes((text) => text).get('kept-resources')!);
    await type('npx cdk import -c environment=prod --resource-mapping ids.json', [0], /✅/);
    const imported = await shell(
      `aws cloudformation list-stack-resources --stack-name ${stack} --query 'length(StackResourceSummaries)'`,
    );
    assert.equal(imported.trim(), '15', 'all that was kept, and nothing else, is in the new stack');
    await type('npx cdk deploy -c environment=prod');
    const examined = await type('npm run ops -- doctor --env prod --ping', [0, 1]);
    assert.match(examined, /ping came out at the far end/);
    const letters = `aws sqs get-queue-attributes --queue-url ${queue('billing-failed')} --attribute-names ApproximateNumberOfMessages --query Attributes.ApproximateNumberOfMessages --output text`;
    assert.equal((await shell(letters)).trim(), '1', 'the dead letter is still there');
  });

  await step('restore-prod: the stack beside it is taken away, and the bus stays', async () => {
    await type('npm run ops -- status --env prod --app huntaze2', [0, 1]);
    const protectedStill = await typed('npx cdk destroy -c environment=prod -c appName=huntaze2', prod.variables);
    assert.match(protectedStill.output, /TerminationProtection is enabled/);
    await type(
      'aws cloudformation update-termination-protection --stack-name huntaze2-stripe-prod --no-enable-termination-protection',
    );
    await type('npx cdk destroy -c environment=prod -c appName=huntaze2');
    assert.ok(await isGone('huntaze2-stripe-prod'));
    await shell(`${archive} huntaze2-stripe-prod; ${archive} ${stack}`);
    await type('aws events delete-archive --archive-name huntaze2-stripe-prod');
    await planArrives('evt_restored', source);
  });

  await step('restore-prod: afterwards', async () => {
    await type('npm run ops -- redrive --env prod', [1], /billing-failed/);
    await type('npm run ops -- replay --env prod --from <time> --to <time>', [0, 1], /evt|events/);
    await type('npm run ops -- reconcile --env prod', [0, 1]);
    await type(
      'aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=UpdateTerminationProtection',
    );
  });
  assert.deepEqual([...left], [], `${page} has commands that were not typed`);
}
