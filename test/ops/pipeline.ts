import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { capitalised, eventFamilies, queueFed, workers } from '../../core/workers.ts';
import {
  functionNamesOf,
  ofWorkers as outputsByWorker,
  outputsOfWorkers,
  type StackOutputs,
} from '../../lib/outputs.ts';
import { ops } from '../../ops/cli/command-line.ts';
import type { ProgressReporter } from '../../ops/cli/progress.ts';
import type { Terminal } from '../../ops/cli/terminal.ts';
import { type AwsService, connectAws } from '../../ops/deployment/aws.ts';
import { pricesOf } from '../../stripe-simulator/prices.ts';
import { startStripeServer } from '../../stripe-simulator/server.ts';
import { catalogue } from '../support/catalogue.ts';
import { startAwsServer } from './aws-server.ts';

export const region = 'eu-central-1';
export const account = '123456789012';
export const source = 'aws.partner/stripe.com/ed_test_1';

const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/** How a verb ended: its exit code, what it printed where, and with --json, the document. */
export interface Ran {
  code: number;
  out: string;
  err: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what each test asserts
  json: any;
}

/** An output that is a queue's URL. */
type QueueOutput = Extract<keyof StackOutputs, `${string}QueueUrl`>;

/** Services that the fake server plays; queues and buckets are real ones. */
export const jsonServices = [
  'cloudformation',
  'cloudtrail',
  'cloudwatch',
  'logs',
  'eventbridge',
  'kms',
  'lambda',
  'secrets',
  'sns',
  'sts',
] as const satisfies readonly AwsService[];

export type Pipeline = Awaited<ReturnType<typeof startPipeline>>;

/** A deployed pipeline, seen by `ops`: real SQS and S3 (fauxqs), the other services at the wire, a server of Stripe's shape. */
export async function startPipeline(environment: 'dev' | 'prod' = 'dev') {
  const stackName = `huntaze-stripe-${environment}`;
  const folder = mkdtempSync(join(tmpdir(), 'ops-test-'));
  const queues = buildApp({ logger: false, defaultRegion: region });
  const queuesUrl = await queues.listen({ port: 0, host: '127.0.0.1' });
  const aws = await startAwsServer();
  const stripe = await startStripeServer(environment === 'prod' ? { key: 'sk_live_NotARealKey4242' } : {});
  for (const price of pricesOf(catalogue)) stripe.prices.set(price.id, price);
  const clientConfig = { endpoint: queuesUrl, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  const sqs = new SQSClient(clientConfig);
  const s3 = new S3Client({ ...clientConfig, forcePathStyle: true });
  const bucket = 'audit-bucket';
  const bundles = `cdk-hnb659fds-assets-${account}-${region}`;
  for (const Bucket of [bucket, bundles]) await s3.send(new CreateBucketCommand({ Bucket }));

  const make = async (part: string, attributes: Record<string, string> = {}) => {
    const name = part.endsWith('.fifo')
      ? `huntaze-stripe-${part.slice(0, -5)}-${environment}.fifo`
      : `huntaze-stripe-${part}-${environment}`;
    const Attributes = {
      MessageRetentionPeriod: '1209600',
      ...(name.endsWith('.fifo') && { FifoQueue: 'true', ContentBasedDeduplication: 'true' }),
      ...attributes,
    };
    return (await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }))).QueueUrl!;
  };
  const rule = (name: string) =>
    `arn:aws:events:${region}:${account}:rule/${source}/huntaze-stripe-${name}-${environment}`;
  const ofWorkers = await Promise.all(
    workers.map(async (name) => ({
      name,
      outputs: {
        RuleArn: rule(name),
        QueueUrl: await make(name),
        FailedQueueUrl: await make(`${name}-failed`),
        UndeliveredQueueUrl: await make(`${name}-undelivered`),
        FunctionName: `huntaze-stripe-${name}-${environment}`,
        MappingId: `mapping-${name}`,
      },
    })),
  );
  const outputs: StackOutputs = {
    ...outputsOfWorkers(ofWorkers),
    StripeEventBusName: source,
    StripeEventBusArn: `arn:aws:events:${region}:${account}:event-bus/${source}`,
    StripeEventSourceName: source,
    ArchiveName: stackName,
    ArchiveArn: `arn:aws:events:${region}:${account}:archive/${stackName}`,
    AuditRuleArns: eventFamilies.map((family) => rule(`audit-${family}`)).join(','),
    AuditQueueUrl: await make('audit.fifo'),
    AuditFailedQueueUrl: await make('audit-failed.fifo'),
    AuditUndeliveredQueueUrl: await make('audit-undelivered'),
    AuditFunctionName: `huntaze-stripe-audit-${environment}`,
    AuditMappingId: 'mapping-audit',
    ApiUndeliveredQueueUrl: await make('api-undelivered'),
    ReconcileFailedQueueUrl: await make('reconcile-failed'),
    ReconcileFunctionName: `huntaze-stripe-reconcile-${environment}`,
    SecretArn: `arn:aws:secretsmanager:${region}:${account}:secret:huntaze/stripe/${environment}`,
    ApiKeySecretArn: `arn:aws:secretsmanager:${region}:${account}:secret:huntaze/stripe/${environment}/api-key`,
    IdempotencyTableName: `huntaze-stripe-idempotency-${environment}`,
    AuditBucketName: bucket,
    AppBusName: `huntaze-stripe-plans-${environment}`,
    AlarmTopicArn: `arn:aws:sns:${region}:${account}:alarms`,
    DashboardName: stackName,
    CodeVersion: '0.1.0+abcdef012345',
    Settings: JSON.stringify({ environment, createKmsKey: true }),
  };
  const functionNames = functionNamesOf(outputs);
  aws.stacks.set(stackName, {
    status: 'UPDATE_COMPLETE',
    outputs,
    resources: [
      { type: 'AWS::CloudWatch::Alarm', id: `huntaze-stripe-silence-${environment}` },
      { type: 'AWS::SNS::Topic', id: outputs.AlarmTopicArn! },
      { type: 'AWS::KMS::Key', id: 'key-1' },
      { type: 'AWS::Events::Rule', id: `huntaze-stripe-reconcile-${environment}` },
      ...functionNames.map((id) => ({ type: 'AWS::Lambda::Function', id, logicalId: `Resource-${id}` })),
    ],
  });
  aws.keys.set('key-1', 'Enabled');
  aws.subscriptions = [{ endpoint: 'oncall@example.com', arn: `${outputs.AlarmTopicArn}:1` }];
  const bundle = Buffer.from('the bundle of a function');
  await s3.send(new PutObjectCommand({ Bucket: bundles, Key: 'bundle.zip', Body: bundle }));
  aws.template = {
    Resources: Object.fromEntries(
      functionNames.map((id) => [
        `Resource-${id}`,
        {
          Properties: {
            Code: {
              // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own placeholders
              S3Bucket: { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
              S3Key: 'bundle.zip',
            },
          },
        },
      ]),
    ),
  };
  for (const name of queueFed) aws.mappings.set(`mapping-${name}`, { State: 'Enabled', looks: 0 });
  for (const functionName of functionNames) {
    aws.functions.set(functionName, {
      Runtime: 'nodejs24.x',
      State: 'Active',
      LastUpdateStatus: 'Successful',
      CodeSha256: createHash('sha256').update(bundle).digest('base64'),
      LoggingConfig: { LogGroup: `/aws/lambda/${functionName}` },
    });
  }
  const arnOf = (url: string) => `arn:aws:sqs:${region}:${account}:${url.split('/').at(-1)}`;
  const ruleArns = outputsByWorker(outputs, 'RuleArn');
  const rules = [
    ...workers.map((worker) => [capitalised(worker), ruleArns[worker]] as const),
    ...outputs.AuditRuleArns.split(',').map((arn) => ['Audit', arn] as const),
  ] as const;
  for (const [name, arn] of rules) {
    const DeadLetterConfig = { Arn: arnOf(outputs[`${name}UndeliveredQueueUrl`]) };
    aws.rules.set(arn.split('/').at(-1)!, {
      State: 'ENABLED',
      Targets: [{ Id: '1', Arn: arnOf(outputs[`${name}QueueUrl`]), DeadLetterConfig }],
    });
  }
  aws.rules.set(`huntaze-stripe-reconcile-${environment}`, { State: 'ENABLED', Targets: [] });
  for (const name of queueFed.map(capitalised)) {
    const sources = rules.filter(([of]) => of === name).map(([, arn]) => arn);
    for (const queue of ['Queue', 'UndeliveredQueue'] as const) {
      const QueueUrl = outputs[`${name}${queue}Url`];
      const Policy = {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Resource: arnOf(QueueUrl),
            Condition: { ArnEquals: { 'aws:SourceArn': sources } },
          },
        ],
      };
      const RedrivePolicy = { deadLetterTargetArn: arnOf(outputs[`${name}FailedQueueUrl`]), maxReceiveCount: 200 };
      await sqs.send(
        new SetQueueAttributesCommand({
          QueueUrl,
          Attributes: {
            Policy: JSON.stringify(Policy),
            ...(queue === 'Queue' && { RedrivePolicy: JSON.stringify(RedrivePolicy) }),
          },
        }),
      );
    }
  }
  aws.secret = JSON.stringify({ DATABASE_URL: '', STRIPE_SECRET_KEY: stripe.key });

  const endpoints = Object.fromEntries(jsonServices.map((service) => [service, aws.url]));
  /** What a person answers, in order; none: nobody is there. */
  let answers: string[] | undefined;
  let now: (() => Date) | undefined;
  let whileAsked = async () => {};
  let reporter: Partial<ProgressReporter> = {};
  let s3Url = queuesUrl;
  let plansFolder: string | undefined;
  const variables: Record<string, string> = { STRIPE_API_BASE: stripe.url };
  // The SDK reads these from the process; a test never uses a person's own.
  Object.assign(process.env, credentials);

  return {
    aws,
    stripe,
    sqs,
    s3,
    outputs,
    folder,
    bucket,
    bundles,
    stackName,
    variables,
    /** A person at a terminal, who answers so. */
    answering(...given: string[]) {
      answers = given;
    },
    /** What happens while the person thinks. */
    whileAsked(happens: () => Promise<void>) {
      whileAsked = happens;
    },
    /** The clock of the verbs; real time by default. */
    at(time: Date | (() => Date) | undefined) {
      now = time instanceof Date ? () => time : time;
    },
    /** Another server for buckets: one that keeps versions. */
    bucketsAt(url: string) {
      s3Url = url;
    },
    waiting(parts: Partial<ProgressReporter>) {
      reporter = parts;
    },
    /** The checkout's config/plans.yaml is this one. */
    sells(plans: object) {
      writeFileSync(join(folder, 'plans.yaml'), JSON.stringify(plans));
      plansFolder = folder;
    },
    /** `npm run ops -- <args>` in this process. */
    async run(...args: string[]): Promise<Ran> {
      const printed = { out: [] as string[], err: [] as string[] };
      const terminal: Terminal = {
        out: (text) => void printed.out.push(text),
        err: (text) => void printed.err.push(text),
        interactive: answers !== undefined,
        colour: false,
        ask: async () => {
          await whileAsked();
          return answers?.shift() ?? '';
        },
        askSecret: async () => answers?.shift() ?? '',
        readerGone: () => false,
        progress: () => ({
          // Lets the rest of the process have its turn, as a wait does: a verb may wait in a loop while others work.
          wait: () => new Promise((resolve) => setImmediate(resolve, false)),
          ask: async () => 'go on',
          progress: () => {},
          done: () => {},
          ...reporter,
        }),
      };
      const argv = ['--env', environment, ...args];
      const code = await ops(argv, {
        terminal,
        variables,
        environmentsFolder: join(import.meta.dirname, '../infra/environments'),
        ...(plansFolder !== undefined && { plansFolder }),
        aws: (wanted) => connectAws(wanted ?? region, { ...endpoints, sqs: queuesUrl, s3: s3Url }),
        sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20))),
        // Asked each time: a test may move the clock while a verb waits.
        ...(now && { now: () => now!() }),
      });
      const out = printed.out.join('\n');
      return { code, out, err: printed.err.join('\n'), json: args.includes('--json') ? JSON.parse(out) : undefined };
    },
    async send(
      output: QueueOutput,
      body: string | object,
      attributes: Record<string, string> = {},
      group?: string,
    ): Promise<string> {
      const MessageAttributes = Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      );
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const { MessageId } = await sqs.send(
        new SendMessageCommand({
          QueueUrl: outputs[output]!,
          MessageBody: text,
          MessageAttributes,
          ...(group !== undefined && { MessageGroupId: group, MessageDeduplicationId: crypto.randomUUID() }),
        }),
      );
      return MessageId!;
    },
    /** As somebody with the console does. */
    async deleteQueue(output: QueueOutput): Promise<void> {
      await sqs.send(new DeleteQueueCommand({ QueueUrl: outputs[output]! }));
    },
    async setQueue(output: QueueOutput, Attributes: Record<string, string>): Promise<void> {
      await sqs.send(new SetQueueAttributesCommand({ QueueUrl: outputs[output]!, Attributes }));
    },
    async depth(output: QueueOutput): Promise<number> {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: outputs[output]!, AttributeNames: ['All'] }),
      );
      return (
        Number(Attributes?.ApproximateNumberOfMessages) + Number(Attributes?.ApproximateNumberOfMessagesNotVisible)
      );
    },
    /** The messages of a queue; hides them. */
    async take(
      output: QueueOutput,
    ): Promise<{ body: string; attributes: Record<string, MessageAttributeValue>; group: string | undefined }[]> {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: outputs[output]!,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      return Messages.map(({ Body, MessageAttributes, Attributes }) => ({
        body: Body!,
        attributes: MessageAttributes ?? {},
        group: Attributes?.MessageGroupId,
      }));
    },
    /** An object of the audit trail. */
    async audit(key: string, envelopes: readonly string[]): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: gzipSync(`${envelopes.join('\n')}\n`) }));
    },
    async close(): Promise<void> {
      sqs.destroy();
      s3.destroy();
      await Promise.all([queues.close(), aws.close(), stripe.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
