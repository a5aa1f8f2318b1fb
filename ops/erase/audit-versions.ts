import { gunzipSync, gzipSync } from 'node:zlib';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { erasedLine, ownIdsOf, type Person, tellsOf } from './erased-line.ts';

/** A version of an audit object that tells of the person. */
export interface TellingVersion {
  key: string;
  version_id: string;
  latest: boolean;
  /** Lines of it that do. */
  lines: number;
  /** Object Lock: until when, and who may delete it before. null: anybody with the right to delete. */
  lock: { mode: 'GOVERNANCE' | 'COMPLIANCE'; until: string } | null;
}

export interface Search {
  versions_read: number;
  found: TellingVersion[];
  /** Ids of the person that lines named and that were not known before: lines that name only these may have been passed by. */
  learned: string[];
}

export interface AuditBucket {
  s3: S3Client;
  bucket: string;
  say(line: string): void;
}

/** Objects read side by side: S3 answers in tens of milliseconds, and nobody waits for one after another. */
const AT_ONCE = 16;

/** Reads every version of every object, old ones included, and what the comparison with Stripe kept there. Changes nothing. */
export async function searchAudit(parts: AuditBucket, person: Person): Promise<Search> {
  const result: Search = { versions_read: 0, found: [], learned: [] };
  const learned = new Set<string>();
  for await (const page of versionsOf(parts)) {
    for (let first = 0; first < page.length; first += AT_ONCE) {
      await Promise.all(
        page.slice(first, first + AT_ONCE).map(async ({ key, version_id, latest }) => {
          const read = await readVersion(parts, key, version_id);
          if (read === null) return;
          result.versions_read += 1;
          const telling = read.lines.filter((line) => tellsOf(line, person));
          if (telling.length === 0) return;
          for (const id of telling.flatMap(ownIdsOf))
            if (!person.ids.has(id) && !id.startsWith('cus_')) learned.add(id);
          result.found.push({ key, version_id, latest, lines: telling.length, lock: read.lock });
        }),
      );
    }
    parts.say(`${result.versions_read} versions of audit objects read.`);
  }
  result.found.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  return { ...result, learned: [...learned] };
}

/** Why a version was not deleted. */
export interface KeptVersion extends Pick<TellingVersion, 'key' | 'version_id'> {
  because: 'compliance_lock' | 'access_denied';
  until: string | null;
}

/**
 * Puts the object without the person where the version is the latest one, then deletes the version. Stopped in between, it is done by the next run.
 * @returns null when it is gone, else why not
 */
export async function eraseVersion(
  parts: AuditBucket,
  version: TellingVersion,
  person: Person,
  at: string,
): Promise<KeptVersion | null> {
  const { key, version_id, latest, lock } = version;
  const object = { Bucket: parts.bucket, Key: key };
  if (latest) {
    const read = await readVersion(parts, key, version_id);
    if (read === null) return null;
    const lines = read.lines.map((line) => (tellsOf(line, person) ? erasedLine(line, person, at) : line));
    await parts.s3.send(
      new PutObjectCommand({
        ...object,
        Body: gzipSync(`${lines.join('\n')}\n`),
        ContentType: 'application/x-ndjson',
        ContentEncoding: 'gzip',
      }),
    );
    // A bucket without versions has just lost the old one.
    if (version_id === 'null') return null;
  }
  const kept = (because: KeptVersion['because']) => ({ key, version_id, because, until: lock?.until ?? null });
  // Nobody may, not even the account's root.
  if (lock?.mode === 'COMPLIANCE') return kept('compliance_lock');
  try {
    await parts.s3.send(
      new DeleteObjectCommand({
        ...object,
        VersionId: version_id,
        // A bucket without Object Lock refuses the very word.
        ...(lock && { BypassGovernanceRetention: true }),
      }),
    );
    return null;
  } catch (error) {
    if ((error as Error).name !== 'AccessDenied') throw error;
    return kept('access_denied');
  }
}

async function* versionsOf({
  s3,
  bucket,
}: AuditBucket): AsyncGenerator<{ key: string; version_id: string; latest: boolean }[]> {
  let from: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, ...from }));
    yield (page.Versions ?? []).map(({ Key, VersionId, IsLatest }) => ({
      key: Key!,
      version_id: VersionId ?? 'null',
      latest: IsLatest === true,
    }));
    if (!page.IsTruncated) return;
    from = {
      ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
      ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
}

/** null: gone since it was listed. */
async function readVersion(
  { s3, bucket }: AuditBucket,
  key: string,
  version: string,
): Promise<{ lines: string[]; lock: TellingVersion['lock'] } | null> {
  try {
    const { Body, ObjectLockMode, ObjectLockRetainUntilDate } = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: version }),
    );
    const bytes = Buffer.from(await Body!.transformToByteArray());
    // `Content-Encoding: gzip` makes some servers and clients unpack it on the way.
    const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
    return {
      lines: text.split('\n').filter((line) => line !== ''),
      lock: ObjectLockMode
        ? { mode: ObjectLockMode, until: (ObjectLockRetainUntilDate ?? new Date(0)).toISOString() }
        : null,
    };
  } catch (error) {
    if (['NoSuchVersion', 'NoSuchKey'].includes((error as Error).name)) return null;
    throw error;
  }
}
