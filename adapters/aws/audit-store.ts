import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

/** Writes batches of envelopes to the audit bucket as gzip NDJSON: one envelope a line, as it came from the bus. */
export function auditStore(client: S3Client, bucket: string) {
  return {
    /**
     * Answers the object's key: `<yyyy>/<mm>/<dd>/<hh>/<sha256 of the lines>.ndjson.gz`, UTC, by the earliest envelope's time.
     *
     * Lines stand in the order of their times, and the object is named after them: the same envelopes, in whatever order they came, are the
     * same object.
     * @throws what S3 answered; the messages then stay in their queue.
     */
    async put(bodies: readonly string[]): Promise<string> {
      const sorted = bodies
        .map((body) => ({ time: timeOf(body), line: asLine(body) }))
        .sort((a, b) => compare(a.time, b.time) || compare(a.line, b.line));
      const lines = `${sorted.map(({ line }) => line).join('\n')}\n`;
      const folder =
        sorted
          .find(({ time }) => time !== '')
          ?.time.slice(0, 13)
          .replace(/[-T]/g, '/') ?? 'unreadable';
      const key = `${folder}/${createHash('sha256').update(lines).digest('hex')}.ndjson.gz`;
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

/** When EventBridge took the envelope, to the second, `2026-11-21T09:00:00`; nothing when it does not say so. */
const timeOf = (body: string): string => /"time"\s*:\s*"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})/.exec(body)?.[1] ?? '';

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
