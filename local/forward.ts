/** Where plan events are posted to, and with which key: a developer's own app, in place of the address in the template. */
export interface Forward {
  url: string;
  apiKey: string;
}

/** The setting that makes the stack contain an API destination; nothing is ever posted to this address. */
const ANY_ENDPOINT = 'https://forwarded.invalid/plans';

/** With `--forward`, the template shall have the rule, the dead-letter queue and the destination that a deploy with `apiUrl` makes. */
export const templateContextFor = (forward: Forward | undefined): Record<string, string> =>
  forward === undefined ? {} : { apiUrl: ANY_ENDPOINT };

/**
 * @throws {TypeError} saying what was wanted, for what is no address to post to.
 */
export function readForwardUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new TypeError('Wanted an address such as http://localhost:3000/api/plans.');
  return url.href;
}
