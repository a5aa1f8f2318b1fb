import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Made anew for each run, and given to its functions only: whoever else asks a port of this run on loopback is refused. */
export const LOCAL_CREDENTIALS = { accessKeyId: `local-${randomUUID()}`, secretAccessKey: randomUUID() };

/**
 * Why a request is none of this run's functions, or undefined when it is one.
 *
 * A name other than loopback's comes from a web page whose name was pointed here (DNS rebinding). The signature is not worked out:
 * the access key is the secret, and it travels over loopback only.
 */
export function strangerReason({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  if (!isLoopbackHost(headers.host)) return 'Only 127.0.0.1 may be asked.';
  const accessKeyId = /Credential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];
  if (accessKeyId !== LOCAL_CREDENTIALS.accessKeyId) return "The request is not signed with this run's credentials.";
  return undefined;
}

/** A `Host` header that names this machine, whatever the port. */
export const isLoopbackHost = (host: string | undefined): boolean =>
  /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? '');
