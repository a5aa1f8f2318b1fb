import { routedEventTypes } from '../../core/event-routes.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
afterEach(() => pipeline.close());
beforeEach(async () => {
  pipeline = await startPipeline();
});

describe('destination', () => {
  const made = () => [...pipeline.stripe.destinations.values()][0]!;
  /** One that the stack's bus is made for. */
  const existing = async () => {
    await pipeline.run('destination', 'create', '--apply');
    const destination = made();
    destination.amazon_eventbridge = {
      ...destination.amazon_eventbridge,
      aws_event_source_arn: 'arn:aws:events:eu-central-1::event-source/aws.partner/stripe.com/ed_test_1',
    };
    return destination;
  };

  it('creates one with exactly the routed types and the pinned version, for this account and region', async () => {
    const plan = await pipeline.run('destination', 'create', '--json');
    expect(plan.code).toBe(0);
    expect(plan.json.plan.create).toEqual({
      name: 'huntaze-stripe-dev',
      aws_account: '123456789012',
      aws_region: 'eu-central-1',
      api_version: '2026-10-28.endive',
      event_types: routedEventTypes,
    });
    expect(pipeline.stripe.destinations.size).toBe(0);
    const { code, out } = await pipeline.run('destination', 'create', '--apply');
    expect(code).toBe(0);
    expect(out).toContain(`
Write into config/environments/dev.yaml:
  stripeEventSourceName: aws.partner/stripe.com/ed_test_61Transcript1
Then deploy it: npx cdk deploy -c environment=dev`);
    expect(made()).toMatchObject({
      event_payload: 'snapshot',
      snapshot_api_version: '2026-10-28.endive',
      enabled_events: routedEventTypes,
      amazon_eventbridge: { aws_account_id: '123456789012' },
    });
  });

  it('needs no stack to create one, only a key', async () => {
    pipeline.aws.stacks.clear();
    pipeline.variables.STRIPE_SECRET_KEY = pipeline.stripe.key;
    expect((await pipeline.run('destination', 'create', '--apply')).code).toBe(0);
  });

  it('asks for a key where there is no stack yet, so that none need stand in the shell', async () => {
    pipeline.aws.stacks.clear();
    const { code, err } = await pipeline.run('destination', 'create', '--apply');
    expect(code).toBe(2);
    expect(err).toContain('Run it on a terminal, which asks for a key of test mode');
    pipeline.answering(pipeline.stripe.key);
    expect((await pipeline.run('destination', 'create', '--apply')).code).toBe(0);
  });

  it('creates one for each environment of an account, and says which others there are', async () => {
    pipeline.variables.STRIPE_SECRET_KEY = pipeline.stripe.key;
    await pipeline.run('destination', 'create', '--apply');
    const { code, out } = await pipeline.run('destination', 'create', '--apply', '--env', 'staging');
    expect(code).toBe(0);
    expect(out).toContain('ed_test_61Transcript1 "huntaze-stripe-dev" sends to this AWS account and region too');
    expect(out).toContain('Write into config/environments/staging.yaml:');
    expect(out).toContain('Then deploy it: npx cdk deploy -c environment=staging');
  });

  it('refuses a second one for the same deployment, unless asked for another', async () => {
    await pipeline.run('destination', 'create', '--apply');
    const { code, err } = await pipeline.run('destination', 'create', '--apply');
    expect(code).toBe(2);
    expect(err).toContain('ed_test_61Transcript1 (aws.partner/stripe.com/ed_test_61Transcript1)');
    expect((await pipeline.run('destination', 'create', '--successor', '--apply')).code).toBe(0);
    expect(pipeline.stripe.destinations.size).toBe(2);
  });

  it('shows what is wrong with it', async () => {
    Object.assign(await existing(), {
      status: 'disabled',
      status_details: { disabled: { reason: 'user' } },
      enabled_events: routedEventTypes.slice(1),
    });
    const { code, json } = await pipeline.run('destination', '--json');
    expect(code).toBe(1);
    expect(json.data.destination).toMatchObject({
      status: 'disabled',
      disabled_reason: 'user',
      aws_region: 'eu-central-1',
      missing: ['payment_intent.succeeded'],
      superfluous: [],
    });
    expect(json.found).toHaveLength(2);
  });

  it.each(['enable', 'disable'] as const)(
    'plans to %s it, does so with --apply, then has nothing to do',
    async (verb) => {
      const destination = await existing();
      destination.status = verb === 'enable' ? 'disabled' : 'enabled';
      const before = destination.status;
      expect((await pipeline.run('destination', verb)).out).toContain('Nothing was changed.');
      expect(destination.status).toBe(before);
      expect((await pipeline.run('destination', verb, '--apply')).code).toBe(0);
      expect(destination.status).toBe(`${verb}d`);
      expect((await pipeline.run('destination', verb, '--apply')).out).toContain('Nothing to do.');
    },
  );

  it('brings the event types in line', async () => {
    const destination = await existing();
    destination.enabled_events = [...routedEventTypes.slice(1), 'product.created'];
    const { out } = await pipeline.run('destination', 'update');
    expect(out).toContain('Add payment_intent.succeeded.');
    expect(out).toContain('Take out product.created.');
    expect((await pipeline.run('destination', 'update', '--apply')).code).toBe(0);
    expect(destination.enabled_events).toEqual(routedEventTypes);
  });

  it('deletes it, of this stack, by id, or by name once the stack is gone', async () => {
    const ofStack = await existing();
    expect((await pipeline.run('destination', 'delete')).out).toContain('Nothing was changed.');
    expect(pipeline.stripe.destinations.size).toBe(1);
    expect((await pipeline.run('destination', 'delete', '--apply')).out).toContain(`Deleted ${ofStack.id}.`);
    expect(pipeline.stripe.destinations.size).toBe(0);

    await pipeline.run('destination', 'create', '--apply');
    const { id } = made();
    expect((await pipeline.run('destination', 'delete', '--id', 'ed_x', '--apply')).err).toContain(
      'no event destination ed_x',
    );
    expect((await pipeline.run('destination', 'delete', '--id', id, '--apply')).code).toBe(0);

    const stays = await existing();
    await pipeline.run('destination', 'create', '--successor', '--apply');
    const successor = [...pipeline.stripe.destinations.keys()].find((other) => other !== stays.id)!;
    const both = await pipeline.run('destination', 'delete', '--id', stays.id);
    expect(both.out).toContain(
      `${successor} is called "huntaze-stripe-dev", too, and stays: \`npm run ops -- destination delete --id ${successor} --env dev\`.`,
    );
    for (const each of [stays.id, successor]) await pipeline.run('destination', 'delete', '--id', each, '--apply');
    expect(pipeline.stripe.destinations.size).toBe(0);

    await pipeline.run('destination', 'create', '--apply');
    pipeline.aws.stacks.clear();
    pipeline.variables.STRIPE_SECRET_KEY = pipeline.stripe.key;
    expect((await pipeline.run('destination', 'delete', '--apply')).code).toBe(0);
    const none = await pipeline.run('destination', 'delete', '--apply');
    expect(none.code).toBe(2);
    expect(none.err).toContain('There is no stack "huntaze-stripe-dev", and no destination of that name at Stripe.');
  });

  it('says so when the Stripe account has none for this stack', async () => {
    const { code, err } = await pipeline.run('destination');
    expect(code).toBe(2);
    expect(err).toContain(
      'This Stripe account has no event destination with the source aws.partner/stripe.com/ed_test_1.',
    );
  });

  it('refuses a key of the wrong mode, one that Stripe does not know, and a verb it does not have', async () => {
    pipeline.variables.STRIPE_SECRET_KEY = 'sk_live_abc';
    expect((await pipeline.run('destination')).err).toContain('live-mode key; "dev" wants test mode');
    pipeline.variables.STRIPE_SECRET_KEY = 'sk_test_ofSomebodyElse';
    expect((await pipeline.run('destination')).err).toContain('Stripe does not accept the key.');
    expect((await pipeline.run('destination', 'drop')).code).toBe(2);
  });
});
