import type { Stack } from 'aws-cdk-lib';
import type { IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IDependable } from 'constructs';

export interface QueueTargetProps {
  readonly queue: IQueue;
  /** Takes what EventBridge could not deliver in 24 hours; a standard queue, because a rule takes no other. */
  readonly undelivered: IQueue;
  /** For a FIFO queue. A plain string: EventBridge would take `$.detail.id` literally. */
  readonly messageGroupId?: string | undefined;
}

/**
 * A queue as a rule's target.
 *
 * Not CDK's `SqsQueue`: under a customer key that one admits every rule of the account, to avoid a circle between key and
 * rule. Whoever may send here says who has paid, so a queue admits its own rules only, with or without a key.
 */
export const queueTarget = ({ queue, undelivered, messageGroupId }: QueueTargetProps): IRuleTarget => ({
  bind: () => ({
    arn: queue.queueArn,
    targetResource: queue,
    deadLetterConfig: { arn: undelivered.queueArn },
    ...(messageGroupId !== undefined && { sqsParameters: { messageGroupId } }),
  }),
});

/** ARN of a rule that is not there yet, spelled from its name; a partner bus's name has slashes of its own. */
export const ruleArn = (stack: Stack, busName: string, ruleName: string): string =>
  stack.formatArn({ service: 'events', resource: 'rule', resourceName: `${busName}/${ruleName}` });

/**
 * Lets the named rules, and no others, send to `queue`.
 *
 * One statement for all, since SQS allows a policy 20. A rule must be made after it ({@link Rule.node}): EventBridge does not try
 * again what it may not deliver, so what a rule meets without this is lost but for the archive.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export function letRulesSend(queue: IQueue, ruleArns: readonly string[]): IDependable {
  const { policyDependable } = queue.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': ruleArns.length === 1 ? ruleArns[0] : ruleArns } },
    }),
  );
  if (!policyDependable)
    throw new Error(`${queue.node.path} is not a queue of this stack: its policy is not ours to write`);
  return policyDependable;
}
