import { join } from 'node:path';
import { LOCAL_CREDENTIALS } from '../backends/loopback-guard.ts';
import type { FunctionBlueprint } from '../cloudformation/functions.ts';
import { LOCAL_REGION } from '../cloudformation/template-values.ts';

export interface Endpoints {
  queues: string;
  tables: string;
  /** Secrets Manager and EventBridge. */
  secretsAndEvents: string;
}

/**
 * The whole environment of a function's process: what the template sets, what Lambda sets, and where the local parts are.
 *
 * Nothing of ours is inherited: the credentials and profiles of whoever started the run must never reach a function.
 */
export function functionEnvironment(
  fn: FunctionBlueprint,
  endpoints: Endpoints,
  folder: string,
  extra: Record<string, string>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    TZ: 'UTC',
    LANG: 'en_US.UTF-8',
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMegabytes),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${fn.name}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: fn.codeFolder,
    // No X-Ray daemon listens here.
    POWERTOOLS_TRACE_ENABLED: 'false',
    AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    AWS_ENDPOINT_URL_SQS: endpoints.queues,
    AWS_ENDPOINT_URL_S3: endpoints.queues,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.tables,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoints.secretsAndEvents,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.secretsAndEvents,
    ...fn.variables,
    ...extra,
  };
}
