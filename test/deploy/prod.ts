import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { AccountEvent, StripeObject } from '../../stripe-simulator/account.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import type { Deployment } from './deployment.ts';
import { account, region } from './emulator.ts';
import { type Typist, typist } from './page-commands.ts';
import type { Step } from './story.ts';

export const stack = 'huntaze-stripe-prod';

/** A production of its own beside the deployment that the other pages are typed against: pages about what prod keeps are typed in their own names. */
export interface Prod {
  readonly deployment: Deployment;
  /** `aws.partner/stripe.com/ed_…` of its first destination. */
  readonly source: string;
  /** Stripe's live mode, for a shell. */
  readonly variables: Readonly<Record<string, string>>;
  typist(page: string, replaced?: () => Readonly<Record<string, string>>): Typist;
  /** Writes a settings file; a key of the stack's own is always among them. */
  settings(values: Readonly<Record<string, string>>, file?: string): void;
  /** Stripe changes the plan of one subscription and sends that by these sources: the database has the event once, applied, and the plan. */
  planArrives(id: string, ...by: readonly string[]): Promise<void>;
  /** Stripe changes it and no event of that arrives; what is returned waits until the database has the plan all the same. */
  planChangesUnheard(): () => Promise<void>;
  /** The source of a destination that `destination create` has just made and printed. */
  madeSource(printed: string): string;
}

/** By the README's five steps, as they stand there. */
export async function deployProd(deployment: Deployment, step: Step): Promise<Prod> {
  const { stripe, deliver } = deployment;
  stripe.onPing = (ping, { id }) => deliver(`aws.partner/stripe.com/${id}`, [ping]);
  const prod = prodOf(deployment);
  const { type } = prod.typist('README.md', () => ({ ACCOUNT: account, REGION: region }));
  return step('a prod with a key of its own, by the README', async () => {
    await prod.typist('go-live-checklist.md').type('npm run ops -- destination create --env prod');
    const source = prod.madeSource(await type('npm run ops -- destination create --env prod --apply'));
    prod.settings({ stripeEventSourceName: source });
    await type('npx cdk bootstrap aws://ACCOUNT/REGION -c environment=prod');
    await type('npx cdk deploy -c environment=prod');
    await type('npm run ops -- secrets --env prod --apply');
    await type('npm run ops -- doctor --env prod', [0, 1]);
    await prod.planArrives('evt_prod_first', source);
    return { ...prod, source };
  });
}

function prodOf(deployment: Deployment): Omit<Prod, 'source'> {
  const { stripe, folder, owner, deliver } = deployment;
  const variables = { STRIPE_SECRET_KEY: stripe.liveKey, PIPELINE_STRIPE_SECRET_KEY: stripe.liveKey };
  const plans = ['premium', 'premium_plus'] as const;
  let second = Math.floor(Date.now() / 1000) - 3600;
  const plan = () => plans[second % 2]!;
  const planChange = (id: string) => {
    second += 1;
    const price = `price_${plan()}_monthly_eur`;
    const of = { id: 'sub_prod', customer: 'cus_prod', price };
    const changed = subscriptionEvent(id, 'updated', second, of) as AccountEvent & { data: { object: StripeObject } };
    stripe.subscriptions.set('sub_prod', changed.data.object);
    return { ...changed, livemode: true };
  };
  const becomes = async (wanted: object, sql: string, ...values: string[]) => {
    const giveUpAt = Date.now() + 120_000;
    for (;;) {
      const { rows } = await owner.query(sql, values);
      if (isDeepStrictEqual(rows, [wanted])) return;
      const seen = `waited two minutes for ${JSON.stringify(wanted)}; the database has ${JSON.stringify(rows)}`;
      assert.ok(Date.now() < giveUpAt, seen);
      await sleep(500);
    }
  };
  return {
    deployment,
    variables,
    typist: (page, replaced = () => ({})) => typist(deployment, page, replaced, { variables, named: (text) => text }),
    settings(values, file = 'prod.yaml') {
      const lines = Object.entries({ ...values, createKmsKey: 'true' }).map(([name, value]) => `${name}: ${value}\n`);
      writeFileSync(join(folder, file), lines.join(''));
    },
    async planArrives(id, ...by) {
      const changed = planChange(id);
      for (const source of by) await deliver(source, [changed]);
      const sql = `select e.event_id, e.outcome, p.plan_id from billing.events e, billing.plan_states p
        where e.event_id = $1 and p.subscription_id = 'sub_prod'`;
      await becomes({ event_id: id, outcome: 'applied', plan_id: plan() }, sql, id);
    },
    planChangesUnheard() {
      planChange('evt_unheard');
      const wanted = { plan_id: plan() };
      return async () => {
        await becomes(wanted, `select plan_id from billing.plan_states where subscription_id = 'sub_prod'`);
        // What is read from Stripe speaks for the moment of the answer: what changes next changes after it.
        second = Math.floor(Date.now() / 1000);
      };
    },
    madeSource(printed) {
      for (const { amazon_eventbridge } of stripe.destinations.values())
        amazon_eventbridge.aws_event_source_status = 'active';
      return /EventSourceName: (\S+)/.exec(printed)![1]!;
    },
  };
}

/** What pages say of the key and of the secret, after the damage that they are for. */
export async function tryKeyAndSecret({ deployment, source, typist, planArrives }: Prod, step: Step): Promise<void> {
  const { shell } = deployment;
  await step('the key is disabled and given up, and comes back as two pages say', async () => {
    const id = await shell(`aws kms describe-key --key-id alias/${stack} --query KeyMetadata.KeyId --output text`);
    const state = async () =>
      (await shell(`aws kms describe-key --key-id ${id} --query KeyMetadata.KeyState --output text`)).trim();
    for (const page of ['events-lost.md', 'undelivered.md']) {
      const { type } = typist(page, () => ({ '<KeyId>': id }));
      await shell(`aws kms disable-key --key-id ${id}; aws kms schedule-key-deletion --key-id ${id}`);
      await type('aws kms describe-key --key-id alias/huntaze-stripe-prod', [0], /PendingDeletion/);
      await type('aws kms cancel-key-deletion --key-id <KeyId>');
      assert.equal(await state(), 'Disabled');
      await type('aws kms enable-key --key-id <KeyId>');
      assert.equal(await state(), 'Enabled');
    }
    await planArrives('evt_key_again', source);
  });

  await step('a wrong secret is put back to the one before it', async () => {
    const secret = 'huntaze/stripe/prod';
    const version = (stage: string) =>
      shell(
        `aws secretsmanager list-secret-version-ids --secret-id ${secret} --query "Versions[?contains(VersionStages, '${stage}')].VersionId | [0]" --output text`,
      );
    const held = `aws secretsmanager get-secret-value --secret-id ${secret} --query SecretString --output text`;
    const before = await shell(held);
    await shell(`aws secretsmanager put-secret-value --secret-id ${secret} --secret-string '{}'`);
    const [previous, current] = [await version('AWSPREVIOUS'), await version('AWSCURRENT')];
    const { type } = typist('secret-not-set.md', () => ({ '<previous>': previous, '<current>': current }));
    await type(
      'aws secretsmanager update-secret-version-stage --secret-id huntaze/stripe/prod --version-stage AWSCURRENT --move-to-version-id <previous> --remove-from-version-id <current>',
    );
    assert.equal(await shell(held), before);
  });
}

/** The bus becomes one that the stack uses and does not own, as bus-gone.md says; it stays, with what hangs on it. */
export async function tryAdopting(
  { deployment, typist, planArrives }: Prod,
  source: string,
  step: Step,
): Promise<void> {
  await step('bus-gone.md: the stack adopts its bus', async () => {
    const buses = `aws cloudformation list-stack-resources --stack-name ${stack} --query "StackResourceSummaries[?ResourceType=='AWS::Events::EventBus'].PhysicalResourceId" --output text`;
    assert.match(await deployment.shell(buses), new RegExp(source));
    await typist('bus-gone.md').type('npx cdk deploy -c environment=prod -c adoptEventBus=true');
    assert.doesNotMatch(await deployment.shell(buses), new RegExp(source));
    await planArrives('evt_adopted', source);
  });
}
