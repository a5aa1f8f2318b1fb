import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
afterEach(() => pipeline.close());

describe('pause and resume', () => {
  beforeEach(async () => {
    pipeline = await startPipeline();
  });

  it('shows what would stop and until when nothing is lost, and stops nothing', async () => {
    pipeline.at(new Date('2026-11-21T10:00:00Z'));
    await pipeline.send('BillingQueueUrl', '{}');
    pipeline.aws.metrics.set('ApproximateAgeOfOldestMessage/huntaze-stripe-billing-dev', [
      { at: new Date('2026-11-21T09:59:00Z'), value: 86_400 },
    ]);
    const { code, json } = await pipeline.run('pause', 'billing', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      verb: 'pause',
      environment: 'dev',
      applied: false,
      result: null,
      found: [],
      steps: ['Disable the event source mapping of billing; its queue keeps what arrives.'],
      // 14 days of retention, less the day that the oldest message has waited
      plan: {
        workers: [
          {
            worker: 'billing',
            state: 'Enabled',
            waiting: 1,
            in_flight: 0,
            oldest_s: 86_400,
            safe_until: '2026-12-04T10:00:00.000Z',
          },
        ],
      },
    });
    expect(pipeline.aws.mappings.get('mapping-billing')!.State).toBe('Enabled');
  });

  it('stops the named worker, waits until Lambda says so, and leaves the others', async () => {
    const { code, out } = await pipeline.run('pause', 'billing', '--apply');
    expect(code).toBe(0);
    expect(out).toMatch(/billing +Disabled/);
    expect([...pipeline.aws.mappings.values()].map(({ State }) => State)).toEqual(['Enabled', 'Disabled', 'Enabled']);
  });

  it('stops all when none is named, and resumes all', async () => {
    await pipeline.run('pause', '--apply');
    expect([...pipeline.aws.mappings.values()].map(({ State }) => State)).toEqual(['Disabled', 'Disabled', 'Disabled']);
    const { code, out } = await pipeline.run('resume', '--apply');
    expect(code).toBe(0);
    expect(out).toContain('Enable the event source mapping of payments; 0 messages wait in its queue.');
    expect([...pipeline.aws.mappings.values()].map(({ State }) => State)).toEqual(['Enabled', 'Enabled', 'Enabled']);
  });

  it('has nothing to do when a worker is paused already', async () => {
    pipeline.aws.mappings.get('mapping-audit')!.State = 'Disabled';
    const { code, out } = await pipeline.run('pause', 'audit', '--apply');
    expect(code).toBe(0);
    expect(out).toContain('Nothing to do.');
    expect(pipeline.aws.asked).not.toContain('PUT event-source-mappings/mapping-audit');
  });
});

describe('in prod', () => {
  beforeEach(async () => {
    pipeline = await startPipeline('prod');
  });

  it('does nothing unless the environment is typed', async () => {
    pipeline.answering('production');
    const { code, err } = await pipeline.run('pause', '--apply');
    expect(code).toBe(2);
    expect(err).toContain('Not confirmed; nothing was changed.');
    expect(pipeline.aws.mappings.get('mapping-billing')!.State).toBe('Enabled');
  });

  it('does it once the environment is typed', async () => {
    pipeline.answering('prod');
    expect((await pipeline.run('pause', 'billing', '--apply')).code).toBe(0);
    expect(pipeline.aws.mappings.get('mapping-billing')!.State).toBe('Disabled');
  });

  it('refuses where nobody can be asked, and takes --yes for the answer', async () => {
    const { code, json } = await pipeline.run('pause', '--apply', '--json');
    expect(code).toBe(2);
    expect(json.error.code).toBe('confirmation_needed');
    expect((await pipeline.run('pause', 'billing', '--apply', '--yes')).code).toBe(0);
    expect(pipeline.aws.mappings.get('mapping-billing')!.State).toBe('Disabled');
  });
});

describe('rollback', () => {
  beforeEach(async () => {
    pipeline = await startPipeline();
    pipeline.stripe.destinations.set('ed_test_1', {
      id: 'ed_test_1',
      object: 'v2.core.event_destination',
      name: 'x',
      description: '',
      type: 'amazon_eventbridge',
      event_payload: 'snapshot',
      snapshot_api_version: '2026-10-28.endive',
      enabled_events: [],
      status: 'enabled',
      livemode: false,
      created: '',
      updated: '',
      amazon_eventbridge: {
        aws_account_id: '123456789012',
        aws_event_source_arn: 'arn:aws:events:eu-central-1::event-source/aws.partner/stripe.com/ed_test_1',
        aws_event_source_status: 'active',
      },
    });
  });

  it('shows the stop and the way back, and changes nothing', async () => {
    const { code, out } = await pipeline.run('rollback');
    expect(code).toBe(0);
    expect(out).toContain('The way back');
    expect(out).toContain('npm run ops -- resume payments --apply --env dev');
    expect(pipeline.aws.mappings.get('mapping-billing')!.State).toBe('Enabled');
  });

  it('stops the workers, goes on auditing, and leaves Stripe alone', async () => {
    expect((await pipeline.run('rollback', '--apply')).code).toBe(0);
    expect([...pipeline.aws.mappings.values()].map(({ State }) => State)).toEqual(['Disabled', 'Disabled', 'Enabled']);
    expect(pipeline.stripe.destinations.get('ed_test_1')!.status).toBe('enabled');
  });

  it('makes Stripe stop too when asked, and says that this loses events and how to find them', async () => {
    const { code, out } = await pipeline.run('rollback', '--disable-destination', '--apply');
    expect(code).toBe(0);
    expect(out).toContain('Events of that time are lost to the bus');
    expect(out).toContain('npm run ops -- reconcile --apply --env dev');
    expect(pipeline.stripe.destinations.get('ed_test_1')!.status).toBe('disabled');
  });

  it('refuses an option it does not know', async () => {
    expect((await pipeline.run('rollback', '--hard')).code).toBe(2);
  });
});
