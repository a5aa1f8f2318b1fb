import { readBlueprint } from '../../local/cloudformation/blueprint.ts';
import type { Template } from '../../local/cloudformation/synthesise.ts';
import { queueConsumers } from '../../local/lambda/queue-consumers.ts';
import { minimalTemplate, synthesised } from './minimal-template.ts';

const read = (
  change: (resources: Record<string, { Type: string; Properties: Record<string, never> }>) => void = () => {},
) => {
  const template = minimalTemplate();
  change(template.Resources as never);
  return readBlueprint(synthesised(template), 'http://127.0.0.1:9');
};

/** A rule on the apps' bus that posts to an app. */
const apiResources = () => ({
  Connection: {
    Type: 'AWS::Events::Connection',
    Properties: {
      Name: 'app',
      AuthorizationType: 'API_KEY',
      AuthParameters: { ApiKeyAuthParameters: { ApiKeyName: 'x-api-key', ApiKeyValue: '{{resolve:…}}' } },
    },
  },
  Api: {
    Type: 'AWS::Events::ApiDestination',
    Properties: {
      Name: 'app',
      ConnectionArn: { 'Fn::GetAtt': ['Connection', 'Arn'] },
      HttpMethod: 'POST',
      InvocationEndpoint: 'https://app.example/plans',
      InvocationRateLimitPerSecond: 20,
    },
  },
  AppRule: {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: 'app-rule',
      EventBusName: { Ref: 'AppBus' },
      EventPattern: { source: ['plans'] },
      Targets: [
        {
          Id: 'Target0',
          Arn: { 'Fn::GetAtt': ['Api', 'Arn'] },
          RoleArn: 'arn:aws:iam::0:role/r',
          InputPath: '$.detail',
        },
      ],
    },
  },
});

describe('the blueprint', () => {
  it('says in our words what the template asks for', () => {
    const blueprint = read();
    expect(blueprint).toMatchObject({
      busName: 'aws.partner/stripe.com/ed_x',
      sourceName: 'aws.partner/stripe.com/ed_x',
      busNames: ['aws.partner/stripe.com/ed_x', 'plans'],
      archive: { name: 'all' },
      schedules: [{ name: 'hourly', enabled: true, everyMs: 3_600_000, functionName: 'comparer' }],
      rules: [
        {
          name: 'billing-rule',
          busName: 'aws.partner/stripe.com/ed_x',
          enabled: true,
          targets: [
            {
              queueArn: 'arn:aws:sqs:us-east-1:000000000000:work',
              deadLetterQueueArn: 'arn:aws:sqs:us-east-1:000000000000:stack-Undelivered',
              maximumRetryAttempts: 2,
              maximumEventAgeSeconds: 3600,
            },
          ],
        },
      ],
      functions: [
        {
          name: 'worker',
          codeFolder: '/assets/abc.zip',
          handler: 'index.handler',
          timeoutSeconds: 12,
          variables: {
            WORK_QUEUE_URL: 'http://127.0.0.1:9/000000000000/work',
            IDEMPOTENCY_TABLE: 'idempotency',
            WHERE: 'queues/failed',
          },
        },
        { name: 'comparer', timeoutSeconds: 900 },
      ],
      mappings: [
        { functionName: 'worker', enabled: true, batchSize: 10, reportsFailures: true, maximumConcurrency: 5 },
      ],
    });
  });

  it('keeps what a queue promises, but hides a message for seconds where the template says minutes', () => {
    const work = read().queues.find(({ name }) => name === 'work')!;
    expect(work.attributes).toEqual({
      VisibilityTimeout: '6',
      RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:failed","maxReceiveCount":200}',
    });
  });

  it('knows for each function that reads a queue: which, of what kind, and where its dead letters are', () => {
    const [consumer] = queueConsumers(read());
    expect(consumer).toMatchObject({
      kind: 'worker',
      failedQueueName: 'failed',
      deadLetterQueueNames: ['failed', 'stack-Undelivered'],
    });
  });

  it('reads a rule that posts to an app: what, where to, how fast, and with which header', () => {
    const blueprint = read((resources) => Object.assign(resources, apiResources()));
    expect(blueprint.rules[1]).toMatchObject({
      busName: 'plans',
      targets: [
        {
          apiDestinationArn: 'arn:aws:events:us-east-1:000000000000:api-destination/app',
          maximumRetryAttempts: 185,
          maximumEventAgeSeconds: 86_400,
        },
      ],
    });
    expect(blueprint.apiDestinations).toEqual([
      {
        name: 'app',
        arn: 'arn:aws:events:us-east-1:000000000000:api-destination/app',
        endpoint: 'https://app.example/plans',
        keyHeader: 'x-api-key',
        postsPerSecond: 20,
      },
    ]);
  });

  it.each<[string, (resources: Record<string, { Type: string; Properties: Record<string, never> }>) => void, RegExp]>([
    [
      'an operator in a pattern',
      ({ Rule }) => Object.assign(Rule!.Properties, { EventPattern: { source: [{ regex: 'x' }] } }),
      /"source": unknown operator "regex"/,
    ],
    [
      'a target of a kind',
      ({ Rule }) => Object.assign(Rule!.Properties, { Targets: [{ Id: 'T', Arn: 'arn:aws:states:::stateMachine:x' }] }),
      /target T of rule billing-rule is neither a queue nor an API destination/,
    ],
    [
      'a target that rewrites its input',
      ({ Rule }) => Object.assign(Rule!.Properties.Targets!['0']!, { InputTransformer: {} }),
      /target Target0 of rule billing-rule has InputTransformer/,
    ],
    [
      'a state of a rule',
      ({ Rule }) => Object.assign(Rule!.Properties, { State: 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS' }),
      /rule billing-rule has the state/,
    ],
    [
      'a filter on a mapping',
      ({ Mapping }) => Object.assign(Mapping!.Properties, { FilterCriteria: {} }),
      /mapping Mapping has FilterCriteria/,
    ],
    [
      'an attribute of a queue',
      ({ Work }) => Object.assign(Work!.Properties, { Lifetime: 5 }),
      /queue work has Lifetime/,
    ],
    ['a pipe', (resources) => Object.assign(resources, { Pipe: { Type: 'AWS::Pipes::Pipe' } }), /AWS::Pipes::Pipe/],
    [
      'an API destination that logs in another way',
      (resources) => {
        const { Connection, ...others } = apiResources();
        Object.assign(resources, others, { Connection: { ...Connection, Properties: { AuthorizationType: 'BASIC' } } });
      },
      /API destination app, which is not a POST with a key/,
    ],
    [
      'what an API destination is sent',
      (resources) => {
        const { AppRule, ...others } = apiResources();
        Object.assign(AppRule!.Properties.Targets[0]!, { InputPath: '$' });
        Object.assign(resources, others, { AppRule });
      },
      /posts "\$" instead of "\$\.detail"/,
    ],
    [
      'a schedule by the calendar',
      ({ Hourly }) => Object.assign(Hourly!.Properties, { ScheduleExpression: 'cron(0 8 * * ? *)' }),
      /schedule hourly runs by "cron/,
    ],
    [
      'a schedule for two functions',
      ({ Hourly }) => Object.assign(Hourly!.Properties, { Targets: [] }),
      /schedule hourly has other targets than one function/,
    ],
    [
      'a bus without a partner',
      ({ Bus }) => Reflect.deleteProperty(Bus!.Properties, 'EventSourceName'),
      /nowhere for Stripe to send to/,
    ],
    [
      'an intrinsic function',
      ({ Worker }) => Object.assign(Worker!.Properties, { Handler: { 'Fn::Base64': 'x' } }),
      /Fn::Base64/,
    ],
    [
      'a function in another language',
      ({ Worker }) => Object.assign(Worker!.Properties, { Runtime: 'python3.13' }),
      /worker runs on python3\.13/,
    ],
  ])('stops at %s that it does not know, and says where', (_what, change, message) => {
    expect(() => read(change)).toThrow(message);
  });

  it('stops at a function behind a queue that is neither a worker nor the audit', () => {
    const template: Template = minimalTemplate();
    Object.assign(template.Resources.Worker!.Properties!, { Environment: { Variables: {} } });
    expect(() => queueConsumers(readBlueprint(synthesised(template), 'http://127.0.0.1:9'))).toThrow(
      /worker, which is neither/,
    );
  });
});
