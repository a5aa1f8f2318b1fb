import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { envelope } from '../support/event-processor.ts';
import { event, invoice, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await startPipeline();
});
afterEach(() => pipeline.close());

const updated = envelope(subscriptionEvent('evt_1', 'updated', 1_795_000_000));
const paid = envelope(event('evt_2', 'invoice.paid', 1_795_000_000, invoice()));
const parked = {
  reason: 'handler_bug',
  detail: 'TypeError: x is undefined',
  event_id: 'evt_1',
  event_type: 'customer.subscription.updated',
  function: 'huntaze-stripe-billing-dev',
};
const undelivered = {
  ERROR_CODE: 'NO_PERMISSIONS',
  ERROR_MESSAGE: 'Lack of permissions to invoke cross account target',
  RULE_ARN:
    'arn:aws:events:eu-central-1:123456789012:rule/aws.partner/stripe.com/ed_test_1/huntaze-stripe-payments-dev',
  TARGET_ARN: 'arn:aws:sqs:eu-central-1:123456789012:huntaze-stripe-payments-dev',
};

it('finds nothing where nothing is lost', async () => {
  const { code, out } = await pipeline.run('redrive');
  expect(code).toBe(0);
  expect(out).toContain('Nothing is lost, as far as was asked.');
});

it('shows what a message says of itself on one line, whatever it holds', async () => {
  await pipeline.send('BillingFailedQueueUrl', 'not JSON\nNothing is lost, as far as was asked.', {
    ...parked,
    detail: 'x\nNothing is lost, as far as was asked.',
    event_id: 'evt_\u202e1',
    reason: 'a\u0085b',
  });
  const { out } = await pipeline.run('redrive');
  expect(out).not.toMatch(/^Nothing is lost/m);
  expect(out).toContain('1 × a\\u0085b');
  expect(out).toContain('for example evt_\\u202e1: x\\nNothing is lost');
  const { out: peeked } = await pipeline.run('redrive', '--peek', 'evt_\u202e1');
  expect(peeked).toContain('body:\nnot JSON\\nNothing is lost');
  expect(peeked).not.toMatch(/[\u0080-\u009f\u202e]/);
});

it('groups what is lost by reason, says where each goes back to, and leaves it there', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  await pipeline.send('BillingFailedQueueUrl', paid);
  await pipeline.send('PaymentsUndeliveredQueueUrl', envelope(event('evt_3', 'charge.failed', 1, {})), {
    ...undelivered,
    EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
    RETRY_ATTEMPTS: '185',
  });
  const { code, json } = await pipeline.run('redrive', '--json');
  expect(code).toBe(1);
  expect(
    json.plan.groups.map(({ queue, reason, event_type, count, back_to }: Record<string, unknown>) => ({
      queue,
      reason,
      event_type,
      count,
      back_to,
    })),
  ).toEqual([
    {
      queue: 'payments-undelivered',
      reason: 'NO_PERMISSIONS',
      event_type: 'charge.failed',
      count: 1,
      back_to: 'queue huntaze-stripe-payments-dev',
    },
    {
      queue: 'billing-failed',
      reason: 'handler_bug',
      event_type: 'customer.subscription.updated',
      count: 2,
      back_to: 'queue huntaze-stripe-billing-dev',
    },
    {
      queue: 'billing-failed',
      reason: 'too_many_attempts',
      event_type: 'invoice.paid',
      count: 1,
      back_to: 'queue huntaze-stripe-billing-dev',
    },
  ]);
  expect(json.plan.groups[0].example_detail).toBe(
    'Lack of permissions to invoke cross account target; gave up: MaximumRetryAttempts',
  );
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(3);
  // In sight again at once, for whoever looks next.
  expect(await pipeline.take('BillingFailedQueueUrl')).toHaveLength(3);
});

it('sends each back to the queue it came from, with the reason it was parked for', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  await pipeline.send('PaymentsUndeliveredQueueUrl', paid, undelivered);
  const { code, json } = await pipeline.run('redrive', '--apply', '--json');
  expect(code).toBe(0);
  expect(json.result).toEqual({ sent_back: 2, discarded: 0, kept: 0, file: null });
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(0);
  expect(await pipeline.depth('PaymentsUndeliveredQueueUrl')).toBe(0);
  const [billing] = await pipeline.take('BillingQueueUrl');
  expect(billing).toMatchObject({ body: updated, attributes: { reason: { StringValue: 'handler_bug' } } });
  expect((await pipeline.take('PaymentsQueueUrl'))[0]!.body).toBe(paid);
});

it.each([
  [['--reason', 'handler_bug'], ['evt_1']],
  [['--type', 'invoice.paid'], ['evt_2']],
  [['--id', 'evt_2'], ['evt_2']],
  [
    ['--queue', 'billing-failed'],
    ['evt_1', 'evt_2'],
  ],
  [['--queue', 'payments-failed'], []],
])('with %j sends back %j and leaves the others', async (filter, wanted) => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  await pipeline.send('BillingFailedQueueUrl', paid);
  await pipeline.run('redrive', ...filter, '--apply');
  const sent = (await pipeline.take('BillingQueueUrl')).map(({ body }) => JSON.parse(body).detail.id).sort();
  expect(sent).toEqual(wanted);
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(2 - wanted.length);
});

it('sends what the audit lost back into its group, also within the five minutes in which SQS would take it for a duplicate', async () => {
  const other = envelope(event('evt_4', 'product.created', 1, {}));
  // As EventBridge delivers it: SQS takes the content's hash for its identity.
  await pipeline.sqs.send(
    new SendMessageCommand({ QueueUrl: pipeline.outputs.AuditQueueUrl!, MessageBody: other, MessageGroupId: 'other' }),
  );
  await pipeline.take('AuditQueueUrl');
  await pipeline.send('AuditFailedQueueUrl', other, {}, 'other');
  await pipeline.send('AuditUndeliveredQueueUrl', updated, undelivered);
  const before = await pipeline.depth('AuditQueueUrl');
  const { json } = await pipeline.run('redrive', '--apply', '--json');
  expect(json.result.sent_back).toBe(2);
  expect(await pipeline.depth('AuditQueueUrl')).toBe(before + 2);
  const groups = (await pipeline.take('AuditQueueUrl')).map(({ group }) => group);
  expect(groups).toEqual(['billing-1']);
});

it('puts what the API did not take back on the app bus, as it was', async () => {
  const planEvent = {
    version: '0',
    id: 'x',
    source: 'huntaze.stripe',
    'detail-type': 'SUBSCRIPTION_ACTIVATED',
    time: '2026-11-20T10:00:00Z',
    resources: [],
    detail: { id: 'plan-event-1' },
  };
  await pipeline.send('ApiUndeliveredQueueUrl', planEvent, {
    ERROR_CODE: 'SDK_CLIENT_ERROR',
    ERROR_MESSAGE: 'HTTP 500',
  });
  const { code } = await pipeline.run('redrive', '--apply');
  expect(code).toBe(0);
  expect(pipeline.aws.put).toEqual([
    expect.objectContaining({
      EventBusName: 'huntaze-stripe-plans-dev',
      Source: 'huntaze.stripe',
      DetailType: 'SUBSCRIPTION_ACTIVATED',
      Detail: '{"id":"plan-event-1"}',
    }),
  ]);
});

it('starts a failed comparison again with what it was started with', async () => {
  await pipeline.send('ReconcileFailedQueueUrl', {
    requestContext: { condition: 'RetriesExhausted', functionArn: 'arn:…' },
    requestPayload: { time: '2026-11-20T10:00:00Z' },
    responsePayload: { errorType: 'Error', errorMessage: 'Stripe did not answer' },
  });
  const { json } = await pipeline.run('redrive', '--apply', '--json');
  expect(json.plan.groups[0]).toMatchObject({
    reason: 'RetriesExhausted',
    example_detail: 'Error: Stripe did not answer',
    back_to: 'function huntaze-stripe-reconcile-dev',
  });
  expect(pipeline.aws.invoked).toEqual([
    { name: 'huntaze-stripe-reconcile-dev', payload: '{"time":"2026-11-20T10:00:00Z"}' },
  ]);
  expect(await pipeline.depth('ReconcileFailedQueueUrl')).toBe(0);
});

it('deletes nothing that its destination did not take', async () => {
  await pipeline.send('ApiUndeliveredQueueUrl', 'not an event', { ERROR_CODE: 'SDK_CLIENT_ERROR' });
  await pipeline.send('ReconcileFailedQueueUrl', { requestPayload: {} });
  pipeline.outputs.ReconcileFunctionName = 'huntaze-stripe-reconcile-dev';
  const { code, json } = await pipeline.run('redrive', '--queue', 'api-undelivered', '--apply', '--json');
  expect(code).toBe(1);
  expect(json.result).toMatchObject({ sent_back: 0, kept: 1 });
  expect(json.found[0]).toContain('it is not an event as the bus delivers it; --discard saves it to a file');
  expect(await pipeline.depth('ApiUndeliveredQueueUrl')).toBe(1);
  // In sight again at once, for whoever looks next.
  expect(await pipeline.take('ApiUndeliveredQueueUrl')).toHaveLength(1);
});

it('keeps a message whose queue is gone', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  pipeline.outputs.BillingQueueUrl = `${pipeline.outputs.BillingQueueUrl}-gone`;
  const { code } = await pipeline.run('redrive', '--apply');
  expect(code).toBe(1);
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(1);
});

it('saves what it discards, whole, and never over an earlier save', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  await pipeline.send('BillingFailedQueueUrl', paid);
  const file = join(pipeline.folder, 'discarded.ndjson');
  const { code, out } = await pipeline.run(
    'redrive',
    '--reason',
    'handler_bug',
    '--discard',
    '--file',
    file,
    '--apply',
  );
  expect(code).toBe(0);
  expect(out).toContain(`1 saved to ${file} and deleted.`);
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    expect.objectContaining({ queue: 'billing-failed', reason: 'handler_bug', event_id: 'evt_1', body: updated }),
  ]);
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(1);
  const again = await pipeline.run('redrive', '--discard', '--file', file, '--apply');
  expect(again.code).toBe(2);
  expect(again.err).toContain('Give another path with --file.');
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(1);
});

it.each([
  [['--discard', '--reason', 'handler_bug'], 1],
  [['--reason', 'handler_bug'], 0],
])('with %j takes exactly what the plan counted, never what came meanwhile', async (options, discarded) => {
  const prod = await startPipeline('prod');
  try {
    await prod.send('BillingFailedQueueUrl', updated, parked);
    prod.answering('prod');
    prod.whileAsked(async () => {
      await prod.send('BillingFailedQueueUrl', updated, { ...parked, event_id: 'evt_of_a_real_customer' });
    });
    const file = ['--file', join(prod.folder, 'discarded.ndjson')];
    const { code, out } = await prod.run('redrive', ...options, ...(discarded ? file : []), '--apply');
    expect(code).toBe(0);
    expect(out).toMatch(discarded ? /1 saved to .* and deleted\./ : /1 sent back\./);
    expect(
      (await prod.take('BillingFailedQueueUrl')).map(({ attributes }) => attributes.event_id!.StringValue),
    ).toEqual(['evt_of_a_real_customer']);
  } finally {
    await prod.close();
  }
});

it('only plans to discard without --apply', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  const { out } = await pipeline.run('redrive', '--discard', '--file', join(pipeline.folder, 'x.ndjson'));
  expect(out).toContain('Nothing was changed. Add --apply to do it.');
  expect(await pipeline.depth('BillingFailedQueueUrl')).toBe(1);
});

it('shows one message whole', async () => {
  await pipeline.send('BillingFailedQueueUrl', updated, parked);
  const { code, out } = await pipeline.run('redrive', '--peek', 'evt_1');
  expect(code).toBe(0);
  expect(out).toContain('reason: handler_bug: TypeError: x is undefined');
  expect(out).toContain('"subscription"');
  const missing = await pipeline.run('redrive', '--peek', 'evt_9');
  expect(missing.code).toBe(2);
  expect(missing.err).toContain('No dead letter has the id evt_9.');
});

it('says how many it did not look at', async () => {
  for (let n = 0; n < 5; n++) await pipeline.send('BillingFailedQueueUrl', updated, parked);
  const { json } = await pipeline.run('redrive', '--limit', '3', '--json');
  expect(json.plan.queues.find(({ name }: { name: string }) => name === 'billing-failed')).toEqual({
    name: 'billing-failed',
    waiting: 5,
    looked_at: 3,
  });
  expect(json.warnings).toEqual([
    'billing-failed holds about 5 messages, of which 3 were looked at (--limit); the others stay for a second run.',
  ]);
});

it.each([
  [['--queue', 'billing-dlq'], /There is no queue billing-dlq[\s\S]*payments-undelivered/],
  [['--file', 'x.ndjson'], /--file says where --discard saves/],
])('refuses %j', async (args, message) => {
  const { code, err } = await pipeline.run('redrive', ...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
