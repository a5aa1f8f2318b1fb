import { readBlueprint } from '../../local/cloudformation/blueprint.ts';
import type { Template } from '../../local/cloudformation/synthesise.ts';
import { workLines } from '../../local/work-lines.ts';
import { minimalTemplate, synthesised } from './minimal-template.ts';

const read = (
  change: (resources: Record<string, { Type: string; Properties: Record<string, never> }>) => void = () => {},
) => {
  const template = minimalTemplate();
  change(template.Resources as never);
  return readBlueprint(synthesised(template), 'http://127.0.0.1:9');
};

describe('the blueprint', () => {
  it('says in our words what the template asks for', () => {
    const blueprint = read();
    expect(blueprint).toMatchObject({
      busName: 'aws.partner/stripe.com/ed_x',
      sourceName: 'aws.partner/stripe.com/ed_x',
      busNames: ['aws.partner/stripe.com/ed_x', 'plans'],
      archive: { name: 'all' },
      schedules: ['hourly'],
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
          variables: { WORK_QUEUE_URL: 'http://127.0.0.1:9/000000000000/work', WHERE: 'queues/failed' },
        },
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

  it('knows for each function its queue, its kind, and where its events are lost to', () => {
    const [line] = workLines(read());
    expect(line).toMatchObject({
      kind: 'worker',
      failedQueueName: 'failed',
      deadLetterQueueNames: ['failed', 'stack-Undelivered'],
    });
  });

  it.each<[string, (resources: Record<string, { Type: string; Properties: Record<string, never> }>) => void, RegExp]>([
    [
      'an operator in a pattern',
      ({ Rule }) => Object.assign(Rule!.Properties, { EventPattern: { source: [{ regex: 'x' }] } }),
      /"source": unknown operator "regex"/,
    ],
    [
      'a target that is no queue',
      ({ Rule }) => Object.assign(Rule!.Properties, { Targets: [{ Id: 'T', Arn: 'arn:aws:states:::stateMachine:x' }] }),
      /target T of rule billing-rule is no queue/,
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
      'an API destination',
      (resources) => Object.assign(resources, { Api: { Type: 'AWS::Events::ApiDestination' } }),
      /AWS::Events::ApiDestination/,
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
    expect(() => workLines(readBlueprint(synthesised(template), 'http://127.0.0.1:9'))).toThrow(
      /worker, which is neither/,
    );
  });
});
