import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope } from '../support/event-processor.ts';
import { event, invoice, paymentIntent, subscriptionEvent } from '../support/stripe-samples.ts';
import { type Pipeline, source, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
let database: TestDatabase;
beforeEach(async () => {
  pipeline = await startPipeline();
  database = await freshDatabase();
  pipeline.aws.secret = JSON.stringify({ DATABASE_URL: database.writerUrl, STRIPE_SECRET_KEY: pipeline.stripe.key });
  pipeline.at(now);
});
afterEach(async () => {
  await pipeline.close();
  await database.close();
});

const now = new Date('2026-11-20T12:00:00Z');
const range = ['--from', '2026-11-20T09:00:00Z', '--to', '2026-11-20T11:00:00Z'];
const started = Date.parse('2026-11-20T10:00:00Z') / 1000;
const stateFile = () => join(pipeline.folder, 'run.json');
const replay = (...args: string[]) => pipeline.run('replay', ...range, '--state-file', stateFile(), ...args);

/** A trial of what the audit trail holds of one customer: created, then active, then a bug's trace in our row. */
async function audited(): Promise<void> {
  const created = envelope(subscriptionEvent('evt_created', 'created', started), { source });
  const active = envelope(subscriptionEvent('evt_active', 'updated', started + 60), {
    source,
    time: '2026-11-20T10:01:00Z',
  });
  const payment = envelope(event('evt_intent', 'payment_intent.succeeded', started + 60, paymentIntent()), {
    source,
    time: '2026-11-20T10:01:00Z',
  });
  const product = envelope(event('evt_product', 'product.created', started, { id: 'prod_1' }), { source });
  const again = envelope(subscriptionEvent('evt_active', 'updated', started + 60), {
    source,
    time: '2026-11-20T10:01:00Z',
    'replay-name': 'an-earlier-one',
  });
  const early = envelope(subscriptionEvent('evt_early', 'updated', started - 7200), {
    source,
    time: '2026-11-20T08:00:00Z',
  });
  await pipeline.audit('2026/11/20/10/a.ndjson.gz', [created, active, product]);
  // An object named after an earlier hour, with envelopes of the range in it, as after a pause of the audit.
  await pipeline.audit('2026/11/20/08/b.ndjson.gz', [early, payment, again]);
  // Written, not removed from the queue in time, and written again.
  await pipeline.audit('2026/11/20/10/c.ndjson.gz', [active]);
}

describe('the plan', () => {
  it('counts by type, tries every event, and changes nothing', async () => {
    await audited();
    const { code, json } = await replay('--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ verb: 'replay', applied: false, result: null });
    expect(json.plan.preview).toEqual({
      events: 3,
      by_type: {
        'customer.subscription.created': 1,
        'customer.subscription.updated': 1,
        'payment_intent.succeeded': 1,
      },
      by_outcome: { applied: 3 },
      parked_because: {},
      plan_events: { SUBSCRIPTION_ACTIVATED: 1 },
      not_tried: 0,
      changes: [
        {
          subscription_id: 'sub_1',
          customer_id: 'cus_1',
          user_id: '11111111-1111-4111-8111-111111111111',
          fields: expect.arrayContaining([
            { field: 'plan_id', before: null, after: 'premium' },
            { field: 'status', before: null, after: 'active' },
          ]),
        },
      ],
    });
    expect((await database.admin.query('select count(*)::int as n from billing.events')).rows[0].n).toBe(0);
    expect((await database.admin.query('select count(*)::int as n from billing.subscriptions')).rows[0].n).toBe(0);
    expect(pipeline.aws.replays.size).toBe(0);
    expect(existsSync(stateFile())).toBe(false);
  });

  it('says that nothing would change where the rows are right already', async () => {
    await audited();
    const { planStore } = await import('../../adapters/postgres/plan-store.ts');
    const { processEvent } = await import('../../pipeline/process-event.ts');
    const { testProcessor } = await import('../support/event-processor.ts');
    const processor = { ...testProcessor(database.writer), sources: [source], store: planStore(database.writer) };
    await processEvent(processor, envelope(subscriptionEvent('evt_created', 'created', started), { source }));
    await processEvent(processor, envelope(subscriptionEvent('evt_active', 'updated', started + 60), { source }));
    const { out } = await replay('--rules', 'billing');
    expect(out).toContain('No plan state would change.');
    expect(out).toContain('The apps would receive nothing.');
    expect(out).toContain('2 events, tried in transactions that were rolled back');
  });

  it('shows what a replay would repair: the plan that a bug left unknown', async () => {
    await audited();
    const { processEvent } = await import('../../pipeline/process-event.ts');
    const { testProcessor } = await import('../support/event-processor.ts');
    await processEvent(
      { ...testProcessor(database.writer), sources: [source] },
      envelope(subscriptionEvent('evt_active', 'updated', started + 60), { source }),
    );
    await database.admin.query('update billing.subscriptions set plan_id = null, tier = null');
    const { out } = await replay();
    expect(out).toContain('1 plan state would change:');
    expect(out).toMatch(/sub_1 \(11111111-1111-4111-8111-111111111111\): plan_id null → premium, tier null → PREMIUM/);
  });

  it('says which events Stripe would be asked about, and which would be parked and why', async () => {
    await pipeline.audit('2026/11/20/10/a.ndjson.gz', [
      envelope(subscriptionEvent('evt_1', 'updated', started), { source }),
      envelope(subscriptionEvent('evt_2', 'updated', started, { status: 'past_due' }), { source }),
      envelope({ ...subscriptionEvent('evt_3', 'updated', started), data: { object: { id: 'sub_9' } } }, { source }),
      'not an envelope',
    ]);
    const { json } = await replay('--json');
    expect(json.plan.preview).toMatchObject({
      events: 3,
      by_outcome: { applied: 1, would_ask_stripe: 1, parked: 1 },
      parked_because: { unreadable_event: 1 },
    });
  });

  it('tries no more events than told, and counts the others', async () => {
    await audited();
    const { json } = await replay('--preview-limit', '1', '--json');
    expect(json.plan.preview).toMatchObject({ events: 3, not_tried: 2 });
    expect(json.warnings[0]).toBe('2 events were counted but not tried (--preview-limit).');
  });

  it('cuts a long range into pieces', async () => {
    await audited();
    const { json } = await replay('--piece-hours', '1', '--json');
    expect(json.plan.pieces).toEqual([
      {
        name: 'huntaze-dev-20261120T120000-1',
        from: '2026-11-20T09:00:00.000Z',
        to: '2026-11-20T10:00:00.000Z',
        state: 'todo',
        why: null,
      },
      {
        name: 'huntaze-dev-20261120T120000-2',
        from: '2026-11-20T10:00:00.000Z',
        to: '2026-11-20T11:00:00.000Z',
        state: 'todo',
        why: null,
      },
    ]);
  });

  it('has nothing to do where the audit holds nothing', async () => {
    const { code, out } = await replay('--apply');
    expect(code).toBe(0);
    expect(out).toContain('The audit bucket holds no event of that range for these rules.');
    expect(pipeline.aws.replays.size).toBe(0);
  });
});

describe('the act', () => {
  it("replays from the archive to the bus, to the workers' rules only, and reports how the events ended", async () => {
    await audited();
    const line = (event_type: string, outcome: string, more: object = {}) => ({
      message: 'event settled',
      replay_name: 'huntaze-dev-20261120T120000-1',
      event_type,
      outcome,
      ...more,
    });
    pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-billing-dev', [
      line('customer.subscription.updated', 'applied'),
      line('customer.subscription.created', 'stale'),
      line('invoice.paid', 'parked', { reason: 'unreadable_event' }),
      line('invoice.paid', 'applied', { replay_name: 'another-20261120T120000-1' }),
      line('invoice.paid', 'applied', { message: 'event deferred' }),
    ]);
    pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-payments-dev', [line('payment_intent.succeeded', 'duplicate')]);
    const { code, json } = await replay('--apply', '--json');
    expect([...pipeline.aws.replays].map(([name, { request }]) => [name, request])).toEqual([
      [
        'huntaze-dev-20261120T120000-1',
        expect.objectContaining({
          EventSourceArn: pipeline.outputs.ArchiveArn,
          EventStartTime: Date.parse('2026-11-20T09:00:00Z') / 1000,
          EventEndTime: Date.parse('2026-11-20T11:00:00Z') / 1000,
          Destination: {
            Arn: pipeline.outputs.StripeEventBusArn,
            FilterArns: [pipeline.outputs.PaymentsRuleArn, pipeline.outputs.BillingRuleArn],
          },
        }),
      ],
    ]);
    expect(code).toBe(1);
    expect(json.found).toEqual(['1 were parked: `npm run ops -- redrive --env dev` shows why.']);
    expect(json.result).toMatchObject({
      run: 'huntaze-dev-20261120T120000',
      ended: 'finished',
      pieces: [{ state: 'completed' }],
      outcomes: {
        settled: 4,
        by_outcome: { applied: 1, stale: 1, parked: 1, duplicate: 1 },
        by_type: {
          'customer.subscription.updated': { applied: 1 },
          'customer.subscription.created': { stale: 1 },
          'invoice.paid': { parked: 1 },
          'payment_intent.succeeded': { duplicate: 1 },
        },
        parked_because: { unreadable_event: 1 },
      },
    });
  });

  it('runs no more side by side than told, and never more than the account may', async () => {
    await audited();
    pipeline.aws.replayLife = ['RUNNING', 'RUNNING', 'RUNNING', 'COMPLETED'];
    for (let n = 0; n < 9; n++) pipeline.aws.replays.set(`of-others-${n}`, { request: {}, states: ['RUNNING'] });
    let most = 0;
    pipeline.waiting({
      wait: async () => {
        const mine = [...pipeline.aws.replays].filter(
          ([name, { states }]) => name.startsWith('huntaze') && states.length > 1,
        );
        most = Math.max(most, mine.length);
        return false;
      },
    });
    const { json } = await replay('--piece-hours', '1', '--at-once', '10', '--apply', '--json');
    expect(json.result.pieces.map(({ state }: { state: string }) => state)).toEqual(['completed', 'completed']);
    expect(most).toBe(1);
  });

  it('waits until the workers have settled what was replayed', async () => {
    await audited();
    await pipeline.send('BillingQueueUrl', '{}');
    const said: string[] = [];
    pipeline.waiting({
      progress: (_done, what) => said.push(what),
      wait: async () => {
        if (said.includes("replayed; 1 in the workers' queues"))
          await pipeline.sqs.send(
            new (await import('@aws-sdk/client-sqs')).PurgeQueueCommand({
              QueueUrl: pipeline.outputs.BillingQueueUrl!,
            }),
          );
        return false;
      },
    });
    expect((await replay('--apply')).code).toBe(0);
    expect(said).toContain("replayed; 1 in the workers' queues");
    expect(said.at(-1)).toBe("replayed; 0 in the workers' queues");
  });

  it('leaves out what was discarded, and takes out of the failed queue again what comes back of it', async () => {
    await audited();
    const bad = envelope({ id: 'evt_bad', type: 'invoice.paid', created: started } as never, {
      source,
      time: '2026-11-20T10:02:00Z',
    });
    await pipeline.audit('2026/11/20/10/c.ndjson.gz', [bad]);
    const parked = { reason: 'unreadable_event', event_id: 'evt_bad', event_type: 'invoice.paid' };
    await pipeline.send('BillingFailedQueueUrl', bad, parked);
    const file = join(pipeline.folder, 'discarded.ndjson');
    await pipeline.run('redrive', '--discard', '--file', file, '--apply');

    const plan = await replay('--skip', file, '--json');
    expect(plan.json.plan).toMatchObject({ skipped: 1, preview: { events: 3, parked_because: {} } });
    const { json } = await replay('--json');
    expect(json.plan.preview).toMatchObject({ events: 4, parked_because: { unreadable_event: 1 } });

    // The replay parks it again; so did a live delivery, which is somebody's to look at.
    const again = JSON.stringify({ ...JSON.parse(bad), 'replay-name': 'huntaze-dev-20261120T120000-1' });
    await pipeline.send('BillingFailedQueueUrl', again, parked);
    await pipeline.send('BillingFailedQueueUrl', bad, parked);
    pipeline.aws.logs.set('/aws/lambda/huntaze-stripe-billing-dev', [
      {
        message: 'event settled',
        replay_name: 'huntaze-dev-20261120T120000-1',
        event_type: 'invoice.paid',
        outcome: 'parked',
        reason: 'unreadable_event',
      },
    ]);
    const done = await replay('--skip', file, '--apply', '--json');
    expect(done.json.result.taken_out).toBe(1);
    expect(done.json.found).toEqual([]);
    expect(done.code).toBe(0);
    expect((await pipeline.take('BillingFailedQueueUrl')).map(({ body }) => body)).toEqual([bad]);
  });

  it('refuses a file that no discard wrote, naming the line', async () => {
    const file = join(pipeline.folder, 'notes.txt');
    writeFileSync(file, '{"event_id":"evt_1"}\nevt_2\n');
    const { code, err } = await replay('--skip', file);
    expect(code).toBe(2);
    expect(err).toContain(`${file}, line 2: not what \`redrive --discard\` writes`);
    expect((await replay('--skip', '/nowhere')).err).toContain('Cannot read /nowhere');
  });

  it('goes on where a failed piece stopped, under a name of its own', async () => {
    await audited();
    pipeline.aws.replayLife = ['FAILED'];
    const failed = await replay('--piece-hours', '1', '--apply');
    expect(failed.code).toBe(1);
    expect(failed.out).toContain('huntaze-dev-20261120T120000-1 failed: the key of the archive is gone.');
    expect(JSON.parse(readFileSync(stateFile(), 'utf8')).pieces).toHaveLength(2);

    pipeline.aws.replayLife = ['COMPLETED'];
    const plan = await replay('--piece-hours', '1');
    expect(plan.out).toContain('Goes on with huntaze-dev-20261120T120000: 0 of 2 pieces are done');
    const { code, json } = await replay('--piece-hours', '1', '--apply', '--json');
    expect(code).toBe(0);
    expect(json.result.pieces.map(({ name }: { name: string }) => name)).toEqual([
      'huntaze-dev-20261120T120000-1r2',
      'huntaze-dev-20261120T120000-2r2',
    ]);
  });

  it('takes up a piece that it started and could not note', async () => {
    await audited();
    pipeline.aws.replays.set('huntaze-dev-20261120T120000-1', { request: {}, states: ['COMPLETED'] });
    expect((await replay('--apply')).code).toBe(0);
  });

  it('cancels what runs when the person says so, and goes on later', async () => {
    await audited();
    pipeline.aws.replayLife = ['RUNNING'];
    pipeline.waiting({ wait: async () => true, ask: async () => 'cancel' });
    const { code, out } = await replay('--apply');
    expect(code).toBe(1);
    expect(out).toContain('Cancelled. Run the same command again to go on with what is left.');
    expect(pipeline.aws.asked).toContain('CancelReplay');
    pipeline.aws.replayLife = ['COMPLETED'];
    pipeline.waiting({});
    expect((await replay('--apply')).code).toBe(0);
    expect([...pipeline.aws.replays.keys()]).toEqual([
      'huntaze-dev-20261120T120000-1',
      'huntaze-dev-20261120T120000-1r2',
    ]);
  });

  it('leaves what runs when the person goes, and looks at it again later', async () => {
    await audited();
    pipeline.aws.replayLife = ['RUNNING', 'RUNNING', 'COMPLETED'];
    pipeline.waiting({ wait: async () => true, ask: async () => 'leave' });
    expect((await replay('--apply')).out).toContain('The replays run on without us.');
    expect(pipeline.aws.asked).not.toContain('CancelReplay');
    pipeline.waiting({});
    expect((await replay('--apply')).code).toBe(0);
    expect(pipeline.aws.replays.size).toBe(1);
  });
});

describe('the refusal', () => {
  it.each([
    [
      'a range that ends less than ten minutes ago',
      ['--from', '2026-11-20T09:00:00Z', '--to', '2026-11-20T11:50:01Z'],
      /Use --to 2026-11-20T11:50:00Z or earlier, or wait; --allow-recent/,
    ],
    [
      'a range that ends before it begins',
      ['--from', '2026-11-20T10:00:00Z', '--to', '2026-11-20T09:00:00Z'],
      /is not before --to/,
    ],
    ['a range in the future', ['--from', '2026-12-01T00:00:00Z', '--to', '2026-12-02T00:00:00Z'], /is in the future/],
    [
      'a range before the archive',
      ['--from', '2020-01-01T00:00:00Z', '--to', '2020-01-02T00:00:00Z'],
      /The archive holds nothing before 2023-11-14/,
    ],
  ])('refuses %s', async (_what, args, message) => {
    const { code, err } = await pipeline.run('replay', ...args, '--apply');
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(pipeline.aws.replays.size).toBe(0);
  });

  it('refuses a range that the archive has let go of', async () => {
    pipeline.aws.archive.RetentionDays = 7;
    const { err } = await pipeline.run('replay', '--from', '2026-11-01T00:00:00Z', '--to', '2026-11-02T00:00:00Z');
    expect(err).toContain('The archive holds nothing before 2026-11-13T12:00:00.000Z.');
  });

  it('takes recent events when told to', async () => {
    await pipeline.audit('2026/11/20/11/a.ndjson.gz', [
      envelope(event('evt_1', 'invoice.paid', started, invoice()), { source, time: '2026-11-20T11:55:00Z' }),
    ]);
    expect(
      (await pipeline.run('replay', '--from', '2026-11-20T09:00:00Z', '--to', '2026-11-20T11:59:00Z', '--allow-recent'))
        .code,
    ).toBe(0);
  });

  it('says so when the database cannot be reached for the preview, and does without when told to', async () => {
    await audited();
    pipeline.aws.secret = JSON.stringify({
      DATABASE_URL: 'postgres://stripe_writer@127.0.0.1:1/postgres',
      STRIPE_SECRET_KEY: '',
    });
    const { code, err } = await replay();
    expect(code).toBe(2);
    expect(err).toMatch(/cannot be reached/);
    expect((await replay('--no-preview', '--apply')).code).toBe(0);
  });

  it('refuses a state file that it cannot read', async () => {
    await pipeline.run('redrive');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(stateFile(), 'not json');
    const { code, err } = await replay('--no-preview');
    expect(code).toBe(2);
    expect(err).toContain('Delete it to begin anew');
    expect((await replay('--no-preview', '--fresh', '--apply')).code).toBe(0);
  });
});
