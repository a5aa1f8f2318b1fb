import type { IncomingMessage } from 'node:http';

/** More than the caller asked for was sent. */
export class BodyTooLong extends Error {
  constructor(longestBytes: number) {
    super(`The body is longer than ${longestBytes} bytes, the most that is taken here.`);
  }
}

/**
 * The whole body as text.
 * @throws {BodyTooLong} as soon as it is too long; the connection stays open for the answer.
 */
export async function bodyText(request: IncomingMessage, longestBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > longestBytes) break;
    chunks.push(chunk as Buffer);
  }
  if (bytes <= longestBytes) return Buffer.concat(chunks).toString();
  // What is still on its way is of no interest, but must be read before the next request of the same connection.
  request.resume();
  throw new BodyTooLong(longestBytes);
}
