import type { IncomingMessage, ServerResponse } from 'node:http';
import { send, text, unknown } from './answers.ts';

/** Where an account sends its events. @see https://docs.stripe.com/api/v2/core/event_destinations */
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

/** The event destinations of an account, and what a ping does. */
export interface Destinations {
  readonly destinations: Map<string, Destination>;
  /** Called for a ping: delivers the event as Stripe would. */
  onPing: (event: object & { id: string; type: string }, destination: Destination) => Promise<void>;
}

let pings = 0;
/** How many an account has made so far: an id is never given again, and a bus is named after it. */
const made = new WeakMap<Destinations['destinations'], number>();

/** Answers `/v2/core/event_destinations…`. */
export async function answerDestinations(
  account: Destinations,
  request: IncomingMessage,
  response: ServerResponse,
  parts: string[],
): Promise<void> {
  const livemode = /_live_/.test(request.headers.authorization ?? '');
  const [, collection, id, verb] = parts;
  if (collection !== 'event_destinations') return unknown(response, parts.join('/'));
  const body = JSON.parse((await text(request)) || '{}') as Record<string, never>;
  if (id === undefined && request.method === 'GET')
    return send(response, 200, {
      data: [...account.destinations.values()],
      next_page_url: null,
      previous_page_url: null,
    });
  if (id === undefined) return send(response, 200, create(account, body, livemode));
  const found = account.destinations.get(id);
  if (!found)
    return send(response, 404, {
      error: { type: 'not_found', code: 'not_found', message: `No such event destination: ${id}` },
    });
  if (verb === 'enable') Object.assign(found, { status: 'enabled', status_details: undefined });
  if (verb === 'disable')
    Object.assign(found, { status: 'disabled', status_details: { disabled: { reason: 'user' } } });
  if (verb === 'ping') {
    pings += 1;
    const event = {
      id: `evt_test_ping${pings}`,
      object: 'v2.core.event',
      type: 'v2.core.event_destination.ping',
      created: new Date().toISOString(),
      livemode: found.livemode,
      related_object: { id, type: 'v2.core.event_destination', url: `/v2/core/event_destinations/${id}` },
    };
    await account.onPing(event, found);
    return send(response, 200, event);
  }
  if (request.method === 'DELETE') {
    account.destinations.delete(id);
    return send(response, 200, { id, object: found.object, deleted: true });
  }
  if (verb === undefined && request.method === 'POST') Object.assign(found, body);
  return send(response, 200, found);
}

/** Gives the account a destination that is enabled and whose event source a bus has taken: `aws.partner/stripe.com/ed_…`. */
export function sendsTo(account: Pick<Destinations, 'destinations'>, eventSourceName: string): Destination {
  const destination = create(account, {
    type: 'amazon_eventbridge',
    enabled_events: ['*'],
    amazon_eventbridge: { aws_account_id: '000000000000', aws_region: 'us-east-1' },
  } as never);
  Object.assign(destination.amazon_eventbridge, {
    aws_event_source_arn: `arn:aws:events:us-east-1::event-source/${eventSourceName}`,
    aws_event_source_status: 'active',
  });
  return destination;
}

function create(
  account: Pick<Destinations, 'destinations'>,
  body: Record<string, never>,
  livemode = false,
): Destination {
  const { amazon_eventbridge: bridge, ...rest } = body as unknown as Destination & {
    amazon_eventbridge: { aws_account_id: string; aws_region: string };
  };
  const number = (made.get(account.destinations) ?? 0) + 1;
  made.set(account.destinations, number);
  const id = `ed_${livemode ? '' : 'test_'}61Transcript${number}`;
  const now = new Date().toISOString();
  const destination: Destination = {
    ...rest,
    id,
    object: 'v2.core.event_destination',
    status: 'enabled',
    livemode,
    created: now,
    updated: now,
    amazon_eventbridge: {
      aws_account_id: bridge.aws_account_id,
      aws_event_source_arn: `arn:aws:events:${bridge.aws_region}::event-source/aws.partner/stripe.com/${id}`,
      aws_event_source_status: 'pending',
    },
  };
  account.destinations.set(id, destination);
  return destination;
}
