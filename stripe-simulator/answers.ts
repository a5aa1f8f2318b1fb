import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer as Stripe sends it, with the second of its own clock. */
export function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'request-id': `req_${crypto.randomUUID().slice(0, 8)}`,
  });
  response.end(JSON.stringify(body));
}

/** Stripe's error object. @see https://docs.stripe.com/api/errors */
export function refuse(response: ServerResponse, status: number, message: string, code?: string): void {
  const type = status >= 500 ? 'api_error' : 'invalid_request_error';
  send(response, status, { error: { type, message, ...(code === undefined ? {} : { code }) } });
}

export const unknown = (response: ServerResponse, path: string): void =>
  refuse(response, 404, `Unrecognized request URL (${path})`);

export async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
