import { type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { type Conditions, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  type CfnFunction,
  type EventSourceMapping,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionName } from '../core/workers.ts';
import type { PowertoolsEnv } from '../lambdas/env.ts';
import { handlerCode } from './handler-code.ts';
import { pipelineNames } from './names.ts';
import type { VpcPlace } from './setting-values.ts';
import type { Settings } from './settings.ts';

export interface PipelineFunctionProps<Env> {
  readonly settings: Settings;
  readonly key?: Key | undefined;
  readonly name: FunctionName;
  readonly description: string;
  /** What the handler reads from its environment (`lambdas/env.ts`); a missing variable does not compile. */
  readonly env: Env & Record<keyof Env, string>;
  /** It connects to Postgres, so it runs in the VPC of the settings, if there is one. */
  readonly needsDatabase?: boolean;
  readonly timeout: Duration;
  readonly memorySizeMiB: number;
}

/** A function of `lambdas/<name>`, with its log group and a role that can do nothing yet but log and trace. */
export class PipelineFunction<Env extends object> extends Construct {
  readonly fn: LambdaFunction;
  readonly logGroup: LogGroup;
  private readonly role: Role;
  private readonly key: Key | undefined;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps<Env>) {
    super(scope, id);
    const { settings, key, name, env } = props;
    const names = pipelineNames(settings);

    this.logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${names.fn(name)}`,
      retention: settings.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(key && { encryptionKey: key }),
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${names.fn(name)} may do`,
    });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], this.logGroup.logGroupArn);
    this.key = key;
    this.allowKey('kms:Decrypt', 'kms:GenerateDataKey');

    const powertools: PowertoolsEnv & Record<string, string> = {
      POWERTOOLS_SERVICE_NAME: `stripe-${name}`,
      POWERTOOLS_METRICS_NAMESPACE: names.metrics,
      POWERTOOLS_LOG_LEVEL: settings.logLevel,
    };
    this.fn = new LambdaFunction(this, 'Function', {
      functionName: names.fn(name),
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: handlerCode(name, settings),
      role: this.role,
      timeout: props.timeout,
      memorySize: props.memorySizeMiB,
      tracing: settings.tracing === 'sampled' ? Tracing.ACTIVE : Tracing.DISABLED,
      loggingFormat: LoggingFormat.JSON,
      // Lambda's own lines about each start and end are half of a quiet function's log; errors and timeouts remain.
      systemLogLevelV2: SystemLogLevel.WARN,
      logGroup: this.logGroup,
      ...(key && { environmentEncryption: key }),
      environment: { ...env, ...powertools },
    });
    const inVpc = props.needsDatabase ? settings.vpc : undefined;
    if (inVpc) this.runIn(inVpc);
    if (inVpc || settings.tracing === 'sampled') {
      Validations.of(this.role).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason:
          'X-Ray\'s PutTraceSegments and PutTelemetryRecords, and the network interfaces that Lambda makes in a VPC, can only be granted on "*".',
      });
    }
  }

  /** @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
  private runIn({ subnetIds, securityGroupIds }: VpcPlace): void {
    // Not the L2's `vpc`: it wants to know the subnets' zones, which only a look-up in the account would say.
    (this.fn.node.defaultChild as CfnFunction).vpcConfig = {
      subnetIds: [...subnetIds],
      securityGroupIds: [...securityGroupIds],
    };
    this.allow(
      [
        'ec2:CreateNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSubnets',
        'ec2:DeleteNetworkInterface',
        'ec2:AssignPrivateIpAddresses',
        'ec2:UnassignPrivateIpAddresses',
      ],
      '*',
    );
    // Lambda checks at once that the role may: without this the function could be made before its policy.
    this.fn.node.addDependency(this.role);
  }

  /** Lets the function do `actions` on `resource`, and nothing more. */
  allow(actions: string[], resource: string, conditions: Conditions = {}): this {
    this.role.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [resource], conditions }));
    return this;
  }

  /**
   * What it may do with the customer key, where there is one. Every function may read what is encrypted (its variables, its secret, its
   * messages) and have data keys made (for messages and objects).
   */
  allowKey(...actions: string[]): this {
    return this.key ? this.allow(actions, this.key.keyArn) : this;
  }

  /** What Lambda's poller does in the function's name; `ChangeMessageVisibility` also defers a message by our own wish. */
  allowConsuming(queue: IQueue): this {
    return this.allow(
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
      queue.queueArn,
    );
  }

  /** Feeds the function from `queue`, up to ten messages at a time; a message that fails returns alone. */
  consume(queue: IQueue, { maxConcurrency }: { maxConcurrency: number }): EventSourceMapping {
    return this.fn.addEventSourceMapping('Mapping', {
      eventSourceArn: queue.queueArn,
      batchSize: 10,
      maxConcurrency,
      reportBatchItemFailures: true,
    });
  }
}
