import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { Deployment, Ran } from '../deploy/deployment.ts';
import { stackName, target } from '../deploy/deployment.ts';
import { region } from '../deploy/emulator.ts';
import { recipes } from '../deploy/runbook-commands.ts';
import { event, paymentIntent, subscriptionEvent } from '../support/stripe-samples.ts';

const prices = { premium: 'price_premium_monthly_eur', premium_plus: 'price_premium_plus_monthly_eur' } as const;
type Plan = keyof typeof prices;
/** What config/plans.yaml does not list, until somebody adds it. */
const newPrice = 'price_team_monthly_eur';

/** What a player typed, and what it printed. */
export interface Typed extends Ran {
  command: string;
}

/** A deployed pipeline with customers who go on buying, whatever happens to it. */
export class Game {
  readonly deployment: Deployment;
  readonly outputs: Readonly<Record<string, string>>;
  readonly source: string;
  /** What a player has at hand besides: the owner's database, and the right values for the secret. */
  readonly variables: Record<string, string>;
  /** What each customer should have: written by hand of what they did, not read from anywhere. */
  readonly #wanted = new Map<string, Plan | 'cancelled'>();
  #customers = 0;
  #events = 0;
  #second = Math.floor(Date.now() / 1000) - 86_400;

  private constructor(deployment: Deployment, outputs: Record<string, string>, source: string, writerUrl: string) {
    this.deployment = deployment;
    this.outputs = outputs;
    this.source = source;
    this.variables = {
      MIGRATION_DATABASE_URL: deployment.ownerUrl,
      PIPELINE_DATABASE_URL: writerUrl,
      PIPELINE_STRIPE_SECRET_KEY: deployment.stripe.key,
    };
  }

  /** Deploys with the real CDK CLI, and fills the secret. The database is empty: that is the first fault. */
  static async start(deployment: Deployment, writerUrl: string): Promise<Game> {
    const key = { STRIPE_SECRET_KEY: deployment.stripe.key };
    const { output } = await deployment.ops('destination create --apply', key);
    const source = /aws\.partner\/stripe\.com\/ed_\w+/.exec(output)?.[0];
    assert.ok(source, output);
    await deployment.cdk('bootstrap', target, '--context', `stripeEventSourceName=${source}`);
    await deployment.cdk('deploy', '--require-approval', 'never', '--context', `stripeEventSourceName=${source}`);
    for (const destination of deployment.stripe.destinations.values())
      destination.amazon_eventbridge.aws_event_source_status = 'active';
    const game = new Game(deployment, await stackOutputs(deployment), source, writerUrl);
    const filled = await game.types('npm run ops -- secrets --apply --force --env dev');
    assert.equal(filled.code, 0, filled.output);
    return game;
  }

  /** Runs a command as a player types it: a verb, or a line of the AWS CLI. */
  async types(command: string): Promise<Typed> {
    return { command, ...(await this.#run(command)) };
  }

  async #run(command: string): Promise<Ran> {
    const [, tool, rest = ''] = /^(npm run ops --|npx cdk) (.*)$/.exec(command) ?? [];
    if (tool === 'npm run ops --') return this.deployment.ops(rest, this.variables);
    // A settings file would name the source, and nobody asks at this terminal.
    const context = ['--context', `stripeEventSourceName=${this.source}`, '--require-approval', 'never'];
    if (tool === 'npx cdk') return this.deployment.tryCdk([...rest.split(' '), ...context]);
    return this.deployment.shell(command).then(
      (output) => ({ code: 0, output }),
      (error: Error) => ({ code: 1, output: error.message }),
    );
  }

  /** The shell block of a runbook, by the name that stands above it. @throws when no page has it. */
  recipe(name: string): string {
    const block = recipes().get(name);
    assert.ok(block, `no runbook has the recipe ${name}`);
    return block;
  }

  /** New customers, upgrades, a cancellation and payments; all of it also stands at Stripe. */
  async customersGoOn(): Promise<void> {
    const events: object[] = [];
    for (let n = 0; n < 3; n++)
      events.push(...this.#move(`cus_${++this.#customers}`, 'created', n === 0 ? 'premium_plus' : 'premium'));
    const [first, second] = [...this.#wanted].filter(([, plan]) => plan === 'premium').map(([customer]) => customer);
    if (first) events.push(...this.#move(first, 'updated', 'premium_plus'));
    if (second && this.#customers > 6) events.push(...this.#move(second, 'deleted', 'cancelled'));
    await this.#send(events);
  }

  /** Two updates of one second that contradict each other: only Stripe can say which is the later. */
  async twoUpdatesOfOneSecond(): Promise<void> {
    const customer = [...this.#wanted].find(([, plan]) => plan !== 'cancelled')![0];
    const [lost] = this.#move(customer, 'updated', 'premium');
    this.#second -= 60;
    const [kept] = this.#move(customer, 'updated', 'premium_plus');
    await this.#send([kept!, lost!]);
  }

  /** Sales made a price, and told nobody. */
  async sellWhatNoPlanHas(): Promise<void> {
    const premium = this.deployment.stripe.prices.get(prices.premium)!;
    this.deployment.stripe.prices.set(newPrice, { ...premium, id: newPrice, lookup_key: null } as typeof premium);
  }

  /** Two new customers buy it, and another one what they always bought. */
  async someBuyIt(): Promise<void> {
    const customers = Array.from({ length: 3 }, () => `cus_${++this.#customers}`);
    await this.#send(
      customers.flatMap((customer, index) =>
        this.#move(customer, 'created', 'premium', index < 2 ? newPrice : prices.premium),
      ),
    );
  }

  /** The line for the product owner's answer: it is a price of the plan premium. */
  addsThePrice(): string {
    const entry = `      - { id: ${newPrice}, currency: eur, amount_minor: 1900, interval: month }`;
    return `sed -i '/id: price_premium_monthly_usd/a\\${entry}' ${join(this.deployment.checkout, 'config/plans.yaml')}`;
  }

  /** Events that nobody can read, of no customer. */
  async poison(number: number): Promise<void> {
    const events = Array.from({ length: number }, () =>
      event(`evt_poison_${++this.#events}`, 'customer.subscription.updated', this.#second, {
        id: 'sub_poison',
        object: 'subscription',
      }),
    );
    await this.deployment.deliver(this.source, events);
  }

  /** Customers who do not have what they should, by our own account of what they did. Empty: everyone is right. */
  async wrong(): Promise<string[]> {
    const { rows } = await this.deployment.owner.query<{ customer_id: string; plan_id: string; status: string }>(
      'select customer_id, plan_id, status from billing.plan_states',
    );
    const held = new Map(
      rows.map(({ customer_id, plan_id, status }) => [customer_id, status === 'cancelled' ? status : plan_id]),
    );
    return [...this.#wanted]
      .filter(([customer, plan]) => held.get(customer) !== plan)
      .map(([customer, plan]) => `${customer} should have ${plan}, has ${held.get(customer) ?? 'nothing'}`);
  }

  /** Waits until everyone is right. @throws naming who is not. */
  async everyoneIsRight(seconds: number): Promise<number> {
    const giveUpAt = Date.now() + seconds * 1000;
    for (;;) {
      const wrong = await this.wrong().catch((error: Error) => [error.message]);
      if (wrong.length === 0) return this.#wanted.size;
      if (Date.now() > giveUpAt) throw new Error(`After ${seconds} s: ${wrong.join('; ')}`);
      await sleep(1000);
    }
  }

  #move(
    customer: string,
    type: 'created' | 'updated' | 'deleted',
    to: Plan | 'cancelled',
    price: string = prices[to === 'cancelled' ? (this.#wanted.get(customer) as Plan) : to],
  ): object[] {
    const id = customer.replace('cus', 'sub');
    this.#wanted.set(customer, to);
    this.#second += 60;
    const made = subscriptionEvent(`evt_${++this.#events}`, type, this.#second, {
      id,
      customer,
      price,
      status: to === 'cancelled' ? 'canceled' : 'active',
      metadata: { user_id: `00000000-0000-4000-8000-${customer.slice(4).padStart(12, '0')}` },
    }) as { data: { object: { id: string } } };
    this.deployment.stripe.subscriptions.set(id, made.data.object as never);
    const paid = event(
      `evt_${++this.#events}`,
      'payment_intent.succeeded',
      this.#second,
      paymentIntent({ id: `pi_${this.#events}`, customer }),
    );
    return type === 'deleted' ? [made] : [made, paid];
  }

  /** Stripe keeps an event whether it may send it or not. */
  async #send(events: object[]): Promise<void> {
    this.deployment.stripe.events.unshift(...([...events].reverse() as never[]));
    const [destination] = this.deployment.stripe.destinations.values();
    if (destination?.status === 'enabled') await this.deployment.deliver(this.source, events);
  }
}

async function stackOutputs({ emulator }: Deployment): Promise<Record<string, string>> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const cloudformation = new CloudFormationClient({ endpoint: emulator.url, region, credentials });
  const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: stackName }));
  return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}
