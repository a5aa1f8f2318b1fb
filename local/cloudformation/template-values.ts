import type { Template, TemplateResource } from './synthesise.ts';

/** Region and account of everything local; fauxqs fixes the account. */
export const LOCAL_REGION = 'us-east-1';
export const LOCAL_ACCOUNT = '000000000000';

/** The template asks for something that the local run does not know; the text says where. */
export class UnknownTemplate extends Error {
  constructor(problem: string) {
    super(
      `The local run does not know this part of the template: ${problem}. Add it in local/cloudformation, or write the stack another way.`,
    );
    this.name = 'UnknownTemplate';
  }
}

/** What `Ref` and `Fn::GetAtt` of one kind of resource mean, from its physical name. */
interface Addresses {
  /** The property that holds the name; without it, one is made from the logical id. */
  nameProperty: string;
  ref(name: string, sqsEndpoint: string): string;
  attributes: Record<string, (name: string, sqsEndpoint: string) => string>;
}

const arn = (service: string, path: string): string => `arn:aws:${service}:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${path}`;

const addressesOf: Record<string, Addresses> = {
  'AWS::SQS::Queue': {
    nameProperty: 'QueueName',
    ref: queueUrl,
    attributes: { Arn: (name) => arn('sqs', name), QueueName: (name) => name, QueueUrl: queueUrl },
  },
  'AWS::S3::Bucket': {
    nameProperty: 'BucketName',
    ref: (name) => name.toLowerCase(),
    attributes: { Arn: (name) => `arn:aws:s3:::${name.toLowerCase()}` },
  },
  'AWS::DynamoDB::Table': {
    nameProperty: 'TableName',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('dynamodb', `table/${name}`) },
  },
  'AWS::DynamoDB::GlobalTable': {
    nameProperty: 'TableName',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('dynamodb', `table/${name}`) },
  },
  'AWS::SecretsManager::Secret': {
    nameProperty: 'Name',
    ref: (name) => arn('secretsmanager', `secret:${name}`),
    attributes: { Id: (name) => arn('secretsmanager', `secret:${name}`) },
  },
  'AWS::Events::EventBus': {
    nameProperty: 'Name',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('events', `event-bus/${name}`), Name: (name) => name },
  },
  'AWS::Events::Rule': {
    nameProperty: 'Name',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('events', `rule/${name}`) },
  },
  'AWS::Events::Archive': {
    nameProperty: 'ArchiveName',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('events', `archive/${name}`) },
  },
  'AWS::Events::ApiDestination': {
    nameProperty: 'Name',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('events', `api-destination/${name}`) },
  },
  'AWS::Events::Connection': {
    nameProperty: 'Name',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('events', `connection/${name}`) },
  },
  'AWS::Lambda::Function': {
    nameProperty: 'FunctionName',
    ref: (name) => name,
    attributes: { Arn: (name) => arn('lambda', `function:${name}`) },
  },
};

/** By name and without a host name that would need resolving; the SDK's client sends where the queue's URL points. */
function queueUrl(name: string, sqsEndpoint: string): string {
  return `${sqsEndpoint}/${LOCAL_ACCOUNT}/${name}`;
}

/** A resource with its addresses, and with its properties resolved. */
export interface TemplateResourceValues {
  logicalId: string;
  name: string;
  arn: string;
  ref: string;
  properties: Record<string, unknown>;
}

/** @throws {UnknownTemplate} naming the properties that are not `known`: passing over them, the local run would get something wrong. */
export function refuseOthers(place: string, properties: Record<string, unknown>, known: string[]): void {
  const others = Object.keys(properties).filter((name) => !known.includes(name));
  if (others.length > 0) throw new UnknownTemplate(`${place} has ${others.join(', ')}`);
}

/** Reads the values of a template as CloudFormation would, with local addresses for what the local run builds. */
export class TemplateValues {
  readonly #template: Template;
  readonly #stackName: string;
  readonly #sqsEndpoint: string;

  constructor(template: Template, stackName: string, sqsEndpoint: string) {
    this.#template = template;
    this.#stackName = stackName;
    this.#sqsEndpoint = sqsEndpoint;
  }

  /** The resources of a type, with their properties resolved. */
  ofType(type: string): TemplateResourceValues[] {
    return Object.entries(this.#template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([logicalId, resource]) => ({
        logicalId,
        name: addressesOf[type] ? this.#physicalName(logicalId, resource) : logicalId,
        arn: addressesOf[type]?.attributes.Arn ? this.#attribute(logicalId, 'Arn') : this.#ref(logicalId),
        ref: this.#ref(logicalId),
        properties: this.resolve(resource.Properties ?? {}) as Record<string, unknown>,
      }));
  }

  /** @throws {UnknownTemplate} for an intrinsic function that is not among those the CDK writes for such a stack. */
  resolve(value: unknown): unknown {
    if (Array.isArray(value))
      return value.map((element) => this.resolve(element)).filter((element) => element !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [key, operand] = entries.length === 1 ? entries[0]! : ['', undefined];
    if (key === 'Ref') return this.#ref(operand as string);
    if (key.startsWith('Fn::')) return this.#intrinsic(key, operand);
    return Object.fromEntries(
      entries.map(([name, inner]) => [name, this.resolve(inner)]).filter(([, inner]) => inner !== undefined),
    );
  }

  #intrinsic(name: string, operand: unknown): unknown {
    switch (name) {
      case 'Fn::GetAtt': {
        const [logicalId, attribute] = Array.isArray(operand) ? (operand as string[]) : String(operand).split('.');
        return this.#attribute(logicalId!, attribute!);
      }
      case 'Fn::Join': {
        const [separator, parts] = operand as [string, unknown];
        return (this.resolve(parts) as string[]).join(separator);
      }
      case 'Fn::Select': {
        const [index, list] = operand as [number | string, unknown];
        return (this.resolve(list) as unknown[])[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = operand as [string, unknown];
        return String(this.resolve(text)).split(separator);
      }
      case 'Fn::Sub':
        return this.#substitute(operand);
      default:
        throw new UnknownTemplate(`the intrinsic function ${name}`);
    }
  }

  #substitute(operand: unknown): string {
    const [text, given] = Array.isArray(operand)
      ? (operand as [string, Record<string, unknown>])
      : [operand as string, {}];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_whole, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (Object.hasOwn(given, name)) return String(this.resolve(given[name]));
      return String(name.includes('.') ? this.#intrinsic('Fn::GetAtt', name) : this.#ref(name));
    });
  }

  #ref(logicalId: string): string {
    switch (logicalId) {
      case 'AWS::Region':
        return LOCAL_REGION;
      case 'AWS::AccountId':
        return LOCAL_ACCOUNT;
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return this.#stackName;
      case 'AWS::StackId':
        return arn('cloudformation', `stack/${this.#stackName}/local`);
      case 'AWS::NoValue':
        return undefined as unknown as string;
    }
    const resource = this.#template.Resources[logicalId];
    const addresses = resource && addressesOf[resource.Type];
    // What the local run does not build (a key, a role, a topic) is named by its logical id; nothing local looks it up.
    return addresses ? addresses.ref(this.#physicalName(logicalId, resource), this.#sqsEndpoint) : logicalId;
  }

  #attribute(logicalId: string, attribute: string): string {
    const resource = this.#template.Resources[logicalId];
    const addresses = resource && addressesOf[resource.Type];
    if (!addresses) return `${logicalId}.${attribute}`;
    const read = addresses.attributes[attribute];
    if (!read) throw new UnknownTemplate(`the attribute ${attribute} of ${logicalId} (${resource.Type})`);
    return read(this.#physicalName(logicalId, resource), this.#sqsEndpoint);
  }

  #physicalName(logicalId: string, resource: TemplateResource): string {
    const given = this.resolve(resource.Properties?.[addressesOf[resource.Type]!.nameProperty]);
    return typeof given === 'string' ? given : `${this.#stackName}-${logicalId}`;
  }
}
