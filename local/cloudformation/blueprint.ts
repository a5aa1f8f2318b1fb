import { compilePattern, type Matches } from '../eventbridge/event-pattern.ts';
import { type FunctionBlueprint, type MappingBlueprint, readFunction, readMapping } from './functions.ts';
import { type QueueBlueprint, queueAttributes } from './queues.ts';
import {
  type ApiDestinationBlueprint,
  type RuleBlueprint,
  readApiDestination,
  readRule,
  readScheduleRule,
  type ScheduleBlueprint,
} from './rules.ts';
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
  /** Rules that run by the clock. */
  schedules: ScheduleBlueprint[];
  /** What rules may post to, over HTTP. */
  apiDestinations: ApiDestinationBlueprint[];
  queues: QueueBlueprint[];
  buckets: string[];
  tables: TableBlueprint[];
  secrets: { arn: string; name: string }[];
  functions: FunctionBlueprint[];
  mappings: MappingBlueprint[];
}

export interface TableBlueprint {
  name: string;
  keySchema: { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[];
  attributeDefinitions: { AttributeName: string; AttributeType: 'S' | 'N' | 'B' }[];
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
  const isSchedule = ({ properties }: (typeof rules)[number]) => properties.ScheduleExpression !== undefined;
  const connections = values.ofType('AWS::Events::Connection');

  return {
    busName: partner.name,
    sourceName: String(partner.properties.EventSourceName),
    busNames: buses.map(({ name }) => name),
    archive: { name: archive.name, matches: pattern === undefined ? () => true : compilePattern(pattern) },
    rules: rules
      // What is on the default bus hears of AWS's own events, and AWS is not here.
      .filter((rule) => !isSchedule(rule) && rule.properties.EventBusName !== undefined)
      .map(readRule),
    schedules: rules.filter(isSchedule).map(readScheduleRule),
    apiDestinations: values
      .ofType('AWS::Events::ApiDestination')
      .map((destination) => readApiDestination(destination, connections)),
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
  'AWS::Events::ApiDestination',
  'AWS::Events::Connection',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::Lambda::Function',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Permission',
]);

/** Of the services on an event's way, every kind of resource must be known; alarms, roles and the like are not on it. */
function refuseUnknownResources(types: string[]): void {
  const unknown = types.filter(
    (type) => /^AWS::(Events|Scheduler|SQS|Lambda|Pipes)::/.test(type) && !KNOWN_RESOURCES.has(type),
  );
  if (unknown.length > 0) throw new UnknownTemplate(`resources of the types ${[...new Set(unknown)].join(', ')}`);
}
