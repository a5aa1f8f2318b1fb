import { Duration, Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { pipelineNames } from '../names.ts';
import type { WatchedPipeline } from '../watched-pipeline.ts';

/**
 * Says when a deployment ended, and how: the first question of most nights is whether somebody deployed. CloudFormation sends this by
 * itself; no trail is needed. How often the rule fired is also the mark of deployments on the dashboard.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks-event-bridge.html
 */
export class DeploymentNotice extends Construct {
  constructor(scope: Construct, id: string, pipeline: WatchedPipeline, notices: Topic) {
    super(scope, id);
    const { stackName, stackId } = Stack.of(this);
    new Rule(this, 'Rule', {
      ruleName: pipelineNames(pipeline.settings).deploymentRule,
      description: `Says when a deployment of ${stackName} ended, and marks it on the dashboard`,
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [stackId],
          'status-details': {
            status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'UPDATE_ROLLBACK_FAILED'],
          },
        },
      },
      targets: [
        new SnsTopic(notices, {
          message: RuleTargetInput.fromText(
            `A deployment of ${stackName} ended at ${EventField.time}: ${EventField.fromPath('$.detail.status-details.status')}.`,
          ),
        }),
      ],
    });
  }
}

/** How many deployments ended. A rule on the default bus reports under its name alone. */
export const deployments = ({ settings }: WatchedPipeline): Metric =>
  new Metric({
    namespace: 'AWS/Events',
    metricName: 'TriggeredRules',
    dimensionsMap: { RuleName: pipelineNames(settings).deploymentRule },
    statistic: 'Maximum',
    period: Duration.minutes(5),
    label: 'deployment',
    color: '#000000',
  });
