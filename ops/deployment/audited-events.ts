import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';

/** An envelope as the audit trail keeps it: what the bus delivered, byte for byte. */
export interface AuditedEnvelope {
  line: string;
  /** EventBridge's, one for each delivery of Stripe's. */
  id: string;
  time: Date;
  /** The partner event source that it came from. */
  source: string;
  'detail-type': string;
  'replay-name'?: string;
}

/**
 * An object is named after its first envelope's hour, but may hold later ones: all that waited while the audit was paused, at most for as
 * long as its queue keeps messages. One day covers everything but such a pause.
 */
const NAMED_EARLIER_MS = 24 * 3_600_000;

/** Every audited envelope of a time range, object by object, replays left out (the archive leaves them out too). */
export async function* auditedEvents(
  s3: S3Client,
  bucket: string,
  from: Date,
  to: Date,
): AsyncGenerator<AuditedEnvelope[]> {
  for await (const { envelopes } of auditObjects(s3, bucket, from, to)) {
    const live = envelopes.filter(
      ({ time, 'replay-name': replay }) => replay === undefined && time >= from && time <= to,
    );
    if (live.length > 0) yield live;
  }
}

/** Where the audit keeps a delivery of an event. */
export interface AuditedCopy {
  key: string;
  /** When the bus took it; ISO 8601. */
  time: string;
  replay_name: string | null;
}

/** Every copy of one event among what the audit wrote between two moments, its replays included. */
export async function auditedCopies(
  s3: S3Client,
  bucket: string,
  eventId: string,
  from: Date,
  to: Date,
): Promise<AuditedCopy[]> {
  const copies: AuditedCopy[] = [];
  for await (const { key, envelopes } of auditObjects(s3, bucket, from, to)) {
    for (const { line, time, 'replay-name': replay = null } of envelopes)
      if (
        line.includes(JSON.stringify(eventId)) &&
        (JSON.parse(line) as { detail?: { id?: unknown } }).detail?.id === eventId
      )
        copies.push({ key, time: time.toISOString(), replay_name: replay });
  }
  return copies;
}

/** The objects that may hold something of a time range, each with those of its envelopes that no object before it held. */
async function* auditObjects(
  s3: S3Client,
  bucket: string,
  from: Date,
  to: Date,
): AsyncGenerator<{ key: string; envelopes: AuditedEnvelope[] }> {
  // What was written, and not removed from its queue in time, was written again.
  const seen = new Set<string>();
  for (const hour of hoursBetween(new Date(from.getTime() - NAMED_EARLIER_MS), to)) {
    for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: hour })) {
      for (const { Key, LastModified } of Contents) {
        // Written before the range began: it can hold nothing of it.
        if (Key === undefined || (LastModified !== undefined && LastModified < from)) continue;
        const envelopes = await readAuditObject(s3, bucket, Key);
        yield { key: Key, envelopes: envelopes.filter(({ id }) => !seen.has(id) && seen.add(id)) };
      }
    }
  }
}

/** The envelopes of one audit object; lines that are no envelope are left out, as no rule could match them, and those of which an erasure left only that they were. */
export async function readAuditObject(s3: S3Client, bucket: string, key: string): Promise<AuditedEnvelope[]> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const bytes = Buffer.from(await Body!.transformToByteArray());
  // `Content-Encoding: gzip` makes some servers and clients unpack it on the way.
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').flatMap((line) => envelopeIn(line) ?? []);
}

function envelopeIn(line: string): AuditedEnvelope | undefined {
  try {
    const envelope = JSON.parse(line) as Record<string, unknown>;
    const time = new Date(String(envelope.time));
    if (Number.isNaN(time.getTime()) || typeof envelope['detail-type'] !== 'string' || envelope.erased !== undefined)
      return undefined;
    const replay = envelope['replay-name'];
    return {
      line,
      // One without an id is never taken for another.
      id: typeof envelope.id === 'string' ? envelope.id : line,
      time,
      source: String(envelope.source),
      'detail-type': envelope['detail-type'],
      ...(typeof replay === 'string' && { 'replay-name': replay }),
    };
  } catch {
    return undefined;
  }
}

/** `2026/11/21/09/`, `2026/11/21/10/`, … */
function hoursBetween(from: Date, to: Date): string[] {
  const hours: string[] = [];
  for (let at = Math.floor(from.getTime() / 3_600_000); at <= to.getTime() / 3_600_000; at++) {
    hours.push(`${new Date(at * 3_600_000).toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/')}/`);
  }
  return hours;
}
