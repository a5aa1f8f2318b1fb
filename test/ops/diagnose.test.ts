import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteBucketCommand } from '@aws-sdk/client-s3';
import { causes, findCauses } from '../../ops/diagnose/causes.ts';
import type { Evidence } from '../../ops/diagnose/evidence.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  pipeline = await startPipeline();
  fillSecret(database.writerUrl);
  pipeline.aws.metrics.set('Events/aws.partner/stripe.com/ed_test_1', [{ at: new Date(), value: 1 }]);
  await pipeline.run('destination', 'create', '--apply');
  destination().amazon_eventbridge = {
    aws_account_id: '123456789012',
    aws_event_source_arn: 'arn:aws:events:eu-central-1::event-source/aws.partner/stripe.com/ed_test_1',
    aws_event_source_status: 'active',
  };
});
afterEach(() => pipeline.close());

const destination = () => [...pipeline.stripe.destinations.values()][0]!;
const fillSecret = (DATABASE_URL: string, STRIPE_SECRET_KEY = pipeline.stripe.key) => {
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL, STRIPE_SECRET_KEY, API_KEY: '' });
};
const failing = (code: string, worker = 'billing') =>
  pipeline.aws.logs.set(`/aws/lambda/huntaze-stripe-${worker}-dev`, [
    { message: 'event deferred', code, detail: 'as it failed', retry_in_s: 4, sqs_message_id: 'm1' },
    { message: 'event deferred', code, detail: 'as it failed', retry_in_s: 4, sqs_message_id: 'm2' },
  ]);

it('finds nothing wrong with a pipeline that is well', async () => {
  const { code, out } = await pipeline.run('diagnose');
  expect(out).toBe('Nothing is wrong that can be seen from here (healthy).');
  expect(code).toBe(0);
});

const bus = 'aws.partner/stripe.com/ed_test_1';

/** What happened at night, how a test makes it so; the cause, its page and its command. */
const faults: [what: string, make: () => unknown, cause: string, page: string, command: string][] = [
  [
    'the secret is emptied',
    () => fillSecret('', ''),
    'secret-not-set',
    'secret-not-set',
    'npm run ops -- secrets --apply --env dev',
  ],
  [
    'a function cannot start after a release',
    () =>
      pipeline.aws.crashing.set('huntaze-stripe-billing-dev', {
        errorType: 'Runtime.ImportModuleError',
        errorMessage: 'Cannot find module',
      }),
    'function-does-not-start',
    'rollback',
    'npm run ops -- rollback --apply --env dev',
  ],
  [
    'a function was changed by hand, and cannot start',
    () => {
      pipeline.aws.functions.get('huntaze-stripe-billing-dev')!.CodeSha256 = 'other';
      pipeline.aws.crashing.set('huntaze-stripe-billing-dev', {
        errorType: 'Runtime.ImportModuleError',
        errorMessage: '',
      });
    },
    'function-changed',
    'function-changed-by-hand',
    'aws lambda update-function-code --function-name huntaze-stripe-billing-dev --s3-bucket cdk-hnb659fds-assets-123456789012-eu-central-1 --s3-key bundle.zip --region eu-central-1',
  ],
  [
    'a rule is disabled',
    () => (pipeline.aws.rules.get('huntaze-stripe-billing-dev')!.State = 'DISABLED'),
    'rule-disabled',
    'rule-disabled',
    `aws events enable-rule --name huntaze-stripe-billing-dev --event-bus-name ${bus} --region eu-central-1`,
  ],
  [
    'a rule is deleted',
    () => pipeline.aws.rules.delete('huntaze-stripe-billing-dev'),
    'rule-deleted',
    'deleted-by-hand',
    'npx cdk deploy --revert-drift -c environment=dev',
  ],
  [
    'a queue is deleted',
    () => pipeline.deleteQueue('BillingQueueUrl'),
    'queue-deleted',
    'queue-deleted',
    'npx cdk deploy --revert-drift -c environment=dev',
  ],
  [
    'the destination is disabled',
    () => (destination().status = 'disabled'),
    'destination-disabled',
    'destination-disabled',
    'npm run ops -- destination enable --apply --env dev',
  ],
  [
    'a mapping is off',
    () => (pipeline.aws.mappings.get('mapping-billing')!.State = 'Disabled'),
    'paused',
    'nothing-settled',
    'npm run ops -- resume billing --apply --env dev',
  ],
  [
    'a migration is missing, as the logs tell',
    () => failing('database_42883'),
    'schema-behind',
    'supabase-down',
    'npm run ops -- migrate --apply --env dev',
  ],
  [
    'no migration was applied',
    () => fillSecret(database.writerUrl.replace(/\/[^/]+$/, '/postgres')),
    'schema-behind',
    'supabase-down',
    'npm run ops -- migrate --apply --env dev',
  ],
  [
    'the password of the database was rotated',
    () => failing('database_28P01'),
    'database-password',
    'supabase-down',
    'npm run ops -- secrets --apply --env dev',
  ],
  [
    'the database is down',
    () => fillSecret('postgres://stripe_writer@127.0.0.1:1/postgres'),
    'database-down',
    'supabase-down',
    'npm run ops -- watch --env dev',
  ],
  [
    'the audit bucket is gone',
    () => pipeline.s3.send(new DeleteBucketCommand({ Bucket: pipeline.bucket })),
    'audit-bucket-gone',
    'audit-bucket-gone',
    'aws s3api create-bucket --bucket audit-bucket --create-bucket-configuration LocationConstraint=eu-central-1 --region eu-central-1',
  ],
  [
    'Stripe revoked the key',
    () => fillSecret(database.writerUrl, 'sk_test_revoked'),
    'stripe-key',
    'stripe-key',
    'npm run ops -- secrets --apply --env dev',
  ],
  [
    'Stripe’s API is down',
    () => failing('stripe_unreachable'),
    'stripe-down',
    'stripe-incident',
    'npm run ops -- watch --env dev',
  ],
  [
    'the key of the stack is disabled',
    () => pipeline.aws.keys.set('key-1', 'Disabled'),
    'key',
    'events-lost',
    'aws kms enable-key --key-id key-1 --region eu-central-1',
  ],
  [
    'poison floods a queue',
    () => pipeline.send('BillingFailedQueueUrl', '{}', { reason: 'unreadable_event' }),
    'dead-letters',
    'failed',
    'npm run ops -- redrive --env dev',
  ],
  [
    'somebody bought a price that no plan has',
    () => {
      const price = pipeline.stripe.prices.get('price_premium_monthly_eur')!;
      pipeline.stripe.prices.set('price_team', { ...price, id: 'price_team', lookup_key: null } as never);
    },
    'unknown-price',
    'unknown-price',
    'npx cdk deploy -c environment=dev',
  ],
];

it.each(faults)('when %s, names the cause, its page and its command', async (_what, make, cause, page, command) => {
  await make();
  const { code, json } = await pipeline.run('diagnose', '--json');
  expect(code).toBe(1);
  expect(json.data.cause).toMatchObject({ cause, page: `docs/runbooks/${page}.md`, command });
});

it('goes by what is wrong now rather than by a message that still waits from an incident before', async () => {
  failing('database_3F000');
  destination().status = 'disabled';
  const { json } = await pipeline.run('diagnose', '--json');
  expect([json.data.cause, ...json.data.also].map(({ cause }: { cause: string }) => cause)).toEqual([
    'destination-disabled',
    'schema-behind',
  ]);
});

it('takes no failure for a cause whose message was settled since: that incident is over', async () => {
  const m1 = { sqs_message_id: 'm1' };
  pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-billing-dev', [
    { message: 'event deferred', code: 'database_3F000', retry_in_s: 4, ...m1 },
    { message: 'event settled', outcome: 'applied', ...m1 },
    { message: 'event settled', outcome: 'parked', reason: 'handler_bug', sqs_message_id: 'redriven-since' },
  ]);
  const { out } = await pipeline.run('diagnose');
  expect(out).toBe('Nothing is wrong that can be seen from here (healthy).');
});

it('says who changed what, and what could not be looked at, and is not kept from the rest by it', async () => {
  pipeline.aws.rules.get('huntaze-stripe-billing-dev')!.State = 'DISABLED';
  pipeline.aws.errors.set('DescribeKey', 'AccessDeniedException');
  pipeline.aws.trail = [
    change('DisableRule', { name: 'huntaze-stripe-billing-dev', eventBusName: bus }),
    change('DisableRule', { name: 'of-somebody-else' }),
    change('PutEvents', { eventBusName: bus }),
    change('DescribeRule', { name: 'huntaze-stripe-billing-dev' }),
  ];
  const { out } = await pipeline.run('diagnose');
  expect(out).toMatch(
    new RegExp(
      `^CAUSE +Disabled: huntaze-stripe-billing-dev\\. .*\n +2026-11-21 12:03:05 UTC user/mallory: DisableRule huntaze-stripe-billing-dev ${bus}\nPAGE +docs/runbooks/rule-disabled\\.md\nCOMMAND +aws events enable-rule .*\nTHEN +npm run ops -- watch --env dev$`,
      'm',
    ),
  );
  expect(out).toMatch(/Could not be looked at\n {2}- .*AccessDeniedException/);
  expect(out).not.toContain('of-somebody-else');
  expect(out).not.toMatch(/PutEvents|DescribeRule/);
});

it('still names what it sees when no part of AWS but the stack answers', async () => {
  for (const call of ['DescribeRule', 'GetMetricData', 'LookupEvents', 'DescribeAlarms'])
    pipeline.aws.errors.set(call, 'InternalFailure');
  fillSecret('', '');
  const { code, json } = await pipeline.run('diagnose', '--json');
  expect(code).toBe(1);
  expect(json.data.cause.cause).toBe('secret-not-set');
  expect(json.data.unseen.length).toBeGreaterThanOrEqual(3);
}, 60_000);

describe('the table of causes', () => {
  const nothing: Evidence = {
    health: 'critical',
    reasons: [],
    wrong: [],
    codes: [],
    crashes: [],
    changes: [],
    unseen: [],
  };
  const lines = { verb: (words: string) => words, cdk: (words: string) => words };

  it.each(causes)('$id has a page that exists', ({ page }) => {
    expect(existsSync(join(import.meta.dirname, '../../docs/runbooks', `${page}.md`))).toBe(true);
  });

  it('names the root before what it leads to, and each thing once', () => {
    const found = findCauses(
      {
        ...nothing,
        wrong: [
          { id: 'aws.queues.empty', verdict: 'wrong', says: 'Not empty.', fix: '`redrive`' },
          { id: 'aws.alarms', verdict: 'wrong', says: 'Nobody hears.', fix: null },
          { id: 'database.schema', verdict: 'wrong', says: 'A migration is missing.', fix: null },
        ],
        codes: [{ code: 'database_42883', attempts: 95, workers: ['billing'], detail: 'no function' }],
      },
      lines,
    );
    expect(found.map(({ cause, says }) => [cause, says])).toEqual([
      [
        'schema-behind',
        'A migration is missing. 95 attempts failed with database_42883 in the last 10 minutes (billing).',
      ],
      ['dead-letters', 'Not empty.'],
      ['aws.alarms', 'Nobody hears.'],
    ]);
  });
});

const change = (EventName: string, requestParameters: object) => ({
  EventName,
  EventTime: Date.parse('2026-11-21T12:03:05Z') / 1000,
  CloudTrailEvent: JSON.stringify({
    userIdentity: { arn: 'arn:aws:iam::123456789012:user/mallory' },
    requestParameters,
  }),
});
