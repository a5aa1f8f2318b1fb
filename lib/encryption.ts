import { Duration, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { pipelineNames } from './names.ts';
import { removalPolicyOf } from './removal.ts';
import type { Settings } from './settings.ts';

/**
 * The customer key of one deployment, and every grant that a service needs on it.
 *
 * The grants stand here together because several are easy to miss and none of them is missed by synth: without one of
 * them a deployment succeeds and events are lost. The buses and the archive add their own, under the condition that the
 * encryption context names their bus.
 */
export class PipelineKey extends Key {
  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id, {
      alias: pipelineNames(settings).keyAlias,
      description: `Encrypts what the Stripe pipeline of ${settings.appName} (${settings.environment}) stores`,
      enableKeyRotation: true,
      removalPolicy: removalPolicyOf(settings),
      ...(removalPolicyOf(settings) === RemovalPolicy.DESTROY && { pendingWindow: Duration.days(7) }),
    });
    this.letEventBridgeLookAtTheKey();
    this.letEventBridgeFillQueues(settings);
    this.letLogGroupsUseTheKey(settings);
    this.letConnectionsUseTheKey();
  }

  /** In a statement of its own: `DescribeKey` carries no encryption context, so the bus's condition never matches it. */
  private letEventBridgeLookAtTheKey() {
    this.allowService('events.amazonaws.com', ['kms:DescribeKey']);
  }

  /**
   * Targets and dead-letter queues of rules. CDK grants this for targets only.
   *
   * Bounded by what SQS says of itself, the queue's ARN in its encryption context, and not by `aws:SourceAccount`: what EventBridge
   * says of itself is documented to be missing in the sibling case, SNS, and if it were missing here all events were lost
   * (docs/decisions/0009-customer-key-and-eventbridge.md). Which rules may send is the queue policy's to say.
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
   */
  private letEventBridgeFillQueues({ appName, environment }: Settings) {
    const queue = (resource: string) => Stack.of(this).formatArn({ service: 'sqs', resource });
    this.allowService('events.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey*'], {
      ArnLike: {
        'kms:EncryptionContext:aws:sqs:arn': [
          queue(`${appName}-stripe-*-${environment}`),
          queue(`${appName}-stripe-*-${environment}.fifo`),
        ],
      },
    });
  }

  private letLogGroupsUseTheKey({ appName, environment }: Settings) {
    const { account, region, partition } = Stack.of(this);
    this.allowService(
      `logs.${region}.amazonaws.com`,
      ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:/aws/lambda/${appName}-stripe-*-${environment}`,
        },
      },
    );
  }

  /**
   * The role that EventBridge uses for API connections may use only keys with this tag.
   * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-connections.html
   */
  private letConnectionsUseTheKey() {
    Tags.of(this).add('EventBridgeApiDestinations', 'true');
  }

  private allowService(
    service: string,
    actions: string[],
    conditions: Record<string, Record<string, string | string[]>> = {},
  ) {
    this.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal(service)],
        actions,
        resources: ['*'],
        conditions,
      }),
    );
  }
}
