import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One version of an object; newest last. */
export interface Version {
  key: string;
  id: string;
  body: Buffer;
  lock: { mode: 'GOVERNANCE' | 'COMPLIANCE'; until: string } | null;
}

export type VersionedBucket = Awaited<ReturnType<typeof startVersionedBucket>>;

/**
 * A bucket with versions and Object Lock, at the wire: fauxqs keeps neither.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html a locked version is deleted only with the header and the right
 */
export async function startVersionedBucket() {
  const state = {
    versions: [] as Version[],
    /** What a new version is locked with. */
    lock: null as Version['lock'],
    /** Whether the caller has `s3:BypassGovernanceRetention`. */
    mayBypass: true,
    /** Versions a page of the list. */
    pageSize: 3,
    /** Fails the nth write from now on, as a process that is killed there. */
    breakAfterWrites: Number.POSITIVE_INFINITY,
  };
  let made = 0;
  const put = (key: string, body: Buffer, lock = state.lock): Version => {
    const version = { key, id: `version-${++made}`, body, lock };
    state.versions.push(version);
    return version;
  };
  const isLatest = (version: Version) => state.versions.findLast(({ key }) => key === version.key) === version;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    const [, , ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const fail = (status: number, code: string) =>
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
    const writes = request.method === 'PUT' || request.method === 'DELETE';
    if (writes && state.breakAfterWrites-- <= 0) return fail(400, 'KilledHere');
    if (request.method === 'GET' && url.searchParams.has('versions')) {
      // By key, then newest first, as S3 lists them.
      const sorted = [...state.versions]
        .reverse()
        .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
      const marker = url.searchParams.get('version-id-marker');
      const first = marker === null ? 0 : sorted.findIndex(({ id }) => id === marker) + 1;
      const page = sorted.slice(first, first + state.pageSize);
      const more = first + state.pageSize < sorted.length;
      const items = page.map(
        (it) =>
          `<Version><Key>${it.key}</Key><VersionId>${it.id}</VersionId><IsLatest>${isLatest(it)}</IsLatest></Version>`,
      );
      const next = more
        ? `<NextKeyMarker>${page.at(-1)!.key}</NextKeyMarker><NextVersionIdMarker>${page.at(-1)!.id}</NextVersionIdMarker>`
        : '';
      return response
        .writeHead(200, { 'content-type': 'application/xml' })
        .end(`<ListVersionsResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListVersionsResult>`);
    }
    const wanted = url.searchParams.get('versionId');
    const version = wanted
      ? state.versions.find((it) => it.key === key && it.id === wanted)
      : state.versions.findLast((it) => it.key === key);
    if (request.method === 'PUT') {
      const { id } = put(key, Buffer.concat(chunks));
      return response.writeHead(200, { 'x-amz-version-id': id }).end();
    }
    if (version === undefined) return fail(404, 'NoSuchVersion');
    if (request.method === 'GET') {
      return response
        .writeHead(200, {
          ...(version.lock && {
            'x-amz-object-lock-mode': version.lock.mode,
            'x-amz-object-lock-retain-until-date': version.lock.until,
          }),
        })
        .end(version.body);
    }
    const asked = request.headers['x-amz-bypass-governance-retention'] === 'true';
    if (asked && version.lock === null && state.lock === null) return fail(400, 'InvalidArgument');
    const free = version.lock === null || (version.lock.mode === 'GOVERNANCE' && asked && state.mayBypass);
    if (!free) return fail(403, 'AccessDenied');
    state.versions.splice(state.versions.indexOf(version), 1);
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  });
}
