import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { pipelineNames } from '../names.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';

/**
 * Pages within minutes when somebody stops the pipeline by hand: disables or deletes a rule, mapping, queue, archive, bus or bucket,
 * or changes a function (the key: `lib/key-loss-notice.ts`). CloudFormation's own changes are left out: those are deployments.
 *
 * It hears only what a CloudTrail trail of the account records (management events). Without one it hears nothing, and `nothing-settled`,
 * `rule-disabled`, `undelivered` and the reconcile run notice what the change does, minutes to an hour later.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export class HandMadeChanges extends Construct {
  constructor(scope: Construct, id: string, pipeline: WatchedPipeline, page: Topic) {
    super(scope, id);
    const { appName, environment } = pipeline.settings;
    new Rule(this, 'Rule', {
      ruleName: pipelineNames(pipeline.settings).handMadeChangesRule,
      description: 'Pages when somebody stops or changes a part of the pipeline by hand (needs a CloudTrail trail)',
      eventPattern: {
        detailType: ['AWS API Call via CloudTrail'],
        detail: {
          // A refused call changed nothing.
          errorCode: [{ exists: false }],
          sourceIPAddress: [{ 'anything-but': ['cloudformation.amazonaws.com', 'AWS Internal'] }],
          $or: changesOf(pipeline),
        },
      },
      targets: [
        new SnsTopic(page, {
          message: RuleTargetInput.fromText(
            `${EventField.fromPath('$.detail.eventName')} was called by hand on a part of ${appName}-stripe-${environment}, by ${EventField.fromPath('$.detail.userIdentity.arn')} at ${EventField.fromPath('$.detail.eventTime')}. If nobody meant it: npm run ops -- doctor --env ${environment} names what is wrong and the command that restores it. A pause that somebody meant ends with npm run ops -- resume --env ${environment} --apply.`,
          ),
        }),
      ],
    });
  }
}

/** Each kind of call, and how CloudTrail names the part that it is about. */
function changesOf({ settings, sources, auditBucketName, workers }: WatchedPipeline): object[] {
  const names = pipelineNames(settings);
  const buses = sources.map(({ name }) => name);
  const ours = (whose: string) => `*${settings.appName}-stripe-${whose}-${settings.environment}*`;
  const mappings = workers.map(({ mapping }) => mapping.eventSourceMappingId);
  const mapping = [{ prefix: 'DeleteEventSourceMapping' }, { prefix: 'UpdateEventSourceMapping' }];
  // Names of Lambda's calls carry the date of its API: UpdateFunctionCode20150331v2.
  const functionCalls = [
    'UpdateFunctionCode',
    'UpdateFunctionConfiguration',
    'DeleteFunction',
    'PutFunctionConcurrency',
  ];
  const ruleCalls = ['DisableRule', 'DeleteRule', 'RemoveTargets', 'PutRule', 'PutTargets'];
  return [
    { eventName: ruleCalls, requestParameters: { eventBusName: buses.map((suffix) => ({ suffix })) } },
    { eventName: ruleCalls, requestParameters: { name: [names.reconcileRule, names.clockRule] } },
    { eventName: ['DeleteEventBus'], requestParameters: { name: buses } },
    {
      eventName: ['DeleteArchive', 'UpdateArchive'],
      requestParameters: { archiveName: sources.map(({ archiveName }) => archiveName) },
    },
    {
      eventName: ['DeleteQueue', 'PurgeQueue', 'SetQueueAttributes'],
      requestParameters: { queueUrl: [{ wildcard: ours('*') }] },
    },
    // A trail writes the id as `uUID`; both spellings are seen in the field.
    ...['uUID', 'uuid'].map((name) => ({
      eventName: mapping,
      requestParameters: { [name]: mappings, enabled: [false, { exists: false }] },
    })),
    {
      eventName: functionCalls.map((prefix) => ({ prefix })),
      requestParameters: { functionName: [{ wildcard: ours('*') }] },
    },
    { eventName: ['DeleteBucket'], requestParameters: { bucketName: [auditBucketName] } },
  ];
}
