import type { StackOutputs } from '../../lib/outputs.ts';
import { createOps } from '../../ops/cli/ops.ts';
import { connectAws } from '../../ops/deployment/aws.ts';
import { doctor } from '../../ops/doctor/doctor.ts';
import type { AccountEvent } from '../../stripe-simulator/account.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { jsonServices, type Pipeline, region, startPipeline } from './pipeline.ts';

/** While an upgrade of Stripe's API version lasts, a deployment has two event sources; each verb says of which it speaks. */

const old = 'aws.partner/stripe.com/ed_test_1';
const next = 'aws.partner/stripe.com/ed_test_61Transcript2';
let pipeline: Pipeline;
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());
afterEach(() => pipeline.close());
beforeEach(async () => {
  pipeline = await startPipeline();
  for (const options of [[], ['--successor']]) await pipeline.run('destination', 'create', ...options, '--apply');
  const [first] = pipeline.stripe.destinations.values();
  first!.amazon_eventbridge.aws_event_source_arn = `arn:aws:events:eu-central-1::event-source/${old}`;
  for (const { amazon_eventbridge } of pipeline.stripe.destinations.values())
    amazon_eventbridge.aws_event_source_status = 'active';
  // Made anew: a verb reads the outputs once.
  setIntakes({ retired: null });
});

const onNext = (arn: string) => arn.replaceAll(old, next);

/** Two sources in the outputs, the one that is retired last. */
function setIntakes({ retired }: { retired: 'old' | null }): void {
  const outputs = pipeline.outputs as { -readonly [Name in keyof StackOutputs]: StackOutputs[Name] };
  outputs.OtherIntake = JSON.stringify({
    source: next,
    bus: next,
    busArn: onNext(outputs.StripeEventBusArn),
    archive: 'huntaze-stripe2-dev',
    archiveArn: outputs.ArchiveArn.replace('huntaze-stripe-dev', 'huntaze-stripe2-dev'),
    ruleArns: { payments: onNext(outputs.PaymentsRuleArn), billing: onNext(outputs.BillingRuleArn) },
    auditRuleArns: outputs.AuditRuleArns.split(',').map(onNext),
    retired: retired === 'old',
  });
}

const statusOf = (id: string) => pipeline.stripe.destinations.get(id)!.status;

it('destination: which of the two is asked for, and only that one is touched', async () => {
  const { code, err } = await pipeline.run('destination', 'disable', '--apply');
  expect(code).toBe(2);
  expect(err).toContain('Two destinations send to "huntaze-stripe-dev": ed_test_61Transcript1');
  expect(err).toContain('--id ed_test_61Transcript1 or --id ed_test_61Transcript2');
  expect([statusOf('ed_test_61Transcript1'), statusOf('ed_test_61Transcript2')]).toEqual(['enabled', 'enabled']);
  expect((await pipeline.run('destination', 'disable', '--id', 'ed_test_61Transcript1', '--apply')).code).toBe(0);
  expect([statusOf('ed_test_61Transcript1'), statusOf('ed_test_61Transcript2')]).toEqual(['disabled', 'enabled']);
});

it('rollback stops both when Stripe is to stop sending, and says how each comes back', async () => {
  const { code, out } = await pipeline.run('rollback', '--disable-destination', '--apply');
  expect(code).toBe(0);
  const both = ['ed_test_61Transcript1', 'ed_test_61Transcript2'];
  expect(both.map(statusOf)).toEqual(['disabled', 'disabled']);
  for (const id of both) {
    expect(out).toContain(`Disable the destination ${id}: Stripe sends nothing more.`);
    expect(out).toContain(`destination enable --id ${id} --apply --env dev`);
  }
  expect(out.match(/are lost to the bus/g)).toHaveLength(1);
});

it('destination: a retired one need not be told apart', async () => {
  setIntakes({ retired: 'old' });
  const { out } = await pipeline.run('destination');
  expect(out).toContain('ed_test_61Transcript1');
});

it('doctor looks at rules, archive and destination of both', async () => {
  const { protocol, hostname, port } = await pipeline.sqs.config.endpoint!();
  const own = `${protocol}//${hostname}:${port}`;
  const endpoints = Object.fromEntries(jsonServices.map((service) => [service, pipeline.aws.url]));
  const aws = connectAws(region, { ...endpoints, sqs: own, s3: own });
  const ops = createOps({ environment: 'dev', appName: 'huntaze', aws, variables: pipeline.variables });
  const here = async () => ({ codeVersion: '0', settings: {} });
  const { data } = await doctor(ops, { hours: 24, ping: false, here });
  const says = Object.fromEntries(data.checks.map((check) => [check.id, check.says]));
  expect(says).toMatchObject({
    'aws.rules': 'All 10 rules of the partner buses are enabled.',
    'aws.archive': 'The archive collects (0 events).',
    'aws.archive.other': 'The archive collects (0 events).',
    'stripe.destination': expect.stringContaining('ed_test_61Transcript1'),
    'stripe.destination.other': expect.stringContaining('ed_test_61Transcript2'),
  });
});

it('status hears of an event by either source', async () => {
  const { json } = await pipeline.run('status', '--json');
  expect(json.data.rules).toHaveLength(10);
});

describe('status asks Stripe of both', () => {
  const [oldId, nextId] = ['ed_test_61Transcript1', 'ed_test_61Transcript2'];
  const status = async () => (await pipeline.run('status', '--json')).json.data;
  const disable = (id: string) => Object.assign(pipeline.stripe.destinations.get(id)!, { status: 'disabled' });
  beforeEach(() => {
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: 'postgres://db/x',
      STRIPE_SECRET_KEY: pipeline.stripe.key,
      API_KEY: '',
    });
  });

  it('and names both', async () => {
    expect((await status()).stripe).toEqual({ state: 'sends', destinations: [oldId, nextId] });
    expect((await pipeline.run('status')).out).toContain(`Stripe: sends by ${oldId} and ${nextId}`);
  });

  it.each([
    [oldId, nextId],
    [nextId, oldId],
  ])('with %s off it is degraded, since %s still sends', async (off, on) => {
    disable(off);
    expect(await status()).toMatchObject({
      health: 'degraded',
      stripe: { state: 'sends_nothing', sending: [on] },
      reasons: [
        `Of the two event sources one brings nothing; events still come by ${on}. The event destination ${off} is disabled (no reason given). \`npm run ops -- diagnose --env dev\` says what to do.`,
      ],
    });
  });

  it('with both off it is critical', async () => {
    disable(oldId);
    disable(nextId);
    expect((await status()).health).toBe('critical');
  });

  it('a retired one may be off', async () => {
    setIntakes({ retired: 'old' });
    disable(nextId);
    expect((await status()).stripe).toEqual({ state: 'sends', destinations: [oldId] });
  });
});

describe('diagnose', () => {
  beforeEach(() => {
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: database.writerUrl,
      STRIPE_SECRET_KEY: pipeline.stripe.key,
      API_KEY: '',
    });
  });
  const causes = async () => {
    const { data } = (await pipeline.run('diagnose', '--json')).json;
    return [data.cause, ...data.also].filter((cause) => cause?.page === 'docs/runbooks/destination-disabled.md');
  };
  const off = (id: string) => Object.assign(pipeline.stripe.destinations.get(id)!, { status: 'disabled' });

  it.each(['ed_test_61Transcript1', 'ed_test_61Transcript2'])(
    'names the page and the command for %s when it is off, whichever of the two it is',
    async (id) => {
      off(id);
      expect(await causes()).toMatchObject([
        { cause: 'destination-disabled', command: `npm run ops -- destination enable --id ${id} --apply --env dev` },
      ]);
      expect((await pipeline.run('destination', 'enable', '--id', id, '--apply')).code).toBe(0);
      expect(await causes()).toEqual([]);
    },
  );

  it('names both when both are', async () => {
    off('ed_test_61Transcript1');
    off('ed_test_61Transcript2');
    expect((await causes()).map(({ command }) => command)).toEqual([
      'npm run ops -- destination enable --id ed_test_61Transcript1 --apply --env dev',
      'npm run ops -- destination enable --id ed_test_61Transcript2 --apply --env dev',
    ]);
  });
});

it('event names both archives, and still the one while the other does not answer', async () => {
  pipeline.stripe.events = [{ ...subscriptionEvent('evt_1', 'created', 1_795_000_000) } as AccountEvent];
  const archives = async () => (await pipeline.run('event', 'evt_1', '--json')).json.data.archives;
  expect(await archives()).toEqual([
    { name: 'huntaze-stripe-dev', state: 'ENABLED', keeps: 'for ever' },
    { name: 'huntaze-stripe2-dev', state: 'ENABLED', keeps: 'for ever' },
  ]);
  expect((await pipeline.run('event', 'evt_1')).out).toMatch(
    /^archive +huntaze-stripe-dev ENABLED, keeps events for ever\n +huntaze-stripe2-dev ENABLED/m,
  );
  pipeline.aws.goneArchives.add('huntaze-stripe2-dev');
  const { json } = await pipeline.run('event', 'evt_1', '--json');
  expect(json.data.archives).toHaveLength(1);
  expect(json.data.unseen).toContainEqual(expect.objectContaining({ source: 'The archive huntaze-stripe2-dev' }));
});

describe('replay', () => {
  const started = Date.parse('2026-11-20T10:00:00Z') / 1000;
  const replay = (...options: string[]) =>
    pipeline.run('replay', '--from', '2026-11-20T09:00:00Z', '--to', '2026-11-20T11:00:00Z', ...options);

  it('of the archive of either source, through the rules of its bus', async () => {
    expect((await replay('--source', 'ed_test_61Transcript2', '--no-preview', '--apply')).code).toBe(0);
    expect([...pipeline.aws.replays.values()][0]!.request).toMatchObject({
      EventSourceArn: expect.stringContaining('archive/huntaze-stripe2-dev'),
      Destination: {
        Arn: onNext(pipeline.outputs.StripeEventBusArn),
        FilterArns: [onNext(pipeline.outputs.PaymentsRuleArn), onNext(pipeline.outputs.BillingRuleArn)],
      },
    });
  });

  it('counts in its preview what that archive holds, though the audit has both deliveries', async () => {
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: database.writerUrl,
      STRIPE_SECRET_KEY: pipeline.stripe.key,
      API_KEY: '',
    });
    const both = [old, next].map((source) => envelope(subscriptionEvent('evt_1', 'created', started), { source }));
    await pipeline.audit('2026/11/20/10/a.ndjson.gz', both);
    expect((await replay('--json')).json.plan.preview.events).toBe(1);
  });

  it('refuses a source that is none of this deployment, and names those that are', async () => {
    const { code, err } = await replay('--source', 'ed_other');
    expect(code).toBe(2);
    expect(err).toContain('ed_test_1 or --source ed_test_61Transcript2');
  });
});
