import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSHandler } from 'aws-lambda';
import { auditQueue } from '../../adapters/aws/audit-queue.ts';
import { auditStore } from '../../adapters/aws/audit-store.ts';
import { type AuditedLine, logLines } from '../../core/log-lines.ts';
import { type AuditMessage, drainAuditQueue, secondsToWait } from '../../pipeline/drain-audit-queue.ts';
import { auditEnv, readEnv } from '../env.ts';

const env = readEnv(auditEnv);
const drainSeconds = Number(env.AUDIT_DRAIN_SECONDS);
const logger = new Logger();
const store = auditStore(new S3Client(), env.AUDIT_BUCKET);
const queue = auditQueue(new SQSClient(), env.AUDIT_QUEUE_URL);

/**
 * Every event of the bus, as it came, into few objects: what comes waits in its queue until the next full `AUDIT_DRAIN_SECONDS`, then all of it is written
 * together; many at once are written at once. With 0, each batch is an object.
 *
 * Reads nothing of an event but its time, so nothing is unreadable here. What S3 refuses stays in the queue, in order.
 */
export const handler: SQSHandler = async ({ Records }, context) => {
  logger.addContext(context);
  // `ops doctor` sends an empty batch to see whether the function starts.
  if (Records.length === 0) return { batchItemFailures: [] };
  const batch = Records.map(({ messageId, receiptHandle, body, attributes }) => ({
    messageId,
    receiptHandle,
    body,
    receives: Number(attributes.ApproximateReceiveCount),
  }));
  const wait = secondsToWait(batch, drainSeconds, Date.now());
  if (wait > 0) {
    await queue.hide(batch, wait);
    return { batchItemFailures: batch.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  }
  const written = (key: string, messages: readonly AuditMessage[]) => {
    const line: AuditedLine = {
      count: messages.length,
      key,
      sqs_message_ids: messages.map(({ messageId }) => messageId),
    };
    logger.info(logLines.audited, { ...line });
  };
  if (drainSeconds === 0) written(await store.put(batch.map(({ body }) => body)), batch);
  else
    await drainAuditQueue(
      { ...queue, write: store.put, written, timeLeftMs: () => context.getRemainingTimeInMillis() },
      batch,
    );
  return { batchItemFailures: [] };
};
