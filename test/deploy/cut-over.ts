import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { type Deployment, stackName } from './deployment.ts';
import { typist } from './page-commands.ts';
import type { Step } from './story.ts';

const page = 'api-version-upgrade.md';

/**
 * An upgrade of Stripe's API version by docs/runbooks/api-version-upgrade.md: the commands of "Cut over" and "Afterwards" as they stand there,
 * with an event by both destinations on the way. The app bus, the queues and the functions are the same at its end.
 *
 * @returns the source that it ends with
 * @throws {Error} also when the page has a command that this does not type.
 */
export async function tryCutOver(deployment: Deployment, oldSource: string, step: Step): Promise<string> {
  const { stripe, owner, folder, deliver } = deployment;
  const write = (settings: Record<string, string>) =>
    writeFileSync(
      join(folder, 'dev.yaml'),
      Object.entries(settings)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    );
  const ids = { ed_OLD: oldSource.split('/').at(-1)!, ed_NEW: '' };
  const { type, left } = typist(deployment, page, () => ids);
  const outputs = async () => {
    const { output } = await deployment.typed(
      `aws cloudformation describe-stacks --stack-name ${stackName} --query 'Stacks[0].Outputs' --output json`,
    );
    return Object.fromEntries(
      (JSON.parse(output) as { OutputKey: string; OutputValue: string }[]).map((one) => [
        one.OutputKey,
        one.OutputValue,
      ]),
    );
  };
  const kept = ({
    AppBusName,
    BillingQueueUrl,
    PaymentsQueueUrl,
    AuditQueueUrl,
    AuditBucketName,
    BillingFunctionName,
  }: Record<string, string>) => ({
    AppBusName,
    BillingQueueUrl,
    PaymentsQueueUrl,
    AuditQueueUrl,
    AuditBucketName,
    BillingFunctionName,
  });
  const deploy = 'npx cdk deploy -c environment=prod';
  const before = await outputs();

  const newSource = await step('cut-over: another destination', async () => {
    write({ stripeEventSourceName: oldSource });
    // The settings file that `destination create` reads is the repository's own, which names no source.
    await type('npm run ops -- destination create --successor --env prod');
    const output = await type(
      'npm run ops -- destination create --successor --env prod --apply',
      [0],
      /EventSourceName: aws/,
    );
    return /EventSourceName: (\S+)/.exec(output)![1]!;
  });
  ids.ed_NEW = newSource.split('/').at(-1)!;
  for (const { amazon_eventbridge } of stripe.destinations.values())
    amazon_eventbridge.aws_event_source_status = 'active';
  stripe.onPing = (ping, { id }) => deliver(id === ids.ed_NEW ? newSource : oldSource, [ping]);

  await step('cut-over: both sources', async () => {
    write({ stripeEventSourceName: oldSource, secondEventSourceName: newSource });
    await type('npx cdk diff -c environment=prod');
    await type(deploy);
    assert.deepEqual(kept(await outputs()), kept(before), 'what apps and operators know by name must stay');
    const examined = await type('npm run ops -- doctor --env prod --ping', [0, 1]);
    assert.equal(examined.match(/ping came out at the far end/g)?.length, 2, `one ping by each:\n${examined}`);
  });

  await step('cut-over: an event by both is applied once', async () => {
    const twice = subscriptionEvent('evt_by_both', 'updated', Math.floor(Date.now() / 1000));
    for (const source of [oldSource, newSource]) await deliver(source, [twice]);
    const count = async (sql: string) =>
      (await owner.query(`select count(*)::int as n from billing.${sql}`)).rows[0].n as number;
    await until('the event in the ledger', async () => (await count(`events where event_id = 'evt_by_both'`)) === 1);
    await type('npm run ops -- status --env prod', [0, 1]);
    await type('npm run ops -- reconcile --env prod', [0, 1]);
  });

  await step('cut-over: the old one is retired, and its archive is still there for a replay', async () => {
    write({ stripeEventSourceName: oldSource, secondEventSourceName: newSource, retiredEventSourceName: oldSource });
    await type(deploy);
    assert.equal((await outputs()).StripeEventSourceName, newSource);
    await type('npm run ops -- destination disable --id ed_OLD --env prod --apply');
    assert.equal(stripe.destinations.get(ids.ed_OLD)?.status, 'disabled');
    await type(
      'npm run ops -- replay --source ed_OLD --from <first event> --to <time> --env prod',
      [0],
      /of the archive|events/,
    );
  });

  await step('cut-over: the old one goes, and everything that apps know is as before', async () => {
    write({ secondEventSourceName: newSource });
    await type(deploy);
    const after = await outputs();
    assert.deepEqual(kept(after), kept(before));
    assert.equal(after.OtherIntake, undefined);
    await type('npm run ops -- destination delete --id ed_OLD --env prod --apply');
    await deliver(newSource, [subscriptionEvent('evt_by_new', 'updated', Math.floor(Date.now() / 1000) + 1)]);
    await until(
      'an event by the new source alone',
      async () => (await owner.query(`select 1 from billing.events where event_id = 'evt_by_new'`)).rowCount === 1,
    );
  });

  // Outside prod the stack deletes its bus and archive itself; the way back is made of the same verbs.
  const elsewhere = /^aws events delete-|ed_NEW|destination enable|reconcile --env prod --apply/;
  assert.deepEqual(
    [...left].filter((text) => !elsewhere.test(text)),
    [],
    `${page} has commands that were not typed`,
  );
  return newSource;
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 120_000;
  while (!(await look())) {
    if (Date.now() > giveUpAt) throw new Error(`Waited two minutes for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
