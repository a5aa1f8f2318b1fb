import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

/** Writes batches of envelopes to the audit bucket as gzip NDJSON: one envelope a line, as it came from the bus. */
export function auditStore(client: S3Client, bucket: string) {
  return {
    /**
     * Answers the object's key: `<yyyy>/<mm>/<dd>/<hh>/<sha256 of the lines>.ndjson.gz`, UTC, by the first envelope's time.
     *
     * Named after its contents, so that a batch that is tried again writes the same object again.
     * @throws what S3 answered; the batch then stays in its queue.
     */
    async put(bodies: readonly string[]): Promise<string> {
      const lines = `${bodies.map(asLine).join('\n')}\n`;
      const key = `${folderOf(bodies[0])}/${createHash('sha256').update(lines).digest('hex')}.ndjson.gz`;
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: gzipSync(lines),
          ContentType: 'application/x-ndjson',
          ContentEncoding: 'gzip',
        }),
      );
      return key;
    },
  };
}

/** A body is one line already, unless somebody put something else in the queue: then it is kept as a JSON string. */
const asLine = (body: string): string => (isJson(body) ? body.replace(/[\r\n]+/g, ' ') : JSON.stringify(body));

function folderOf(body: string | undefined): string {
  const time = /"time"\s*:\s*"(\d{4})-(\d{2})-(\d{2})T(\d{2})/.exec(body ?? '');
  return time ? time.slice(1, 5).join('/') : 'unreadable';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
