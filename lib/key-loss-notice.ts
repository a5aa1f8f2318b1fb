import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import type { Settings } from './settings.ts';
import { runbookPlace } from './watch/alarm-text.ts';

export interface KeyLossNoticeProps {
  readonly settings: Settings;
  readonly key: Key;
  /** Wakes someone; not encrypted with `key`, or it could not say that it is gone. */
  readonly page: Topic;
}

/**
 * Pages when somebody disables the customer key or schedules its deletion, minutes before the first event is lost to it.
 *
 * KMS's calls come to the default bus by CloudTrail: only where a trail records management events, as one does in most accounts. Without one
 * the alarm `undelivered-critical` is the first to notice.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export class KeyLossNotice extends Construct {
  constructor(scope: Construct, id: string, { settings, key, page }: KeyLossNoticeProps) {
    super(scope, id);
    const statement = new PolicyStatement({
      sid: 'KeyLossNotice',
      actions: ['sns:Publish'],
      // Without a condition: SNS takes none from EventBridge. What another rule could do with it is to page for nothing.
      principals: [new ServicePrincipal('events.amazonaws.com')],
      resources: [page.topicArn],
    });
    const { policyDependable } = page.addToResourcePolicy(statement);
    const rule = new Rule(this, 'Rule', {
      ruleName: pipelineNames(settings).keyLossRule,
      description: `Pages when the key of ${settings.appName} (${settings.environment}) is disabled or about to be deleted`,
      eventPattern: {
        source: ['aws.kms'],
        detailType: ['AWS API Call via CloudTrail'],
        detail: {
          eventName: ['DisableKey', 'ScheduleKeyDeletion'],
          // Both calls take the id or the ARN, and no alias.
          requestParameters: { keyId: [key.keyId, key.keyArn] },
          errorCode: [{ exists: false }],
        },
      },
      targets: [
        {
          bind: () => ({
            arn: page.topicArn,
            targetResource: page,
            input: RuleTargetInput.fromText(
              `${EventField.fromPath('$.detail.eventName')} was called on the key of the Stripe pipeline ${settings.appName} (${settings.environment}) by ${EventField.fromPath('$.detail.userIdentity.arn')} at ${EventField.fromPath('$.detail.eventTime')}. Within minutes no event can be stored. Undo it: aws kms cancel-key-deletion, aws kms enable-key --key-id ${pipelineNames(settings).keyAlias}. What to do: ${runbookPlace(settings, 'undelivered')}`,
            ),
          }),
        },
      ],
    });
    if (policyDependable) rule.node.addDependency(policyDependable);
  }
}
