import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Stripe from 'stripe';
import type { Shutdown } from '../shutdown.ts';

/** What the server answers from, and where it passes on what it does not know. */
export interface StripeApiOptions {
  subscriptions: ReadonlyMap<string, Stripe.Subscription>;
  /** Stripe itself, when the user gave a key: their own events still find their own subscriptions. */
  upstream: string | undefined;
  shutdown: Shutdown;
}

/**
 * A small server of Stripe's shape, on loopback: the part of its API that workers ask on a tie.
 * @returns its address, for `STRIPE_API_BASE`.
 */
export async function startStripeApi({ subscriptions, upstream, shutdown }: StripeApiOptions): Promise<string> {
  const server = createServer(async (request, response) => {
    try {
      await answer(request, response, subscriptions, upstream);
    } catch (error) {
      refuse(response, 502, 'api_error', `The local Stripe could not answer: ${(error as Error).message}`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  shutdown.add('the local Stripe', () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  subscriptions: ReadonlyMap<string, Stripe.Subscription>,
  upstream: string | undefined,
): Promise<void> {
  const { authorization } = request.headers;
  if (!authorization) return refuse(response, 401, 'invalid_request_error', 'You did not provide an API key.');
  const { pathname, search } = new URL(request.url ?? '/', 'http://local');
  const id = /^\/v1\/subscriptions\/(\w+)$/.exec(pathname)?.[1];
  const held = id === undefined ? undefined : subscriptions.get(id);
  if (request.method === 'GET' && held) return send(response, 200, held);
  if (upstream !== undefined) {
    const passedOn = await fetch(new URL(pathname + search, upstream), {
      method: request.method ?? 'GET',
      headers: { authorization },
    });
    return send(response, passedOn.status, (await passedOn.json()) as object);
  }
  if (request.method === 'GET' && id)
    return refuse(response, 404, 'invalid_request_error', `No such subscription: '${id}'`);
  refuse(response, 404, 'invalid_request_error', `Unrecognized request URL (${request.method}: ${pathname}).`);
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  send(response, status, { error: { type, message, ...(status === 404 ? { code: 'resource_missing' } : {}) } });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'request-id': `req_${crypto.randomUUID().slice(0, 8)}`,
  });
  response.end(JSON.stringify(body));
}
