import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import type { SQSHandler } from 'aws-lambda';
import { auditStore } from '../../adapters/aws/audit-store.ts';
import { type AuditedLine, logLines } from '../../core/log-lines.ts';
import { auditEnv, readEnv } from '../env.ts';

const env = readEnv(auditEnv);
const logger = new Logger();
const store = auditStore(new S3Client(), env.AUDIT_BUCKET);

/**
 * Every event of the bus, as it came, into one object a batch.
 *
 * Reads nothing of an event but its time, so nothing is unreadable here. What S3 refuses stays in the queue, in order.
 */
export const handler: SQSHandler = async ({ Records }, context) => {
  logger.addContext(context);
  // `ops doctor` sends an empty batch to see whether the function starts.
  if (Records.length === 0) return { batchItemFailures: [] };
  const key = await store.put(Records.map(({ body }) => body));
  const line: AuditedLine = { count: Records.length, key, sqs_message_ids: Records.map(({ messageId }) => messageId) };
  logger.info(logLines.audited, { ...line });
  return { batchItemFailures: [] };
};
