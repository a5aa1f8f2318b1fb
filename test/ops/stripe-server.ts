import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A Stripe account as our verbs and workers see it through the API: what a test puts here is what Stripe says. */
export interface StripeServer {
  /** For STRIPE_API_BASE. */
  readonly url: string;
  readonly key: string;
  readonly subscriptions: Map<string, object & { id: string; customer: string }>;
  readonly prices: Map<string, object & { id: string; active: boolean }>;
  /** Newest first, as Stripe lists them. */
  events: (object & { id: string; type: string; created: number })[];
  readonly destinations: Map<string, Destination>;
  /** Requests as `GET /v1/prices`, in order. */
  readonly asked: string[];
  /** Called for a ping: delivers the event as Stripe would. */
  onPing: (event: object & { id: string; type: string }, destination: Destination) => Promise<void>;
  close(): Promise<void>;
}

export interface Destination {
  id: string;
  object: 'v2.core.event_destination';
  name: string;
  description: string;
  type: string;
  event_payload: string;
  snapshot_api_version: string;
  enabled_events: string[];
  status: 'enabled' | 'disabled';
  status_details?: { disabled: { reason: string } };
  livemode: boolean;
  created: string;
  updated: string;
  amazon_eventbridge: { aws_account_id: string; aws_event_source_arn: string; aws_event_source_status: string };
}

/** A server of Stripe's shape on loopback: the calls that `ops` and the workers make, and no other. */
export async function startStripeServer(key = 'sk_test_ThisIsNotARealKey4242'): Promise<StripeServer> {
  const account: Omit<StripeServer, 'url' | 'close'> = {
    key,
    subscriptions: new Map(),
    prices: new Map(),
    events: [],
    destinations: new Map(),
    asked: [],
    onPing: async () => {},
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stripe.local');
    account.asked.push(`${request.method} ${pathname}`);
    try {
      await answer(account, request, response, pathname, searchParams);
    } catch (error) {
      send(response, 500, { error: { type: 'api_error', message: String(error) } });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(account, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

type Account = Omit<StripeServer, 'url' | 'close'>;

async function answer(
  account: Account,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  if (request.headers.authorization !== `Bearer ${account.key}`) {
    return send(response, 401, {
      error: {
        type: 'invalid_request_error',
        code: 'api_key_invalid',
        message: 'Invalid API Key provided: sk_test_********',
      },
    });
  }
  const [, version, ...parts] = path.split('/');
  if (version === 'v2') return destinations(account, request, response, parts);
  if (request.method !== 'GET') return unknown(response, path);
  const [kind, id] = parts;
  switch (kind) {
    case 'subscriptions':
      return id === undefined
        ? list(
            response,
            path,
            query,
            [...account.subscriptions.values()].filter(
              ({ customer }) => !query.has('customer') || customer === query.get('customer'),
            ),
          )
        : one(response, account.subscriptions.get(id), 'subscription', id);
    case 'prices':
      return id === undefined
        ? list(
            response,
            path,
            query,
            [...account.prices.values()].filter(
              ({ active }) => !query.has('active') || String(active) === query.get('active'),
            ),
          )
        : one(response, account.prices.get(id), 'price', id);
    case 'events': {
      const types = [...query.entries()].filter(([name]) => name.startsWith('types')).map(([, type]) => type);
      const since = Number(query.get('created[gte]') ?? 0);
      return list(
        response,
        path,
        query,
        account.events.filter(({ type, created }) => (types.length === 0 || types.includes(type)) && created >= since),
      );
    }
    default:
      return unknown(response, path);
  }
}

async function destinations(
  account: Account,
  request: IncomingMessage,
  response: ServerResponse,
  parts: string[],
): Promise<void> {
  const [, collection, id, verb] = parts;
  if (collection !== 'event_destinations') return unknown(response, parts.join('/'));
  const body = JSON.parse((await text(request)) || '{}') as Record<string, never>;
  if (id === undefined && request.method === 'GET')
    return send(response, 200, {
      data: [...account.destinations.values()],
      next_page_url: null,
      previous_page_url: null,
    });
  if (id === undefined) return send(response, 200, create(account, body));
  const found = account.destinations.get(id);
  if (!found)
    return send(response, 404, {
      error: { type: 'not_found', code: 'not_found', message: `No such event destination: ${id}` },
    });
  if (verb === 'enable') Object.assign(found, { status: 'enabled', status_details: undefined });
  if (verb === 'disable')
    Object.assign(found, { status: 'disabled', status_details: { disabled: { reason: 'user' } } });
  if (verb === 'ping') {
    const event = {
      id: `evt_test_ping${account.asked.length}`,
      object: 'v2.core.event',
      type: 'v2.core.event_destination.ping',
      created: new Date().toISOString(),
      livemode: false,
      related_object: { id, type: 'v2.core.event_destination', url: `/v2/core/event_destinations/${id}` },
    };
    await account.onPing(event, found);
    return send(response, 200, event);
  }
  if (verb === undefined && request.method === 'POST') Object.assign(found, body);
  return send(response, 200, found);
}

function create(account: Account, body: Record<string, never>): Destination {
  const { amazon_eventbridge: bridge, ...rest } = body as unknown as Destination & {
    amazon_eventbridge: { aws_account_id: string; aws_region: string };
  };
  const id = `ed_test_61Transcript${account.destinations.size + 1}`;
  const now = new Date().toISOString();
  const made: Destination = {
    ...rest,
    id,
    object: 'v2.core.event_destination',
    status: 'enabled',
    livemode: false,
    created: now,
    updated: now,
    amazon_eventbridge: {
      aws_account_id: bridge.aws_account_id,
      aws_event_source_arn: `arn:aws:events:${bridge.aws_region}::event-source/aws.partner/stripe.com/${id}`,
      aws_event_source_status: 'pending',
    },
  };
  account.destinations.set(id, made);
  return made;
}

function list(response: ServerResponse, url: string, query: URLSearchParams, all: { id: string }[]): void {
  const limit = Number(query.get('limit') ?? 10);
  const after = query.get('starting_after');
  const rest = after === null ? all : all.slice(all.findIndex(({ id }) => id === after) + 1);
  send(response, 200, { object: 'list', url, data: rest.slice(0, limit), has_more: rest.length > limit });
}

function one(response: ServerResponse, object: object | undefined, kind: string, id: string): void {
  const missing = {
    error: { type: 'invalid_request_error', code: 'resource_missing', message: `No such ${kind}: '${id}'` },
  };
  send(response, object ? 200 : 404, object ?? missing);
}

const unknown = (response: ServerResponse, path: string): void =>
  send(response, 404, { error: { type: 'invalid_request_error', message: `Unrecognized request URL (${path})` } });

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_test' });
  response.end(JSON.stringify(body));
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The prices of a catalogue as Stripe would list them. */
export function pricesOf(catalogue: {
  plans: {
    id: string;
    prices: { id: string; lookup_key?: string | undefined; currency: string; amount_minor: number; interval: string }[];
  }[];
}) {
  return catalogue.plans.flatMap(({ id: plan, prices }) =>
    prices.map(({ id, lookup_key, currency, amount_minor, interval }) => ({
      id,
      object: 'price',
      active: true,
      livemode: false,
      nickname: plan,
      lookup_key: lookup_key ?? null,
      currency,
      unit_amount: amount_minor,
      type: 'recurring',
      recurring: { interval, interval_count: 1 },
    })),
  );
}
