import { DeleteBucketCommand, DeleteObjectCommand } from '@aws-sdk/client-s3';
import { routedEventTypes } from '../../core/event-routes.ts';
import { createOps } from '../../ops/cli/ops.ts';
import { connectAws } from '../../ops/deployment/aws.ts';
import type { Check } from '../../ops/doctor/check.ts';
import { doctor } from '../../ops/doctor/doctor.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope } from '../support/event-processor.ts';
import { jsonServices, type Pipeline, region, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  pipeline = await startPipeline();
  pipeline.aws.secret = JSON.stringify({
    DATABASE_URL: database.writerUrl,
    STRIPE_SECRET_KEY: pipeline.stripe.key,
    API_KEY: '',
  });
  pipeline.aws.metrics.set('Events/aws.partner/stripe.com/ed_test_1', [{ at: new Date(), value: 1 }]);
  await pipeline.run('destination', 'create', '--apply');
  const [destination] = pipeline.stripe.destinations.values();
  destination!.amazon_eventbridge = {
    aws_account_id: '123456789012',
    aws_event_source_arn: 'arn:aws:events:eu-central-1::event-source/aws.partner/stripe.com/ed_test_1',
    aws_event_source_status: 'active',
  };
});
afterEach(() => pipeline.close());

async function examine(
  options: { settings?: Record<string, unknown>; ping?: boolean; version?: string; ownerUrl?: string | undefined } = {},
) {
  const endpoints = Object.fromEntries(jsonServices.map((service) => [service, pipeline.aws.url]));
  const ops = createOps({
    environment: 'dev',
    appName: 'huntaze',
    aws: connectAws(region, { ...endpoints, sqs: await endpointOf(), s3: await endpointOf() }),
    variables: pipeline.variables,
    sleep: async () => {},
  });
  const { data, found } = await doctor(ops, {
    hours: 24,
    ping: options.ping ?? false,
    ownerUrl: 'ownerUrl' in options ? options.ownerUrl : database.adminUrl,
    here: async () => ({
      codeVersion: options.version ?? '0.1.0+abcdef012345',
      settings: options.settings ?? { environment: 'dev', createKmsKey: true },
    }),
  });
  const wrong = data.checks.filter(({ verdict }) => verdict === 'wrong');
  return { checks: data.checks, wrong, ids: wrong.map(({ id }) => id), found };
}

const endpointOf = async () => {
  const { protocol, hostname, port } = await pipeline.sqs.config.endpoint!();
  return `${protocol}//${hostname}:${port}`;
};
const destination = () => [...pipeline.stripe.destinations.values()][0]!;
const price = (id: string) =>
  pipeline.stripe.prices.get(id)! as unknown as {
    active: boolean;
    unit_amount: number;
    currency: string;
    recurring: { interval: string };
  };

it('passes a pipeline that is ready for live traffic', async () => {
  const { checks, wrong } = await examine();
  expect(wrong).toEqual([]);
  expect(checks.map(({ verdict }) => verdict)).toEqual(checks.map(() => 'ok'));
  expect(checks).toHaveLength(47);
});

/** What can be wrong, how a test makes it so, the line it is found in, and what the line says. */
const faults: [string, () => unknown, string, RegExp][] = [
  [
    'the stack is stuck',
    () => (pipeline.aws.stacks.get('huntaze-stripe-dev')!.status = 'UPDATE_ROLLBACK_FAILED'),
    'aws.stack',
    /UPDATE_ROLLBACK_FAILED/,
  ],
  [
    'a rule is disabled',
    () => (pipeline.aws.rules.get('huntaze-stripe-billing-dev')!.State = 'DISABLED'),
    'aws.rules',
    /Disabled: huntaze-stripe-billing-dev/,
  ],
  [
    'a rule has lost its DLQ',
    () => (pipeline.aws.rules.get('huntaze-stripe-audit-other-dev')!.Targets = [{ Id: '1', Arn: 'q' }]),
    'aws.rules.targets',
    /huntaze-stripe-audit-other-dev/,
  ],
  [
    'a function runs on an old runtime',
    () => (pipeline.aws.functions.get('huntaze-stripe-audit-dev')!.Runtime = 'nodejs20.x'),
    'aws.functions.runtime',
    /nodejs20\.x/,
  ],
  [
    'a function failed to update',
    () =>
      Object.assign(pipeline.aws.functions.get('huntaze-stripe-audit-dev')!, {
        LastUpdateStatus: 'Failed',
        LastUpdateStatusReason: 'no key',
      }),
    'aws.functions.state',
    /no key/,
  ],
  [
    'a worker is paused',
    () => (pipeline.aws.mappings.get('mapping-billing')!.State = 'Disabled'),
    'aws.mappings',
    /Paused: billing/,
  ],
  [
    'something is lost',
    () => pipeline.send('AuditUndeliveredQueueUrl', '{}'),
    'aws.queues.empty',
    /audit-undelivered \(1\)/,
  ],
  [
    'a rule is gone',
    () => pipeline.aws.rules.delete('huntaze-stripe-payments-dev'),
    'aws.rules',
    /Gone: huntaze-stripe-payments-dev/,
  ],
  [
    'a rule feeds another queue',
    () => {
      const billing = pipeline.aws.rules.get('huntaze-stripe-billing-dev')!;
      pipeline.aws.rules.get('huntaze-stripe-payments-dev')!.Targets = billing.Targets;
    },
    'aws.rules.targets',
    /huntaze-stripe-payments-dev/,
  ],
  [
    'the schedule of the comparison is off',
    () => (pipeline.aws.rules.get('huntaze-stripe-reconcile-dev')!.State = 'DISABLED'),
    'aws.rules.others',
    /huntaze-stripe-reconcile-dev \(disabled\)/,
  ],
  [
    'the archive cannot write',
    () => Object.assign(pipeline.aws.archive, { State: 'CREATE_FAILED', StateReason: 'no key' }),
    'aws.archive',
    /CREATE_FAILED \(no key\)/,
  ],
  [
    'a queue is gone',
    () => pipeline.deleteQueue('BillingQueueUrl'),
    'aws.queues.there',
    /Gone: huntaze-stripe-billing-dev/,
  ],
  [
    'a queue is closed to its rule',
    () => pipeline.setQueue('PaymentsQueueUrl', { Policy: '' }),
    'aws.queues.policy',
    /Closed to their rules: huntaze-stripe-payments-dev/,
  ],
  [
    'a queue gives what it gives up to nobody',
    () => pipeline.setQueue('AuditQueueUrl', { RedrivePolicy: '' }),
    'aws.queues.redrive',
    /huntaze-stripe-audit-dev\.fifo/,
  ],
  [
    'a function is gone',
    () => pipeline.aws.functions.delete('huntaze-stripe-audit-dev'),
    'aws.functions',
    /Gone: huntaze-stripe-audit-dev/,
  ],
  [
    'somebody changed the code of a function by hand',
    () => (pipeline.aws.functions.get('huntaze-stripe-billing-dev')!.CodeSha256 = 'other'),
    'aws.functions.code',
    /Other code than was deployed: huntaze-stripe-billing-dev/,
  ],
  [
    'a function cannot start',
    () =>
      pipeline.aws.crashing.set('huntaze-stripe-billing-dev', {
        errorType: 'Runtime.ImportModuleError',
        errorMessage: "Cannot find module 'index'",
      }),
    'aws.functions.start',
    /huntaze-stripe-billing-dev \(Runtime\.ImportModuleError: Cannot find module 'index'\)/,
  ],
  [
    'a mapping is gone',
    () => pipeline.aws.mappings.delete('mapping-payments'),
    'aws.mappings',
    /queue of payments: the mapping is gone/,
  ],
  [
    'the audit bucket is gone',
    () => pipeline.s3.send(new DeleteBucketCommand({ Bucket: pipeline.bucket })),
    'aws.bucket',
    /The audit bucket audit-bucket is gone/,
  ],
  ['the key is disabled', () => pipeline.aws.keys.set('key-1', 'Disabled'), 'aws.key', /The key key-1 is Disabled/],
  [
    'nobody has confirmed the subscription of the alarms',
    () => (pipeline.aws.subscriptions = [{ endpoint: 'oncall@example.com', arn: 'PendingConfirmation' }]),
    'aws.alarms',
    /Not confirmed: oncall@example\.com/,
  ],
  [
    'the secret is empty',
    () => (pipeline.aws.secret = JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: pipeline.stripe.key })),
    'secret',
    /DATABASE_URL: is not set/,
  ],
  [
    'the database is down',
    () =>
      (pipeline.aws.secret = JSON.stringify({
        DATABASE_URL: 'postgres://stripe_writer@127.0.0.1:1/postgres',
        STRIPE_SECRET_KEY: pipeline.stripe.key,
      })),
    'database',
    /cannot be reached/,
  ],
  [
    'the role may do too much',
    () =>
      (pipeline.aws.secret = JSON.stringify({
        DATABASE_URL: database.adminUrl,
        STRIPE_SECRET_KEY: pipeline.stripe.key,
      })),
    'database.role',
    /is a superuser/,
  ],
  [
    'the key is of the wrong mode',
    () => (pipeline.variables.STRIPE_SECRET_KEY = 'sk_live_x'),
    'stripe.key',
    /live-mode key; "dev" wants test mode/,
  ],
  [
    'Stripe does not know the key',
    () => (pipeline.variables.STRIPE_SECRET_KEY = 'sk_test_other'),
    'stripe.key',
    /does not accept the key/,
  ],
  [
    'there is no destination',
    () => pipeline.stripe.destinations.clear(),
    'stripe.destination',
    /no event destination with the source/,
  ],
  [
    'the destination is disabled',
    () =>
      Object.assign(destination(), {
        status: 'disabled',
        status_details: { disabled: { reason: 'no_aws_event_source_exists' } },
      }),
    'stripe.destination.enabled',
    /no_aws_event_source_exists/,
  ],
  [
    'its source waits for a bus',
    () => (destination().amazon_eventbridge.aws_event_source_status = 'pending'),
    'stripe.destination.source',
    /pending/,
  ],
  [
    'it sends to another account',
    () => (destination().amazon_eventbridge.aws_account_id = '210987654321'),
    'stripe.destination.place',
    /210987654321/,
  ],
  ['it sends thin events', () => (destination().event_payload = 'thin'), 'stripe.destination.payload', /thin/],
  [
    'it lacks a type',
    () => (destination().enabled_events = routedEventTypes.slice(1)),
    'stripe.destination.types',
    /payment_intent\.succeeded/,
  ],
  [
    'it sends a type too many',
    () => destination().enabled_events.push('product.created'),
    'stripe.destination.superfluous',
    /product\.created/,
  ],
  [
    'its API version is newer than our readers',
    () => (destination().snapshot_api_version = '2027-03-31.fern'),
    'stripe.destination.api_version',
    /2027-03-31\.fern/,
  ],
  [
    'a price is not in the catalogue',
    () =>
      pipeline.stripe.prices.set('price_new', {
        ...price('price_premium_monthly_eur'),
        id: 'price_new',
        lookup_key: null,
        nickname: 'Team',
      } as never),
    'stripe.prices.known',
    /price_new \(Team\)/,
  ],
  [
    'a price of the catalogue does not exist',
    () => pipeline.stripe.prices.delete('price_premium_monthly_eur'),
    'stripe.prices.exist',
    /Stripe does not know price_premium_monthly_eur/,
  ],
  [
    'an amount differs',
    () => (price('price_premium_monthly_eur').unit_amount = 2900),
    'stripe.prices.same',
    /amount 2900 at Stripe, 1900/,
  ],
  [
    'a currency differs',
    () => (price('price_premium_monthly_eur').currency = 'usd'),
    'stripe.prices.same',
    /currency usd at Stripe, eur/,
  ],
  [
    'an interval differs',
    () => (price('price_premium_monthly_eur').recurring = { interval: 'year' }),
    'stripe.prices.same',
    /interval year at Stripe, month/,
  ],
  [
    'a price that recurs is paid once at Stripe',
    () => (price('price_premium_monthly_eur').recurring = null as never),
    'stripe.prices.same',
    /interval once at Stripe, month/,
  ],
  [
    'no event came for a day',
    () => void pipeline.aws.metrics.clear(),
    'path.last_event',
    /No event came in the last 24 hours/,
  ],
];

it.each([
  ['subscriptions', 'stripe.right.subscriptions', 'the workers, reconcile and sync'],
  ['events', 'stripe.right.events', 'the scheduled comparison and reconcile'],
  ['prices', 'stripe.right.prices', 'the checks of config/plans.yaml'],
  ['core/event_destinations', 'stripe.right.destinations', 'the clock, status and the checks of the destination'],
])(
  'names the one right that a restricted key lacks, %s, and goes on with the others',
  async (resource, id, neededBy) => {
    pipeline.stripe.faults.forbidden.add(resource);
    const { checks, wrong } = await examine();
    expect(wrong.map((check) => check.id)).toEqual([id]);
    expect(wrong[0]!.says).toContain(`which ${neededBy} need.`);
    expect(wrong[0]!.fix).toMatch(/Give the restricted key the right "[A-Z][a-z ]+: read"/);
    expect(checks.filter((check) => check.id.startsWith('stripe.right.'))).toHaveLength(10);
    expect(checks.filter((check) => check.id.startsWith('stripe.') && check.verdict === 'ok').length).toBeGreaterThan(
      4,
    );
  },
);

it('takes an archived price for no fault, and says whether somebody pays by it', async () => {
  price('price_premium_monthly_eur').active = false;
  const says = async () => (await examine()).checks.find(({ id }) => id === 'stripe.prices.exist')!;
  expect(await says()).toMatchObject({ verdict: 'ok' });
  expect((await says()).says).toContain('Archived, and paid by nobody: price_premium_monthly_eur; may be taken out.');
  const theirs = {
    id: 'sub_1',
    created: 1,
    status: 'active',
    items: { data: [{ price: { id: 'price_premium_monthly_eur' } }] },
  };
  pipeline.stripe.subscriptions.set('sub_1', theirs as never);
  expect((await says()).says).toContain('Archived, and still paid by: price_premium_monthly_eur.');
});

it.each(faults)('finds that %s, and says how to repair it', async (_what, make, id, says) => {
  await make();
  const { wrong, found } = await examine();
  const line = wrong.find((check: Check) => check.id === id);
  expect(line?.says).toMatch(says);
  expect(line?.fix).toMatch(/\w/);
  expect(found.length).toBe(wrong.length);
});

it.each([
  [
    'a rule is disabled',
    'aws events enable-rule --name huntaze-stripe-billing-dev --event-bus-name aws.partner/stripe.com/ed_test_1 --region eu-central-1',
  ],
  ['a queue is gone', 'npx cdk deploy --revert-drift -c environment=dev'],
  [
    'a queue is closed to its rule',
    'npx cdk orphan --unstable=orphan huntaze-stripe-dev/Payments/Queue/Policy -c environment=dev && npx cdk deploy -c environment=dev',
  ],
  [
    'a mapping is gone',
    'npx cdk orphan --unstable=orphan huntaze-stripe-dev/Payments/Handler/Function/Mapping -c environment=dev && npx cdk deploy -c environment=dev',
  ],
  ['a worker is paused', 'npm run ops -- resume billing --apply --env dev'],
  ['the key is disabled', 'aws kms enable-key --key-id key-1 --region eu-central-1'],
])('when %s, the fix is a command that can be pasted', async (what, command) => {
  const [, make, id] = faults.find(([name]) => name === what)!;
  await make();
  const { wrong } = await examine();
  expect(wrong.find((check: Check) => check.id === id)?.fix).toContain(`\`${command}\``);
});

it('says that it cannot compare code whose bundle is no longer kept', async () => {
  await pipeline.s3.send(new DeleteObjectCommand({ Bucket: pipeline.bundles, Key: 'bundle.zip' }));
  const { checks, wrong } = await examine();
  expect(wrong).toEqual([]);
  expect(checks.find(({ id }) => id === 'aws.functions.code')).toMatchObject({ verdict: 'not checked' });
});

it('finds settings that are not what was deployed, each with both values', async () => {
  const { wrong } = await examine({
    settings: { environment: 'dev', createKmsKey: false, alarmEmail: 'oncall@example.com' },
  });
  expect(wrong).toEqual([
    expect.objectContaining({
      id: 'aws.settings',
      says: 'Deployed with other settings than lie here: createKmsKey (deployed true, here false), alarmEmail (deployed nothing, here "oncall@example.com").',
    }),
  ]);
});

it('finds code that is not what is deployed', async () => {
  const { wrong } = await examine({ version: '0.2.0+000000000000' });
  expect(wrong).toEqual([
    expect.objectContaining({ id: 'aws.code', says: 'Deployed is 0.1.0+abcdef012345; here lies 0.2.0+000000000000.' }),
  ]);
});

it('finds migrations that are not applied, and says when it may not look', async () => {
  const { rows } = await database.admin.query(
    'delete from supabase_migrations.schema_migrations where version = (select max(version) from supabase_migrations.schema_migrations) returning *',
  );
  try {
    expect((await examine()).ids).toEqual(['database.migrations']);
  } finally {
    await database.admin.query(
      'insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)',
      [rows[0].version, rows[0].name, rows[0].statements],
    );
  }
  const { checks, wrong } = await examine({ ownerUrl: undefined });
  expect(wrong).toEqual([]);
  expect(checks.find(({ id }) => id === 'database.migrations')).toMatchObject({ verdict: 'not checked' });
});

it('follows a ping of Stripe through the whole path to the audit bucket', async () => {
  pipeline.stripe.onPing = async (event) => {
    const hour = new Date().toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/');
    await pipeline.audit(`${hour}/x.ndjson.gz`, [envelope(event)]);
  };
  const { wrong, checks } = await examine({ ping: true });
  expect(wrong).toEqual([]);
  expect(checks.at(-1)).toMatchObject({ id: 'path.ping', verdict: 'ok' });
});

it('says in a sentence that the bucket, in which the ping is looked for, is gone', async () => {
  await pipeline.s3.send(new DeleteBucketCommand({ Bucket: pipeline.bucket }));
  const { checks } = await examine({ ping: true });
  expect(checks.at(-1)).toMatchObject({ id: 'path.ping', verdict: 'wrong' });
  expect(checks.at(-1)!.says).toMatch(/^The ping was sent, and cannot be looked for: .*NoSuchBucket/);
});

it('prints every line with its mark, and ends with 1 when something is wrong', async () => {
  destination().status = 'disabled';
  const { code, out } = await pipeline.run('doctor');
  expect(code).toBe(1);
  expect(out).toContain('✗ It is disabled');
  expect(out).toContain('→ `npm run ops -- destination enable --apply --env dev`');
  expect(out).toMatch(/of \d+ checks found something wrong/);
  // It synthesises what lies here, which takes as long as the machine is busy.
}, 120_000);

it('refuses hours that are none', async () => {
  expect((await pipeline.run('doctor', '--hours', 'many')).code).toBe(2);
});
