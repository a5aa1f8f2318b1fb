import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { routedEventTypes } from '../../core/event-routes.ts';
import { envelope } from '../support/event-processor.ts';
import {
  charge,
  checkout,
  customer,
  event,
  invoice,
  paymentIntent,
  refund,
  subscriptionEvent,
} from '../support/stripe-samples.ts';
import { type Deployment, type Ran, root, stackName, target } from './deployment.ts';
import { region } from './emulator.ts';

/** Says what is being done, and how long it took. */
export type Step = <T>(sentence: string, work: () => Promise<T>) => Promise<T>;

/** Keeps what a verb printed, for docs/operations.md. */
export type Transcribe = (name: string, command: string, ran: Ran) => void;

const user = '11111111-1111-4111-8111-111111111111';

/** From nothing to a pipeline that runs, through everything an operator meets, and out again. */
export async function story(deployment: Deployment, step: Step, transcribe: Transcribe): Promise<void> {
  const { stripe, owner, ownerUrl, writerUrl, cdk, deliver } = deployment;
  const key = { STRIPE_SECRET_KEY: stripe.key };
  let number = 0;
  /** Runs a verb, checks its exit code and that it says what it should, and keeps what it printed under `name`. */
  const ops = async (
    command: string,
    expected: { code: number; says?: RegExp[]; name?: string; variables?: Record<string, string> },
  ): Promise<Ran> => {
    const ran = await deployment.ops(command, expected.variables);
    assert.equal(
      ran.code,
      expected.code,
      `ops ${command} ended with ${ran.code}, wanted ${expected.code}:\n${ran.output}`,
    );
    for (const pattern of expected.says ?? [])
      assert.match(ran.output, pattern, `ops ${command} did not say ${pattern}`);
    if (expected.name) transcribe(expected.name, command, ran);
    number += 1;
    return ran;
  };
  const planState = async () =>
    (
      await owner.query(
        'select customer_id, subscription_id, plan_id, tier, status, entitled from billing.plan_states order by customer_id',
      )
    ).rows;
  const becomes = (what: string, look: () => Promise<unknown>, wanted: unknown) =>
    eventually(what, async () => assert.deepEqual(await look(), wanted));

  await step('refuses without a stack, with the fix', () =>
    ops('status', {
      code: 2,
      name: 'no-stack',
      says: [/There is no stack "huntaze-stripe-dev" in eu-central-1/, /cdk deploy/],
    }),
  );

  const source = await step('makes the event destination at Stripe', async () => {
    await ops('destination create', {
      code: 0,
      name: 'destination-create-plan',
      variables: key,
      says: [new RegExp(`${routedEventTypes.length} event types`), /Nothing was changed/],
    });
    assert.equal(stripe.destinations.size, 0, 'a plan must not create anything');
    const { output } = await ops('destination create --apply', {
      code: 0,
      name: 'destination-create',
      variables: key,
      says: [/Then deploy it/],
    });
    await ops('destination create --apply', {
      code: 2,
      variables: key,
      says: [/Stripe sends to "huntaze-stripe-dev" in this AWS account and region already/],
    });
    return /stripeEventSourceName: (\S+)/.exec(output)![1]!;
  });

  await step('bootstraps with the CDK CLI', () =>
    cdk('bootstrap', target, '--context', `stripeEventSourceName=${source}`),
  );
  const outputs = await step('deploys with the CDK CLI', async () => {
    await cdk('deploy', '--require-approval', 'never', '--context', `stripeEventSourceName=${source}`);
    for (const destination of stripe.destinations.values())
      destination.amazon_eventbridge.aws_event_source_status = 'active';
    return stackOutputs(deployment);
  });
  stripe.onPing = (ping) => deliver(source, [ping]);
  const sqs = new SQSClient({
    endpoint: deployment.emulator.url,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const waiting = async (url: string) => {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
    return Number(Attributes?.ApproximateNumberOfMessages) + Number(Attributes?.ApproximateNumberOfMessagesNotVisible);
  };

  await step('migrates the database, and finds nothing to do the second time', async () => {
    const owned = { MIGRATION_DATABASE_URL: ownerUrl };
    await ops('migrate', { code: 2, says: [/MIGRATION_DATABASE_URL/] });
    await ops('migrate', { code: 1, variables: owned, name: 'migrate-plan', says: [/Nothing was changed/] });
    await ops('migrate --apply', { code: 0, variables: owned, name: 'migrate', says: [/Applied 2026/] });
    await ops('migrate --apply', { code: 0, variables: owned, says: [/Nothing to do/] });
  });

  await step('fills the secret without ever showing it', async () => {
    await ops('secrets', { code: 1, name: 'secrets-empty', says: [/DATABASE_URL +empty +is not set/] });
    const values = {
      PIPELINE_DATABASE_URL: writerUrl,
      PIPELINE_STRIPE_SECRET_KEY: stripe.key,
      PIPELINE_API_KEY: 'an-api-key-of-the-apps',
    };
    await ops('secrets --apply', {
      code: 2,
      variables: { PIPELINE_STRIPE_SECRET_KEY: 'sk_live_nothing' },
      says: [/live-mode key; "dev" wants test mode/],
    });
    await ops('secrets', { code: 0, variables: values, name: 'secrets-plan', says: [/Nothing was changed/] });
    const { output } = await ops('secrets --apply', { code: 0, variables: values, name: 'secrets' });
    for (const value of [stripe.key, 'an-api-key-of-the-apps'])
      assert.ok(!output.includes(value), 'a secret was shown');
    await ops('secrets', { code: 0 });
  });

  const start = Math.floor(Date.now() / 1000) - 7200;
  await step('turns Stripe events into plan states: out of order, twice, and in the same second', async () => {
    const created = subscriptionEvent('evt_created', 'created', start, { status: 'incomplete' });
    const active = subscriptionEvent('evt_active', 'updated', start + 2);
    const upgraded = subscriptionEvent('evt_upgraded', 'updated', start + 60, {
      price: 'price_premium_plus_monthly_eur',
    });
    const renamed = subscriptionEvent('evt_renamed', 'updated', start + 60, {
      price: 'price_premium_plus_monthly_eur',
      metadata: { user_id: user, note: 'x' },
    });
    const now = objectOf(upgraded);
    stripe.subscriptions.set(now.id, now);
    await deliver(source, [
      active,
      event('evt_paid', 'invoice.paid', start + 3, invoice({ status: 'paid', amount_paid: 1900 })),
      created,
      event('evt_checkout', 'checkout.session.completed', start + 4, checkout({ client_reference_id: user })),
      event('evt_intent', 'payment_intent.succeeded', start + 3, paymentIntent()),
      active,
      upgraded,
      renamed,
      event('evt_nobody', 'product.created', start, { id: 'prod_1', object: 'product' }),
    ]);
    await becomes('the upgraded plan', planState, [
      {
        customer_id: 'cus_1',
        subscription_id: 'sub_1',
        plan_id: 'premium_plus',
        tier: 'PREMIUM_PLUS',
        status: 'active',
        entitled: true,
      },
    ]);
    await becomes(
      'every event in the ledger',
      async () => (await owner.query('select count(*)::int as n from billing.events')).rows[0].n,
      7,
    );
    await eventually('both workers idle', async () =>
      assert.equal((await waiting(outputs.BillingQueueUrl!)) + (await waiting(outputs.PaymentsQueueUrl!)), 0),
    );
  });

  await step('examines both ends, a ping through the whole path included', async () => {
    await ops('doctor --ping', {
      code: 0,
      name: 'doctor',
      variables: { MIGRATION_DATABASE_URL: ownerUrl },
      says: [/came out at the far end/, /checks passed/],
    });
    const destination = [...stripe.destinations.values()][0]!;
    const price = stripe.prices.get('price_premium_monthly_eur')!;
    Object.assign(destination, {
      status: 'disabled',
      status_details: { disabled: { reason: 'no_aws_event_source_exists' } },
      enabled_events: destination.enabled_events.slice(2),
    });
    Object.assign(price, { unit_amount: 2900 });
    await ops('doctor', {
      code: 1,
      name: 'doctor-wrong',
      says: [
        /It is disabled \(no_aws_event_source_exists\)/,
        /price_premium_monthly_eur has the amount 2900 at Stripe, 1900/,
      ],
    });
    Object.assign(price, { unit_amount: 1900 });
    await ops('destination show', { code: 1, name: 'destination-show' });
    await ops('destination enable --apply', { code: 0, name: 'destination-enable' });
    await ops('destination update --apply', {
      code: 0,
      name: 'destination-update',
      says: [/Add payment_intent.succeeded, payment_intent.payment_failed/],
    });
    await ops('destination disable', {
      code: 0,
      name: 'destination-disable',
      says: [/lost to the bus, the archive and the audit/],
    });
    assert.equal(destination.status, 'enabled', 'a plan must not disable anything');
    await ops('doctor', { code: 0, variables: { MIGRATION_DATABASE_URL: ownerUrl } });
  });

  await step('pauses a worker without losing anything, and resumes', async () => {
    await ops('pause billing', { code: 0, says: [/Nothing was changed/] });
    await ops('pause billing --apply', { code: 0, name: 'pause', says: [/billing +Disabled/] });
    await deliver(source, [
      subscriptionEvent('evt_cancel_at_end', 'updated', start + 120, { price: 'price_premium_monthly_eur' }),
    ]);
    await eventually('the event in the queue', async () => assert.equal(await waiting(outputs.BillingQueueUrl!), 1));
    await ops('status', { code: 1, name: 'status-paused', says: [/^PAUSED/] });
    await ops('diagnose', {
      code: 1,
      name: 'diagnose',
      says: [/^CAUSE +Paused: billing/m, /^COMMAND +npm run ops -- resume billing --apply --env dev/m],
    });
    assert.equal((await planState())[0].plan_id, 'premium_plus');
    await ops('resume --apply', { code: 0, name: 'resume', says: [/1 message waits in its queue/] });
    await becomes('the plan of the event that waited', async () => (await planState())[0].plan_id, 'premium');
    stripe.subscriptions.set('sub_1', objectOf(subscriptionEvent('', 'updated', 0)));
  });

  await step('parks what a database refuses, and sends it back once that is repaired', async () => {
    await owner.query("alter table billing.invoices add constraint too_strict check (status <> 'paid') not valid");
    await deliver(source, [
      event('evt_too_early', 'invoice.paid', start + 200, invoice({ id: 'in_2', status: 'paid' })),
    ]);
    await eventually('the event parked', async () => assert.equal(await waiting(outputs.BillingFailedQueueUrl!), 1));
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: outputs.PaymentsUndeliveredQueueUrl!,
        MessageBody: envelope(
          event('evt_undelivered', 'payment_intent.succeeded', start + 210, paymentIntent({ id: 'pi_2' })),
          { source, time: new Date().toISOString() },
        ),
        MessageAttributes: Object.fromEntries(
          Object.entries({
            ERROR_CODE: 'NO_PERMISSIONS',
            ERROR_MESSAGE: "The queue's policy refused the rule",
            RULE_ARN: outputs.PaymentsRuleArn!,
            TARGET_ARN: `arn:aws:sqs:${region}:123456789012:huntaze-stripe-payments-dev`,
          }).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
        ),
      }),
    );
    await ops('redrive', {
      code: 1,
      name: 'redrive-plan',
      says: [/1 × database_23514/, /1 × NO_PERMISSIONS/, /goes back to queue huntaze-stripe-payments-dev/],
    });
    await ops('redrive --peek evt_too_early', { code: 0, name: 'redrive-peek', says: [/"id": "evt_too_early"/] });
    await ops('redrive --queue billing-parked', { code: 2, says: [/There is no queue billing-parked/] });
    await owner.query('alter table billing.invoices drop constraint too_strict');
    await ops('redrive --apply', { code: 0, name: 'redrive', says: [/2 sent back/] });
    await becomes(
      'both in the ledger, applied',
      async () =>
        (
          await owner.query(
            `select event_id, outcome from billing.events where event_id in ('evt_too_early', 'evt_undelivered') order by 1`,
          )
        ).rows,
      [
        { event_id: 'evt_too_early', outcome: 'applied' },
        { event_id: 'evt_undelivered', outcome: 'applied' },
      ],
    );
    await ops('redrive', { code: 0, says: [/Nothing is lost/] });
  });

  await step('replays a range: says first what that would change, then changes it', async () => {
    await deliver(source, [
      { ...subscriptionEvent('evt_unreadable', 'updated', start + 300), data: { object: { id: 'sub_1' } } },
    ]);
    await eventually('the event parked', async () => assert.equal(await waiting(outputs.BillingFailedQueueUrl!), 1));
    await eventually('everything audited', async () => assert.equal(await waiting(outputs.AuditQueueUrl!), 0));
    // What a bug in our reading would have left behind: the plan unknown, and nothing else to tell of it.
    await owner.query(`update billing.subscriptions set plan_id = null, tier = null, grace_days = null`);
    const range = `--from ${new Date(Date.now() - 3_600_000).toISOString()} --to ${new Date().toISOString()}`;
    await ops(`replay ${range}`, { code: 2, says: [/less than ten minutes ago/] });
    const { output } = await ops(`replay ${range} --allow-recent`, {
      code: 0,
      name: 'replay-plan',
      says: [/plan_id null → premium/, /Nothing was changed/],
    });
    assert.match(output, /events, tried in transactions/);
    assert.equal((await planState())[0].plan_id, null, 'a dry run must not change anything');
    await ops(`replay ${range} --allow-recent --apply`, {
      code: 1,
      name: 'replay',
      says: [/1 completed/, /events settled/, /1 were parked/],
    });
    await becomes('the plan repaired', async () => (await planState())[0].plan_id, 'premium');
    await ops(`replay ${range} --allow-recent --no-preview --rules payments --apply`, {
      code: 0,
      says: [/1 completed/],
    });
  });

  await step('saves what it discards before it deletes it', async () => {
    const lost = await waiting(outputs.BillingFailedQueueUrl!);
    const file = `${deployment.folder}/discarded.ndjson`;
    const discard = `redrive --reason unreadable_event --discard --file ${file} --apply`;
    await ops(discard, { code: 0, name: 'redrive-discard', says: [new RegExp(`${lost} saved to`)] });
    assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, lost);
    assert.equal(await waiting(outputs.BillingFailedQueueUrl!), 0);
    await ops(discard, { code: 0, says: [/Nothing to do/] });
  });

  await step('heals one subscription, and everything', async () => {
    const moved = subscriptionEvent('', 'updated', 0, {
      price: 'price_premium_plus_yearly_eur',
      cancel_at_period_end: true,
    });
    stripe.subscriptions.set('sub_1', objectOf(moved));
    await ops('sync --customer cus_1', {
      code: 1,
      name: 'sync-plan',
      says: [/price_id +price_premium_monthly_eur +price_premium_plus_yearly_eur/],
    });
    await ops(`sync --user ${user} --apply`, { code: 0, name: 'sync', says: [/Healed: sub_1/] });
    await ops('sync --subscription sub_1', { code: 0, says: [/The same here and at Stripe/] });
    await ops('sync', { code: 2, says: [/one of --user, --customer, --subscription/] });

    const other = { id: 'sub_2', customer: 'cus_2', metadata: { user_id: '22222222-2222-4222-8222-222222222222' } };
    const missed = subscriptionEvent('evt_never_sent', 'created', start, other) as ReturnType<typeof event>;
    stripe.events = [missed];
    stripe.subscriptions.set('sub_2', objectOf(missed));
    await ops('reconcile', {
      code: 1,
      name: 'reconcile-plan',
      says: [/1 events are missing: 1 customer\.subscription/],
    });
    await ops('reconcile --apply', { code: 0, name: 'reconcile', says: [/1 for billing/] });
    await becomes(
      'the plan of the missed event',
      async () => (await planState()).map(({ customer_id, plan_id }) => [customer_id, plan_id]),
      [
        ['cus_1', 'premium_plus'],
        ['cus_2', 'premium'],
      ],
    );
    await ops('reconcile', { code: 0, says: [/No event is missing/, /No row differs/] });
    stripe.account.put(customer({ id: 'cus_2' }));
    await ops('backfill', { code: 0, name: 'backfill-plan', says: [/users would get a plan/] });
    await ops('backfill --apply', { code: 0, says: [/Wrote/] });
    await ops('link --user 4f1c2b7e --customer cus_2', { code: 0, name: 'link-plan', says: [/1 customers to link/] });
  });

  await step('answers who asks', async () => {
    await ops(`why --user ${user}`, {
      code: 0,
      name: 'why',
      says: [/^WHY {3}sub_1 gives PREMIUM_PLUS/, /SUBSCRIPTION_UPDATED/],
    });
    stripe.account.put(customer({ id: 'cus_3' }));
    stripe.subscriptions.set(
      'sub_3',
      objectOf(subscriptionEvent('', 'created', start, { id: 'sub_3', customer: 'cus_3' })),
    );
    await ops('why --customer cus_3', {
      code: 1,
      name: 'why-missed',
      says: [/is at Stripe and not here/, /sync --customer cus_3 --apply/],
    });
    stripe.subscriptions.delete('sub_3');
    await ops('event evt_upgraded', {
      code: 0,
      name: 'event',
      says: [/^END {2}It was settled: /m, /^before +sub_1 active, plan premium$/m],
    });
    await deliver(source, [
      event(
        'evt_charged',
        'charge.succeeded',
        start + 3,
        charge({ created: start + 3, amount: 4900, amount_captured: 4900 }),
      ),
      event('evt_refunded', 'refund.created', start + 500, refund({ created: start + 500 })),
    ]);
    await eventually('the worker idle', async () => assert.equal(await waiting(outputs.PaymentsQueueUrl!), 0));
    const month = new Date(start * 1000).toISOString().slice(0, 7);
    await ops(`money --month ${month}`, {
      code: 0,
      name: 'money',
      says: [/^payments received +49\.00$/m, /^refunded +5\.00$/m],
    });
  });

  await step('erases a person, from rows and audited objects, and proves it', async () => {
    const gone = { id: 'sub_gone', customer: 'cus_gone', metadata: { user_id: 'user_gone' } };
    await deliver(source, [
      event(
        'evt_gone_1',
        'customer.created',
        start + 10,
        customer({ id: 'cus_gone', email: 'ada@example.com' } as object),
      ),
      subscriptionEvent('evt_gone_2', 'deleted', start + 20, { ...gone, status: 'canceled' }),
    ]);
    const inLedger = async () =>
      (await owner.query(`select count(*)::int as n from billing.events where event_id like 'evt_gone_%'`)).rows[0].n;
    await becomes('both in the ledger', inLedger, 2);
    await eventually('everything audited', async () => assert.equal(await waiting(outputs.AuditQueueUrl!), 0));
    const owned = { MIGRATION_DATABASE_URL: ownerUrl };
    await ops('erase --customer cus_1', { code: 2, variables: owned, says: [/sub_1 of cus_1 still runs/] });
    await ops('erase --customer cus_gone', {
      code: 0,
      variables: owned,
      name: 'erase-plan',
      says: [/user user_gone/, /Stays: the archive/, /Nothing was changed/],
    });
    await ops('erase --customer cus_gone --apply --yes', {
      code: 0,
      variables: owned,
      name: 'erase',
      says: [/No row of any table names the person/, /No version of any audit object tells of the person/],
    });
    await ops('erase --customer cus_gone --apply --yes', { code: 0, variables: owned, says: [/Nothing to do/] });
  });

  await step('stops a release that went wrong, and comes back', async () => {
    await ops('rollback', { code: 0, name: 'rollback', says: [/The way back/] });
    await ops('rollback --apply', { code: 0, says: [/payments +Disabled/, /billing +Disabled/] });
    await ops('resume --apply', { code: 0 });
  });

  await step('is healthy in the end', async () => {
    // Enough of them, for what was broken on purpose above is minutes ago only; a few at a time, so that none waits for another.
    for (let round = 0; round < 10; round++) {
      const ids = Array.from({ length: 40 }, (_, n) => round * 40 + n);
      await deliver(
        source,
        ids.map((n) =>
          event(`evt_paid_${n}`, 'invoice.paid', start + 400 + n, invoice({ id: `in_1${n}`, status: 'paid' })),
        ),
      );
      await eventually('the worker idle', async () => assert.equal(await waiting(outputs.BillingQueueUrl!), 0));
    }
    await ops('status', { code: 0, name: 'status', says: [/^HEALTHY/] });
    await ops('watch --minutes 5', { code: 0, name: 'watch', says: [/^RECOVERED/m] });
    await ops('logs', { code: 0, name: 'logs', says: [/^failures by reason/m] });
    const { output } = await ops('status --json', { code: 0, name: 'status-json' });
    assert.equal(JSON.parse(output).data.health, 'healthy');
  });

  await step('deploys again without a change', () =>
    cdk('deploy', '--require-approval', 'never', '--context', `stripeEventSourceName=${source}`),
  );
  console.log(`  ${number} verbs run`);
}

/** Tries until it passes; after a minute, fails as it failed last. */
async function eventually(what: string, attempt: () => Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > giveUpAt)
        throw new Error(`Waited a minute for ${what}: ${(error as Error).message}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

const objectOf = (event: object) => (event as { data: { object: { id: string; customer: string } } }).data.object;

async function stackOutputs({ emulator }: Deployment): Promise<Record<string, string>> {
  const cloudformation = new CloudFormationClient({
    endpoint: emulator.url,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: stackName }));
  return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

export { root };
