import type { Synthesised, Template } from '../../local/cloudformation/synthesise.ts';

/** The smallest template that the local run takes: a partner bus with its archive, a rule, a queue with its dead letters, a worker. */
export function minimalTemplate(): Template {
  return {
    Resources: {
      Bus: {
        Type: 'AWS::Events::EventBus',
        Properties: { Name: 'aws.partner/stripe.com/ed_x', EventSourceName: 'aws.partner/stripe.com/ed_x' },
      },
      AppBus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'plans' } },
      Archive: {
        Type: 'AWS::Events::Archive',
        Properties: { ArchiveName: 'all', SourceArn: { 'Fn::GetAtt': ['Bus', 'Arn'] }, RetentionDays: 0 },
      },
      Rule: {
        Type: 'AWS::Events::Rule',
        Properties: {
          Name: 'billing-rule',
          EventBusName: { Ref: 'Bus' },
          EventPattern: { 'detail-type': ['invoice.paid'] },
          State: 'ENABLED',
          Targets: [
            {
              Id: 'Target0',
              Arn: { 'Fn::GetAtt': ['Work', 'Arn'] },
              DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['Undelivered', 'Arn'] } },
              RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 2 },
            },
          ],
        },
      },
      Hourly: {
        Type: 'AWS::Events::Rule',
        Properties: {
          Name: 'hourly',
          ScheduleExpression: 'rate(1 hour)',
          State: 'ENABLED',
          Targets: [{ Id: 'Target0', Arn: { 'Fn::GetAtt': ['Comparer', 'Arn'] } }],
        },
      },
      Work: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: 'work',
          VisibilityTimeout: 180,
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Failed', 'Arn'] }, maxReceiveCount: 200 },
          SqsManagedSseEnabled: true,
        },
      },
      Failed: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'failed' } },
      Undelivered: { Type: 'AWS::SQS::Queue', Properties: {} },
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: 'worker',
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Code: { S3Bucket: 'assets', S3Key: 'abc.zip' },
          Timeout: 30,
          Environment: {
            Variables: {
              WORK_QUEUE_URL: { Ref: 'Work' },
              IDEMPOTENCY_TABLE: 'idempotency',
              WHERE: { 'Fn::Join': ['/', ['queues', { 'Fn::GetAtt': ['Failed', 'QueueName'] }]] },
            },
          },
        },
      },
      Comparer: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: 'comparer',
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Code: { S3Bucket: 'assets', S3Key: 'def.zip' },
          Timeout: 900,
        },
      },
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          FunctionName: { Ref: 'Worker' },
          EventSourceArn: { 'Fn::GetAtt': ['Work', 'Arn'] },
          BatchSize: 10,
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          ScalingConfig: { MaximumConcurrency: 5 },
        },
      },
      Role: { Type: 'AWS::IAM::Role', Properties: {} },
    },
  };
}

export const synthesised = (template: Template): Synthesised => ({
  stackName: 'stack',
  template,
  assetFolder: (key) => `/assets/${key}`,
});
