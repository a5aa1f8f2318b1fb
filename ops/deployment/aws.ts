import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';

/** One client per AWS service that a verb talks to; all of one region and one identity. */
export interface Aws {
  readonly cloudformation: CloudFormationClient;
  readonly cloudtrail: CloudTrailClient;
  readonly cloudwatch: CloudWatchClient;
  readonly logs: CloudWatchLogsClient;
  readonly eventbridge: EventBridgeClient;
  readonly kms: KMSClient;
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly sts: STSClient;
}

export type AwsService = keyof Aws;

/**
 * The clients for `region`, or for the region of the environment or the profile.
 *
 * `endpoints` points single services elsewhere (tests); AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_… work as in any AWS tool.
 */
export function connectAws(region?: string, endpoints: Partial<Record<AwsService, string>> = {}): Aws {
  // A person waits: three attempts with the SDK's back-off are seconds, not minutes.
  const config = (service: AwsService) => ({
    maxAttempts: 3,
    ...(region !== undefined && { region }),
    ...(endpoints[service] !== undefined && { endpoint: endpoints[service] }),
  });
  const localS3 = endpoints.s3 ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return {
    cloudformation: new CloudFormationClient(config('cloudformation')),
    cloudtrail: new CloudTrailClient(config('cloudtrail')),
    cloudwatch: new CloudWatchClient(config('cloudwatch')),
    logs: new CloudWatchLogsClient(config('logs')),
    eventbridge: new EventBridgeClient(config('eventbridge')),
    kms: new KMSClient(config('kms')),
    lambda: new LambdaClient(config('lambda')),
    // Another endpoint has no DNS name per bucket.
    s3: new S3Client({ ...config('s3'), forcePathStyle: localS3 !== undefined }),
    secrets: new SecretsManagerClient(config('secrets')),
    sns: new SNSClient(config('sns')),
    sqs: new SQSClient(config('sqs')),
    sts: new STSClient(config('sts')),
  };
}
