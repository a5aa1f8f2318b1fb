import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { WatchedPipeline } from '../watched-pipeline.ts';

/**
 * Two topics, so that a pager can listen to one of them: `page` gets only what wakes someone, `notices` every alarm with its details.
 *
 * Never encrypted with the customer key: they report its loss, and alarms hold no secrets. CloudWatch cannot use the key that AWS
 * manages for SNS.
 */
export class AlarmTopics extends Construct {
  readonly page: Topic;
  readonly notices: Topic;

  constructor(scope: Construct, id: string, pipeline: WatchedPipeline) {
    super(scope, id);
    this.page = this.#topic('Page', 'page', pipeline);
    this.notices = this.#topic('Notices', 'notices', pipeline);
  }

  #topic(id: string, name: string, { settings }: WatchedPipeline): Topic {
    const topic = new Topic(this, id, {
      topicName: `${settings.appName}-stripe-${name}-${settings.environment}`,
      enforceSSL: true,
    });
    // A topic with any policy of its own loses the default one, which let this account's alarms publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        actions: ['sns:Publish'],
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (settings.alarmEmail) topic.addSubscription(new EmailSubscription(settings.alarmEmail));
    return topic;
  }
}
