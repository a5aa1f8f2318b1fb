import type { AwsParts } from '../backends/sqs-s3-dynamodb.ts';
import type { Shutdown } from '../shutdown.ts';
import type { MetricStore } from './metric-store.ts';

/** AWS measures once a minute; a local run is short. */
const MS_BETWEEN_MEASUREMENTS = 1000;

/** What SQS reports of every queue, as long as the run goes on. The age of the oldest message is left out: nothing local knows it cheaply. */
export function measureQueues(parts: AwsParts, metrics: MetricStore, shutdown: Shutdown): void {
  const timer = setInterval(async () => {
    for (const [QueueName, { visible, in_flight }] of Object.entries(await parts.depths())) {
      metrics.put('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName }, 'Count', [visible]);
      metrics.put('AWS/SQS', 'ApproximateNumberOfMessagesNotVisible', { QueueName }, 'Count', [in_flight]);
    }
  }, MS_BETWEEN_MEASUREMENTS);
  shutdown.interrupt(() => clearInterval(timer));
}
