import { Stack, Token, Validations } from 'aws-cdk-lib';
import { type Conditions, ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { eventSourcesOf } from './event-sources.ts';
import { pipelineNames } from './names.ts';
import type { Settings } from './settings.ts';

export interface OperatorPoliciesProps {
  readonly settings: Settings;
  readonly key?: Key | undefined;
}

interface Right {
  readonly actions: readonly string[];
  readonly on: readonly string[];
  readonly conditions?: Conditions;
}

/**
 * What the operators' verbs call, in two policies, so that nobody needs to be an administrator: attach *look* to whoever is on call, and
 * *act* besides to whoever repairs.
 *
 * *look* shows no payload of Stripe's, reads no secret and changes nothing: `ops status`, `watch` and `logs`, and the plans of pause, resume and rollback.
 * Everything else, `doctor` and dry runs included, reads events or the secret, and is *act*. A test compares both with the calls in `ops/`.
 */
export class OperatorPolicies extends Construct {
  constructor(scope: Construct, id: string, { settings, key }: OperatorPoliciesProps) {
    super(scope, id);
    const names = pipelineNames(settings);
    const all = resourcesOf(this, settings);
    const look: Right[] = [
      {
        actions: ['cloudformation:DescribeStacks', 'cloudformation:GetTemplate', 'cloudformation:ListStackResources'],
        on: [all.stack],
      },
      // None of these can be granted on a single alarm, metric, query or trail.
      { actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], on: ['*'] },
      { actions: ['logs:GetQueryResults', 'logs:StopQuery'], on: ['*'] },
      { actions: ['cloudtrail:LookupEvents'], on: ['*'] },
      { actions: ['logs:FilterLogEvents', 'logs:StartQuery'], on: [all.logGroups] },
      { actions: ['events:DescribeRule', 'events:ListTargetsByRule'], on: all.rules },
      { actions: ['events:DescribeArchive'], on: all.archives },
      { actions: ['events:DescribeReplay', 'events:ListReplays'], on: [all.replays] },
      { actions: ['lambda:GetFunctionConfiguration'], on: [all.functions] },
      { actions: ['lambda:GetEventSourceMapping'], on: [all.mappings], conditions: all.ofOurFunctions },
      { actions: ['sqs:GetQueueAttributes'], on: all.queues },
      { actions: ['sns:ListSubscriptionsByTopic'], on: [all.topics] },
      { actions: ['s3:ListBucket'], on: [all.auditBucket] },
      ...(key ? [{ actions: ['kms:DescribeKey'], on: [key.keyArn] }] : []),
    ];
    const act: Right[] = [
      { actions: ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'], on: [all.secret] },
      { actions: ['events:StartReplay'], on: [...all.archives, ...all.buses, all.replays] },
      { actions: ['events:CancelReplay'], on: [all.replays] },
      { actions: ['events:PutEvents'], on: [all.appBus] },
      { actions: ['lambda:InvokeFunction'], on: [all.functions] },
      { actions: ['lambda:UpdateEventSourceMapping'], on: [all.mappings], conditions: all.ofOurFunctions },
      {
        actions: ['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:SendMessage', 'sqs:DeleteMessage'],
        on: all.queues,
      },
      { actions: ['s3:GetObject'], on: [`${all.auditBucket}/*`, all.deployedCode] },
      { actions: ['s3:PutObject'], on: [`${all.auditBucket}/reconcile/*`] },
      ...(settings.apiUrl === undefined
        ? []
        : [
            { actions: ['events:UpdateConnection'], on: [all.connection] },
            // A connection keeps its key in a secret of EventBridge's, written in the caller's name.
            { actions: ['secretsmanager:UpdateSecret', 'secretsmanager:PutSecretValue'], on: [all.connectionSecret] },
          ]),
      ...(key ? [{ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], on: [key.keyArn] }] : []),
    ];
    this.policy(
      'Look',
      names.lookPolicy,
      `Sees how the Stripe pipeline of ${settings.appName} (${settings.environment}) is`,
      look,
    );
    this.policy(
      'Act',
      names.actPolicy,
      `Repairs the Stripe pipeline of ${settings.appName} (${settings.environment}); beside ${names.lookPolicy}`,
      act,
    );
  }

  private policy(id: string, managedPolicyName: string, description: string, rights: readonly Right[]): void {
    const policy = new ManagedPolicy(this, id, {
      managedPolicyName,
      description,
      statements: rights.map(
        ({ actions, on, conditions }) =>
          new PolicyStatement({ actions: [...actions], resources: [...on], ...(conditions && { conditions }) }),
      ),
    });
    for (const resource of new Set(rights.flatMap(({ on }) => on).filter((one) => one.includes('*')))) {
      Validations.of(policy).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${readable(Stack.of(this), resource)}]`,
        reason:
          'Wildcards stand within the names of this one deployment, or where AWS has no narrower resource to name.',
      });
    }
  }
}

/** As cdk-nag spells what is known at deployment only. */
function readable({ partition, region, account }: Stack, arn: string): string {
  const values = { '<AWS::Partition>': partition, '<AWS::Region>': region, '<AWS::AccountId>': account };
  return Object.entries(values).reduce(
    (text, [name, value]) => (Token.isUnresolved(value) ? text.replaceAll(value, name) : text),
    arn,
  );
}

/** By their names, not by reference: a policy may have 6,144 characters. */
function resourcesOf(scope: Construct, settings: Settings) {
  const names = pipelineNames(settings);
  const sources = eventSourcesOf(settings);
  const stack = Stack.of(scope);
  const ours = `${settings.appName}-stripe-*-${settings.environment}`;
  const arn = (service: string, resource: string) =>
    `arn:${stack.partition}:${service}:${stack.region}:${stack.account}:${resource}`;
  const functions = arn('lambda', `function:${ours}`);
  return {
    stack: arn('cloudformation', `stack/${names.stack}/*`),
    logGroups: arn('logs', `log-group:/aws/lambda/${ours}:*`),
    buses: sources.map(({ name }) => arn('events', `event-bus/${name}`)),
    appBus: arn('events', `event-bus/${names.appBus}`),
    rules: [
      ...sources.map(({ name }) => arn('events', `rule/${name}/${ours}`)),
      arn('events', `rule/${names.appBus}/${ours}`),
      arn('events', `rule/${ours}`),
    ],
    archives: sources.map(({ archiveName }) => arn('events', `archive/${archiveName}`)),
    // Named by `ops replay` and EventBridge's console alike; a replay cannot be found by its archive.
    replays: arn('events', 'replay/*'),
    connection: arn('events', `connection/${names.apiConnection}/*`),
    connectionSecret: arn('secretsmanager', `secret:events!connection/${names.apiConnection}/*`),
    functions,
    mappings: arn('lambda', 'event-source-mapping:*'),
    ofOurFunctions: { ArnLike: { 'lambda:FunctionArn': functions } },
    queues: [arn('sqs', ours), arn('sqs', `${ours}.fifo`)],
    topics: arn('sns', ours),
    secret: arn('secretsmanager', `secret:${names.secret}*`),
    /** CloudFormation names it, after the stack and the bucket's logical id. */
    auditBucket: `arn:${stack.partition}:s3:::${names.stack}-auditbucket*`,
    /** What the CDK uploaded; `doctor` compares it with what Lambda runs. */
    deployedCode: `arn:${stack.partition}:s3:::cdk-*-assets-${stack.account}-${stack.region}/*`,
  };
}
