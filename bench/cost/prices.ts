/**
 * AWS's list prices, in USD, us-east-1, without free tiers, discounts or taxes. Another region: put its prices here.
 *
 * @see https://aws.amazon.com/eventbridge/pricing/ and the same page of each service
 */
export const pricesAsOf = '2026-11-21, us-east-1, the services’ pricing pages';

export const prices = {
  /** A partner's event, or one on a bus of one's own; 64 KB each. */
  eventBridgeEvent: 1.0e-6,
  archiveGb: 0.1,
  archiveGbMonth: 0.023,
  sqsRequest: 0.4e-6,
  sqsFifoRequest: 0.5e-6,
  lambdaRequest: 0.2e-6,
  /** arm64. */
  lambdaGbSecond: 0.0000133334,
  dynamoDbWrite: 0.625e-6,
  dynamoDbGbMonth: 0.25,
  s3Put: 5.0e-6,
  s3GbMonth: 0.023,
  logsGb: 0.5,
  logsGbMonth: 0.03,
  trace: 5.0e-6,
  kmsRequest: 3.0e-6,
  kmsKey: 1,
  alarmMetric: 0.1,
  compositeAlarm: 0.5,
  customMetric: 0.3,
  /** The first three of an account are free. */
  dashboard: 3,
  secret: 0.4,
} as const;
