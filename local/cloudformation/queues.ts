import { refuseOthers } from './template-values.ts';

export interface QueueBlueprint {
  name: string;
  url: string;
  arn: string;
  attributes: Record<string, string>;
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

export function queueAttributes(name: string, properties: Record<string, unknown>): Record<string, string> {
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
