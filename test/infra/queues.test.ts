import { queueFed } from '../../core/workers.ts';
import { deployments, idIn, synthesise } from './synthesis.ts';

const queuesOf = (context: Record<string, unknown>) => synthesise(context).all('AWS::SQS::Queue');

describe('every queue', () => {
  it.each(deployments)('keeps messages for 14 days, encrypted, and takes TLS only (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const [, queue] of queuesOf(context)) {
      const { MessageRetentionPeriod, SqsManagedSseEnabled, KmsMasterKeyId, QueueName } = queue.Properties;
      expect(MessageRetentionPeriod).toBe(14 * 24 * 60 * 60);
      expect([QueueName, SqsManagedSseEnabled === true || KmsMasterKeyId !== undefined]).toEqual([QueueName, true]);
      expect(synthesis.statementsOfQueue(queue)).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sqs:*',
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
    }
  });

  it.each(deployments)('has a name within the limit of 80 characters (%s)', (_, context) => {
    for (const [, { Properties }] of queuesOf(context)) expect(Properties.QueueName.length).toBeLessThanOrEqual(80);
  });

  it('is one that the names foresee', () => {
    expect(queuesOf({}).map(([, { Properties }]) => Properties.QueueName)).toEqual([
      'huntaze-stripe-payments-undelivered-dev',
      'huntaze-stripe-payments-failed-dev',
      'huntaze-stripe-payments-dev',
      'huntaze-stripe-billing-undelivered-dev',
      'huntaze-stripe-billing-failed-dev',
      'huntaze-stripe-billing-dev',
      'huntaze-stripe-audit-undelivered-dev',
      'huntaze-stripe-audit-failed-dev.fifo',
      'huntaze-stripe-audit-dev.fifo',
      'huntaze-stripe-reconcile-failed-dev',
    ]);
  });
});

describe('a queue that a function reads', () => {
  it.each(deployments)('has a queue of its own kind for what failed (%s)', (_, context) => {
    const synthesis = synthesise(context);
    const mappings = synthesis.all('AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(queueFed.length);
    for (const [, mapping] of mappings) {
      const queue = synthesis.referred(mapping.Properties.EventSourceArn);
      const failed = synthesis.referred(queue.Properties.RedrivePolicy.deadLetterTargetArn);
      expect(failed.Properties.FifoQueue).toBe(queue.Properties.FifoQueue);
    }
  });

  it.each(deployments)('hides a message for six times as long as the function may take (%s)', (_, context) => {
    const synthesis = synthesise(context);
    for (const [, mapping] of synthesis.all('AWS::Lambda::EventSourceMapping')) {
      const { Timeout } = synthesis.referred(mapping.Properties.FunctionName).Properties;
      const { VisibilityTimeout } = synthesis.referred(mapping.Properties.EventSourceArn).Properties;
      expect([Timeout, VisibilityTimeout]).toEqual([30, 180]);
    }
  });

  it.each(deployments)(
    'gives up to ten messages, takes failures back one by one, and never floods Postgres (%s)',
    (_, context) => {
      for (const [, { Properties }] of synthesise(context).all('AWS::Lambda::EventSourceMapping')) {
        expect(Properties.BatchSize).toBe(10);
        expect(Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
        expect(Properties.ScalingConfig.MaximumConcurrency).toBeGreaterThanOrEqual(2);
        // Two drain the audit queue together, and never speak to Postgres.
        expect([2, 5]).toContain(Properties.ScalingConfig.MaximumConcurrency);
      }
    },
  );

  it('waits about two days for Supabase, and an hour for S3, before a message counts as failed', () => {
    const attempts = (name: string) => synthesise().queue(name).Properties.RedrivePolicy.maxReceiveCount;
    expect(attempts('huntaze-stripe-payments-dev')).toBe(200);
    expect(attempts('huntaze-stripe-billing-dev')).toBe(200);
    expect(attempts('huntaze-stripe-audit-dev.fifo')).toBe(21);
  });

  it('is one FIFO queue for the audit trail, with content for an identity and the full rate per group', () => {
    for (const name of ['huntaze-stripe-audit-dev.fifo', 'huntaze-stripe-audit-failed-dev.fifo']) {
      expect(synthesise().queue(name).Properties).toMatchObject({
        FifoQueue: true,
        ContentBasedDeduplication: true,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
      });
    }
  });
});

it('takes the runs of reconcile that failed, from the schedule and from the function', () => {
  const synthesis = synthesise();
  const id = synthesis.idOf(synthesis.queue('huntaze-stripe-reconcile-failed-dev'));
  const invoke = synthesis.one('AWS::Lambda::EventInvokeConfig').Properties;
  expect(idIn(invoke.DestinationConfig.OnFailure.Destination)).toBe(id);
  for (const every of ['rate(1 hour)', 'rate(5 minutes)']) {
    const schedule = synthesis.one('AWS::Events::Rule', ({ ScheduleExpression }) => ScheduleExpression === every);
    expect(idIn(schedule.Properties.Targets[0].DeadLetterConfig.Arn)).toBe(id);
  }
});
