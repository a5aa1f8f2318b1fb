import { routedEventTypes } from '../../core/event-routes.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
afterEach(() => pipeline.close());
beforeEach(async () => {
  pipeline = await startPipeline();
});

describe('secrets', () => {
  const key = 'sk_test_ThisIsNotARealKey4242';

  it('tells what is set without showing it', async () => {
    const { code, json } = await pipeline.run('secrets', '--json');
    expect(code).toBe(1);
    expect(json.found).toEqual(['DATABASE_URL: is not set']);
    expect(json.data.values).toEqual([
      { name: 'DATABASE_URL', set: false, shown: 'empty', problem: 'is not set' },
      { name: 'STRIPE_SECRET_KEY', set: true, shown: 'sk_test_…4242', problem: null },
      { name: 'API_KEY', set: false, shown: 'empty', problem: null },
    ]);
  });

  it('writes what the environment gives, keeps the rest, and shows no value', async () => {
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: '',
      STRIPE_SECRET_KEY: key,
      API_KEY: 'old',
      OF_OTHERS: 'kept',
    });
    Object.assign(pipeline.variables, {
      DATABASE_URL: 'postgres://stripe_writer.proj:hunter2@db.example.com:6543/postgres',
    });
    const plan = await pipeline.run('secrets');
    expect(plan.out).toContain(
      'Set DATABASE_URL in the secret (postgres://stripe_writer.proj:…@db.example.com:6543/postgres).',
    );
    expect(JSON.parse(pipeline.aws.secret).DATABASE_URL).toBe('');
    const { code, out, err } = await pipeline.run('secrets', '--apply');
    expect(code).toBe(0);
    expect(out + err).not.toContain('hunter2');
    expect(JSON.parse(pipeline.aws.secret)).toEqual({
      DATABASE_URL: 'postgres://stripe_writer.proj:hunter2@db.example.com:6543/postgres',
      STRIPE_SECRET_KEY: key,
      API_KEY: 'old',
      OF_OTHERS: 'kept',
    });
  });

  it('gives a new API key to the connection that posts plan events, which has a copy of its own', async () => {
    [...pipeline.aws.stacks.values()][0]!.outputs.ApiConnectionName = 'huntaze-stripe-api-dev';
    Object.assign(pipeline.variables, { API_KEY: 'topsecret' });
    const plan = await pipeline.run('secrets');
    expect(plan.out).toContain('Give API_KEY to the connection huntaze-stripe-api-dev');
    expect(pipeline.aws.connections.size).toBe(0);
    const { code, out, err } = await pipeline.run('secrets', '--apply');
    expect(code).toBe(0);
    expect(out + err).not.toContain('topsecret');
    expect(pipeline.aws.connections.get('huntaze-stripe-api-dev')).toEqual({
      ApiKeyAuthParameters: { ApiKeyName: 'x-api-key', ApiKeyValue: 'topsecret' },
    });
  });

  it('asks for the values on a terminal, and leaves what is left empty', async () => {
    pipeline.answering('postgres://stripe_writer:x@127.0.0.1:5432/postgres', '', 'api-key');
    const { code } = await pipeline.run('secrets', '--apply');
    expect(code).toBe(0);
    expect(JSON.parse(pipeline.aws.secret)).toEqual({
      DATABASE_URL: 'postgres://stripe_writer:x@127.0.0.1:5432/postgres',
      STRIPE_SECRET_KEY: key,
      API_KEY: 'api-key',
    });
  });

  it.each([
    [
      { STRIPE_SECRET_KEY: 'sk_live_abc' },
      'STRIPE_SECRET_KEY: The Stripe key is a live-mode key; "dev" wants test mode.',
    ],
    [{ STRIPE_SECRET_KEY: 'pk_test_abc' }, 'STRIPE_SECRET_KEY: That is not a Stripe secret key (sk_… or rk_…).'],
    [
      { DATABASE_URL: 'db.example.com' },
      'DATABASE_URL: is not a URL; wanted: postgres://stripe_writer:<password>@<host>:6543/postgres',
    ],
    [
      { DATABASE_URL: 'postgres://postgres:x@db.example.com/postgres' },
      'DATABASE_URL: connects as "postgres"; the handlers must be stripe_writer, which may do nothing but apply events',
    ],
    [{}, 'There is nothing to set.'],
  ])('refuses %j and writes nothing', async (values, message) => {
    Object.assign(pipeline.variables, values);
    const { code, err } = await pipeline.run('secrets', '--apply');
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(pipeline.aws.asked).not.toContain('PutSecretValue');
  });

  it('writes nothing when nothing is new', async () => {
    Object.assign(pipeline.variables, { STRIPE_SECRET_KEY: key });
    const { code, out } = await pipeline.run('secrets', '--apply');
    expect(code).toBe(0);
    expect(out).toContain('Nothing to do.');
  });
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
    expect(out).toContain(
      'Deploy with it: npx cdk deploy -c environment=dev -c stripeEventSourceName=aws.partner/stripe.com/ed_test_61Transcript1',
    );
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

  it('refuses a second one for the same account and region, unless asked for another', async () => {
    await pipeline.run('destination', 'create', '--apply');
    const { code, err } = await pipeline.run('destination', 'create', '--apply');
    expect(code).toBe(2);
    expect(err).toContain('ed_test_61Transcript1 (aws.partner/stripe.com/ed_test_61Transcript1)');
    expect((await pipeline.run('destination', 'create', '--another', '--apply')).code).toBe(0);
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
    expect((await pipeline.run('destination', 'delete')).code).toBe(2);
  });
});
