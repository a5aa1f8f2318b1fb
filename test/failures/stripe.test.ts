import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripeClient, stripeReader } from '../../adapters/stripe.ts';

/** Stripe's API failing during a refetch: the real client against a server that misbehaves. */

let server: Server;
let answer: { status: number; body: object } | 'hang up';
let asked: { url: string; version: string | undefined }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ url: request.url!, version: request.headers['stripe-version'] as string });
    if (answer === 'hang up') return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

const fetchIt = () =>
  stripeReader(() =>
    stripeClient('sk_test_topsecret', `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  ).subscription('sub_1');
const failure = (status: number, error: object) => ({ status, body: { error } });

it('asks for the subscription in the API version that our readers know', async () => {
  answer = { status: 200, body: { id: 'sub_1', object: 'subscription' } };
  expect(await fetchIt()).toMatchObject({ id: 'sub_1' });
  expect(asked).toEqual([{ url: '/v1/subscriptions/sub_1', version: '2026-10-28.endive' }]);
});

it.each([
  ['throttles', failure(429, { type: 'invalid_request_error', code: 'rate_limit' }), 'stripe_429'],
  ['is down', failure(503, { type: 'api_error' }), 'stripe_503'],
  [
    'does not know the key',
    failure(401, { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_test_topsecret' }),
    'stripe_401',
  ],
  ['hangs up', 'hang up' as const, 'stripe_unreachable'],
])(
  'waits while Stripe %s, and says no secret',
  async (_what, misbehaviour, code) => {
    answer = misbehaviour;
    const error = await fetchIt().catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ retry: 'later', code });
    expect((error as Error).message).not.toContain('topsecret');
  },
  20_000,
);

it('gives up on a subscription that Stripe does not know, and says what may be wrong', async () => {
  answer = failure(404, { type: 'invalid_request_error', code: 'resource_missing' });
  await expect(fetchIt()).rejects.toMatchObject({
    retry: 'never',
    code: 'stripe_not_found',
    message: expect.stringMatching(/sub_1.*another account or mode/),
  });
});

it('waits until there is a key', async () => {
  await expect(stripeReader(() => stripeClient('')).subscription('sub_1')).rejects.toMatchObject({
    retry: 'later',
    code: 'secret_not_set',
  });
});

it.each(['http://stripe.example.com', 'ftp://127.0.0.1', 'nonsense'])(
  'refuses to send the key to %s',
  async (apiBase) => {
    await expect(stripeClient('sk_test_topsecret', apiBase)).rejects.toThrow(/STRIPE_API_BASE.*wanted https/);
  },
);
