import { refuseOthers, UnknownTemplate } from './template-values.ts';

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
 * A function that is killed leaves its idempotency locks behind for as long as it might still have run; until then its events are sent
 * back. Half a minute of that is nothing in a cloud, and long at a terminal.
 */
const LONGEST_LOCAL_TIMEOUT_SECONDS = 12;
/** Who has no such locks, because no queue feeds it, may take as long as the template says. */
const holdsLocks = (variables: Record<string, string>) => variables.IDEMPOTENCY_TABLE !== undefined;

export function readFunction(
  name: string,
  properties: Record<string, unknown>,
  assetFolder: (s3Key: string) => string,
): FunctionBlueprint {
  const code = properties.Code as { S3Key?: string };
  if (!code.S3Key) throw new UnknownTemplate(`function ${name} is not bundled as an asset`);
  if (!String(properties.Runtime).startsWith('nodejs'))
    throw new UnknownTemplate(`function ${name} runs on ${String(properties.Runtime)}`);
  const variables = (properties.Environment as { Variables?: Record<string, string> } | undefined)?.Variables ?? {};
  const timeoutSeconds = Number(properties.Timeout ?? 3);
  return {
    name,
    codeFolder: assetFolder(code.S3Key),
    handler: String(properties.Handler),
    timeoutSeconds: holdsLocks(variables) ? Math.min(timeoutSeconds, LONGEST_LOCAL_TIMEOUT_SECONDS) : timeoutSeconds,
    memoryMegabytes: Number(properties.MemorySize ?? 128),
    variables,
  };
}

export function readMapping(logicalId: string, properties: Record<string, unknown>): MappingBlueprint {
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
