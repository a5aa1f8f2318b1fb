import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AccountEvent, collections, type ObjectMap, StripeAccount, type StripeObject } from './account.ts';
import { refuse, send, text, unknown } from './answers.ts';
import { answerDestinations, type Destination, type Destinations } from './event-destinations.ts';
import { type Faults, Measured, noFaults } from './faults.ts';
import { BadRequest, isCollection, listEvents, listObjects, searchObjects } from './lists.ts';
import { inOldShape } from './old-shape.ts';

export interface StripeServerOptions {
  /** @default an empty one */
  account?: StripeAccount;
  /** The only key it takes, besides {@link StripeServer.liveKey}; null takes any. @default a test key */
  key?: string | null;
  /** Whom it asks for what the account does not hold: Stripe itself, when a user gave their key. */
  upstream?: string | undefined;
  /** Milliseconds since the epoch: which events are still listed. @default the clock */
  now?: () => number;
}

/** A Stripe account as verbs and workers see it through the API: what it holds is what Stripe says. */
export interface StripeServer extends Destinations {
  /** For STRIPE_API_BASE. */
  readonly url: string;
  readonly key: string;
  /** The same account in live mode: what is made with it is of that mode. */
  readonly liveKey: string;
  readonly account: StripeAccount;
  readonly subscriptions: ObjectMap;
  readonly prices: ObjectMap;
  events: AccountEvent[];
  readonly faults: Faults;
  readonly measured: Measured;
  /** Requests as `GET /v1/prices`, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

const liveKey = 'sk_live_ThisIsNotARealKey4242';

/** A server of Stripe's shape on loopback: the calls that `ops`, the workers and the comparison make, and no other. */
export async function startStripeServer(options: StripeServerOptions = {}): Promise<StripeServer> {
  const { account = new StripeAccount(), key = 'sk_test_ThisIsNotARealKey4242', upstream, now = Date.now } = options;
  const parts = {
    account,
    upstream,
    now,
    destinations: new Map<string, Destination>(),
    onPing: async () => {},
  };
  const faults = noFaults();
  const measured = new Measured();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    try {
      response.setHeader('date', new Date(now()).toUTCString());
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stripe.local');
      asked.push(`${request.method} ${pathname}`);
      const refused = measured.judge(faults, Date.now());
      if (faults.latencyMs > 0) await sleep(faults.latencyMs);
      if (refused === 429) return refuse(response, 429, 'Request rate limit exceeded.', 'rate_limit');
      if (refused === 500) return refuse(response, 500, 'An unknown error occurred.');
      const { authorization } = request.headers;
      if (!authorization) return refuse(response, 401, 'You did not provide an API key.');
      if (key !== null && ![key, liveKey].some((one) => authorization === `Bearer ${one}`))
        return refuse(response, 401, 'Invalid API Key provided: sk_test_********', 'api_key_invalid');
      if ([...faults.forbidden].some((resource) => pathname.replace(/^\/v\d\//, '').startsWith(resource)))
        return refuse(response, 403, `The provided key does not have the required permissions for ${pathname}.`);
      await answer(served, request, response, pathname, searchParams);
    } catch (error) {
      if (error instanceof BadRequest) refuse(response, 400, error.message);
      else refuse(response, 502, `The Stripe simulator could not answer: ${(error as Error).message}`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = Object.assign(parts, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: key ?? 'sk_test_local',
    liveKey,
    subscriptions: account.objects.subscriptions,
    prices: account.objects.prices,
    faults,
    measured,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return Object.defineProperty(served as typeof served & { events: AccountEvent[] }, 'events', {
    get: () => account.events,
    set: (events: AccountEvent[]) => {
      account.events = events;
    },
  });
}

type Served = Destinations & Pick<Required<StripeServerOptions>, 'account' | 'now'> & { upstream: string | undefined };

async function answer(
  served: Served,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  const { account, now } = served;
  if (path.startsWith('/v2/')) return answerDestinations(served, request, response, path.split('/').slice(2));
  const resource = path.replace('/v1/', '');
  const shaped = (object: object) =>
    (String(request.headers['stripe-version'] ?? '9') < '2025-03-31' ? inOldShape(object, account) : object) as object;
  if (request.method === 'GET' && (resource === 'events' || isCollection(resource))) {
    const { data, has_more } =
      resource === 'events' ? listEvents(account, query, now() / 1000) : listObjects(account, resource, query);
    return send(response, 200, { object: 'list', url: path, has_more, data: data.map(shaped) });
  }
  const [, collection = '', id = ''] = /^(.+)\/([^/]+)$/.exec(resource) ?? [];
  if (request.method === 'GET' && id === 'search' && isCollection(collection)) {
    const { data, has_more } = searchObjects(account, collection, query);
    return send(response, 200, { object: 'search_result', url: path, has_more, data: data.map(shaped) });
  }
  const held: StripeObject | undefined =
    collection === 'events'
      ? account.events.find((event) => event.id === id)
      : isCollection(collection)
        ? account.objects[collection].get(id)
        : undefined;
  if (held && request.method === 'POST') await change(account, held, await text(request), Math.floor(now() / 1000));
  if (held) return send(response, 200, shaped(held));
  if (served.upstream !== undefined) return passOn(served.upstream, request, response);
  if (!isCollection(collection) && collection !== 'events') return unknown(response, path);
  const kind = collection === 'events' ? 'event' : collections[collection];
  refuse(response, 404, `No such ${kind.replace('checkout.', '')}: '${id}'`, 'resource_missing');
}

/** Sets metadata, as `POST /v1/customers/cus_…` with `metadata[user_id]=…` does, and says so in an event. An empty value unsets. */
async function change(account: StripeAccount, held: StripeObject, form: string, at: number): Promise<void> {
  const object = held as StripeObject & { object: string; metadata: Record<string, string> };
  const before = { ...object.metadata };
  for (const [name, value] of new URLSearchParams(form)) {
    const key = /^metadata\[(.+)\]$/.exec(name)?.[1];
    if (key === undefined) throw new BadRequest(`Received unknown parameter: ${name}`);
    if (value === '') delete object.metadata[key];
    else object.metadata[key] = value;
  }
  const type = object.object === 'customer' ? 'customer.updated' : `customer.${object.object}.updated`;
  account.emit(at, type, object, { metadata: before });
}

async function passOn(upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { authorization = '' } = request.headers;
  const { pathname, search } = new URL(request.url ?? '/', 'http://stripe.local');
  const answered = await fetch(new URL(pathname + search, upstream), {
    method: request.method ?? 'GET',
    headers: { authorization },
  });
  send(response, answered.status, (await answered.json()) as object);
}
