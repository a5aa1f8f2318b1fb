import { compilePattern, type Matches } from '../eventbridge/event-pattern.ts';
import type { Synthesised } from './synthesise.ts';
import { TemplateValues, UnknownTemplate } from './template-values.ts';

/** What the synthesised template asks for, in the words of the local run. */
export interface Blueprint {
  /** The partner bus that Stripe's events arrive on. */
  busName: string;
  sourceName: string;
  /** Every bus, the apps' one included. */
  busNames: string[];
  archive: { name: string; matches: Matches };
  rules: RuleBlueprint[];
  /** Rules and schedules that run by the clock: known, and not run locally. */
  schedules: string[];
  queues: QueueBlueprint[];
  buckets: string[];
  tables: TableBlueprint[];
  secrets: { arn: string; name: string }[];
  functions: FunctionBlueprint[];
  mappings: MappingBlueprint[];
}

export interface RuleBlueprint {
  name: string;
  arn: string;
  busName: string;
  enabled: boolean;
  matches: Matches;
  targets: TargetBlueprint[];
}

export interface TargetBlueprint {
  queueArn: string;
  messageGroupId?: string;
  deadLetterQueueArn?: string;
  maximumRetryAttempts: number;
  maximumEventAgeSeconds: number;
}

export interface QueueBlueprint {
  name: string;
  url: string;
  arn: string;
  attributes: Record<string, string>;
}

export interface TableBlueprint {
  name: string;
  keySchema: { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[];
  attributeDefinitions: { AttributeName: string; AttributeType: 'S' | 'N' | 'B' }[];
}

export interface FunctionBlueprint {
  name: string;
  codeFolder: string;
  handler: string;
  timeoutSeconds: number;
  memoryMegabytes: number;
  variables: Record<string, string>;
}

export interface MappingBlueprint {
  functionName: string;
  queueArn: string;
  enabled: boolean;
  batchSize: number;
  batchingWindowSeconds: number;
  reportsFailures: boolean;
  maximumConcurrency: number;
}

/**
 * Reads the template.
 * @throws {UnknownTemplate | UnknownPattern} for a rule, target, queue or mapping of a shape that the local run would get wrong.
 */
export function readBlueprint({ template, stackName, assetFolder }: Synthesised, sqsEndpoint: string): Blueprint {
  const values = new TemplateValues(template, stackName, sqsEndpoint);
  refuseUnknownResources(Object.values(template.Resources).map(({ Type }) => Type));

  const buses = values.ofType('AWS::Events::EventBus');
  const partner = buses.find(({ properties }) => properties.EventSourceName !== undefined);
  if (!partner) throw new UnknownTemplate('no event bus with an EventSourceName, so nowhere for Stripe to send to');
  const archives = values
    .ofType('AWS::Events::Archive')
    .filter(({ properties }) => properties.SourceArn === partner.arn);
  if (archives.length !== 1)
    throw new UnknownTemplate(`the partner bus has ${archives.length} archives instead of one`);
  const archive = archives[0]!;
  const pattern = archive.properties.EventPattern;
  const rules = values.ofType('AWS::Events::Rule');

  return {
    busName: partner.name,
    sourceName: String(partner.properties.EventSourceName),
    busNames: buses.map(({ name }) => name),
    archive: { name: archive.name, matches: pattern === undefined ? () => true : compilePattern(pattern) },
    rules: rules
      // What is on the default bus hears of AWS's own events, and AWS is not here.
      .filter(({ properties }) => properties.ScheduleExpression === undefined && properties.EventBusName !== undefined)
      .map(readRule),
    schedules: [
      ...rules.filter(({ properties }) => properties.ScheduleExpression !== undefined).map(({ name }) => name),
      ...values
        .ofType('AWS::Scheduler::Schedule')
        .map(({ logicalId, properties }) => String(properties.Name ?? logicalId)),
    ],
    queues: values.ofType('AWS::SQS::Queue').map(({ name, ref, arn, properties }) => ({
      name,
      url: ref,
      arn,
      attributes: queueAttributes(name, properties),
    })),
    buckets: values.ofType('AWS::S3::Bucket').map(({ ref }) => ref),
    tables: [...values.ofType('AWS::DynamoDB::Table'), ...values.ofType('AWS::DynamoDB::GlobalTable')].map(
      ({ name, properties }) => ({
        name,
        keySchema: properties.KeySchema as TableBlueprint['keySchema'],
        attributeDefinitions: properties.AttributeDefinitions as TableBlueprint['attributeDefinitions'],
      }),
    ),
    secrets: values.ofType('AWS::SecretsManager::Secret').map(({ name, arn }) => ({ name, arn })),
    functions: values
      .ofType('AWS::Lambda::Function')
      // The CDK's own helpers (custom resources) work at deploy time; ours have a name.
      .filter(({ properties }) => properties.FunctionName !== undefined)
      .map(({ name, properties }) => readFunction(name, properties, assetFolder)),
    mappings: values
      .ofType('AWS::Lambda::EventSourceMapping')
      .map(({ logicalId, properties }) => readMapping(logicalId, properties)),
  };
}

const KNOWN_RESOURCES = new Set([
  'AWS::Events::EventBus',
  'AWS::Events::Archive',
  'AWS::Events::Rule',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::Lambda::Function',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Permission',
]);

/** Of the services on an event's way, every kind of resource must be known; alarms, roles and the like are not on it. */
function refuseUnknownResources(types: string[]): void {
  const unknown = types.filter((type) => /^AWS::(Events|SQS|Lambda|Pipes)::/.test(type) && !KNOWN_RESOURCES.has(type));
  if (unknown.length > 0) throw new UnknownTemplate(`resources of the types ${[...new Set(unknown)].join(', ')}`);
}

function readRule({
  name,
  arn,
  properties,
}: {
  name: string;
  arn: string;
  properties: Record<string, unknown>;
}): RuleBlueprint {
  const place = `rule ${name}`;
  refuseOthers(place, properties, ['Name', 'Description', 'EventBusName', 'EventPattern', 'State', 'Targets', 'Tags']);
  const state = properties.State ?? 'ENABLED';
  if (state !== 'ENABLED' && state !== 'DISABLED')
    throw new UnknownTemplate(`${place} has the state ${JSON.stringify(state)}`);
  return {
    name,
    arn,
    busName: String(properties.EventBusName ?? 'default').replace(/^arn:.*event-bus\//, ''),
    enabled: state === 'ENABLED',
    matches: compilePattern(properties.EventPattern),
    targets: ((properties.Targets ?? []) as Record<string, unknown>[]).map((target) => readTarget(place, target)),
  };
}

/** EventBridge's own defaults where the template says nothing. */
const DEFAULT_RETRY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 };

function readTarget(rule: string, target: Record<string, unknown>): TargetBlueprint {
  const place = `target ${String(target.Id)} of ${rule}`;
  refuseOthers(place, target, ['Arn', 'Id', 'DeadLetterConfig', 'RetryPolicy', 'SqsParameters']);
  const queueArn = String(target.Arn);
  if (!queueArn.startsWith('arn:aws:sqs:')) throw new UnknownTemplate(`${place} is no queue but ${queueArn}`);
  const group = (target.SqsParameters as { MessageGroupId?: string } | undefined)?.MessageGroupId;
  const deadLetters = (target.DeadLetterConfig as { Arn?: string } | undefined)?.Arn;
  const retry = { ...DEFAULT_RETRY, ...(target.RetryPolicy as Partial<typeof DEFAULT_RETRY> | undefined) };
  return {
    queueArn,
    ...(group === undefined ? {} : { messageGroupId: group }),
    ...(deadLetters === undefined ? {} : { deadLetterQueueArn: deadLetters }),
    maximumRetryAttempts: retry.MaximumRetryAttempts,
    maximumEventAgeSeconds: retry.MaximumEventAgeInSeconds,
  };
}

/** A work queue keeps a message hidden for minutes while its function works; people at a terminal wait for seconds. */
const LONGEST_LOCAL_VISIBILITY_SECONDS = 6;

/** Attributes that the local queues honour. */
const QUEUE_ATTRIBUTES = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'DelaySeconds',
  'MaximumMessageSize',
  'RedrivePolicy',
  'FifoQueue',
  'ContentBasedDeduplication',
];
/** Known, and without meaning here: encryption, tags, throughput, who may redrive. */
const IGNORED_QUEUE_PROPERTIES = [
  'QueueName',
  'Tags',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
  'SqsManagedSseEnabled',
  'DeduplicationScope',
  'FifoThroughputLimit',
  'RedriveAllowPolicy',
];

function queueAttributes(name: string, properties: Record<string, unknown>): Record<string, string> {
  refuseOthers(`queue ${name}`, properties, [...QUEUE_ATTRIBUTES, ...IGNORED_QUEUE_PROPERTIES]);
  const attributes: Record<string, string> = {};
  for (const attribute of QUEUE_ATTRIBUTES) {
    const value = properties[attribute];
    if (value !== undefined) attributes[attribute] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  if (Number(attributes.VisibilityTimeout) > LONGEST_LOCAL_VISIBILITY_SECONDS) {
    attributes.VisibilityTimeout = String(LONGEST_LOCAL_VISIBILITY_SECONDS);
  }
  return attributes;
}

/**
 * A function that is killed leaves its idempotency locks behind for as long as it might still have run; until then its events are sent
 * back. Half a minute of that is nothing in a cloud, and long at a terminal.
 */
const LONGEST_LOCAL_TIMEOUT_SECONDS = 12;

function readFunction(
  name: string,
  properties: Record<string, unknown>,
  assetFolder: (s3Key: string) => string,
): FunctionBlueprint {
  const code = properties.Code as { S3Key?: string };
  if (!code.S3Key) throw new UnknownTemplate(`function ${name} is not bundled as an asset`);
  if (!String(properties.Runtime).startsWith('nodejs'))
    throw new UnknownTemplate(`function ${name} runs on ${String(properties.Runtime)}`);
  return {
    name,
    codeFolder: assetFolder(code.S3Key),
    handler: String(properties.Handler),
    timeoutSeconds: Math.min(Number(properties.Timeout ?? 3), LONGEST_LOCAL_TIMEOUT_SECONDS),
    memoryMegabytes: Number(properties.MemorySize ?? 128),
    variables: (properties.Environment as { Variables?: Record<string, string> } | undefined)?.Variables ?? {},
  };
}

function readMapping(logicalId: string, properties: Record<string, unknown>): MappingBlueprint {
  const place = `event source mapping ${logicalId}`;
  refuseOthers(place, properties, [
    'FunctionName',
    'EventSourceArn',
    'Enabled',
    'BatchSize',
    'MaximumBatchingWindowInSeconds',
    'FunctionResponseTypes',
    'ScalingConfig',
    'KmsKeyArn',
    'MetricsConfig',
    'Tags',
  ]);
  return {
    functionName: String(properties.FunctionName).replace(/^arn:.*function:/, ''),
    queueArn: String(properties.EventSourceArn),
    enabled: properties.Enabled !== false,
    batchSize: Number(properties.BatchSize ?? 10),
    batchingWindowSeconds: Number(properties.MaximumBatchingWindowInSeconds ?? 0),
    reportsFailures: ((properties.FunctionResponseTypes ?? []) as string[]).includes('ReportBatchItemFailures'),
    maximumConcurrency: Number(
      (properties.ScalingConfig as { MaximumConcurrency?: number } | undefined)?.MaximumConcurrency ?? 10,
    ),
  };
}

function refuseOthers(place: string, properties: Record<string, unknown>, known: string[]): void {
  const others = Object.keys(properties).filter((name) => !known.includes(name));
  if (others.length > 0) throw new UnknownTemplate(`${place} has ${others.join(', ')}`);
}
