import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import type { HealedField } from '../../pipeline/reconcile/ports.ts';

/** Beside the audit trail's folders, which begin with a year. */
export const healedRowsPrefix = 'reconcile/';

/**
 * Keeps what comparisons had corrected in the audit bucket: `reconcile/<yyyy>/<mm>/<dd>/<run>-<sha256 of the lines>.ndjson.gz`, a line for each
 * field with what it was and what it became. The SDK is loaded at the first call: most runs correct nothing.
 */
export function healedRows(bucket: string, client?: S3Client) {
  return async (lines: readonly HealedField[]): Promise<void> => {
    const [first] = lines;
    if (first === undefined) return;
    const text = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
    const { PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
    await (client ?? new S3Client()).send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `${healedRowsPrefix}${first.at.slice(0, 10).replaceAll('-', '/')}/${first.run_id}-${hash}.ndjson.gz`,
        Body: gzipSync(text),
        ContentType: 'application/x-ndjson',
        ContentEncoding: 'gzip',
      }),
    );
  };
}
