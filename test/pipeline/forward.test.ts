import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiDelivery, ApiDestination } from '../../local/eventbridge/api-destination.ts';
import { envelopeOf } from '../../local/eventbridge/event-envelope.ts';
import { LONGEST_START_MS, type LocalRun, spawnLocalRun, startLocalRun } from './local-run.ts';
import { day, stripeAccount } from './stripe-lives.ts';

/** A developer's app: answers what it is told to, and remembers what it got. */
async function startApp() {
  const got: { status: number; headers: IncomingHttpHeaders; body: string }[] = [];
  const answers: number[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const status = answers.shift() ?? 200;
    got.push({ status, headers: request.headers, body });
    response.writeHead(status, { location: '/elsewhere' }).end('thank you');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/plans`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, got, answers, close };
}

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
beforeEach(() => {
  app.got.length = 0;
  app.answers.length = 0;
});

describe('an API destination', () => {
  const lost: string[] = [];
  const destination = (url: string) =>
    new ApiDestination({
      blueprint: { name: 'app', arn: 'arn', endpoint: 'https://elsewhere', keyHeader: 'x-api-key', postsPerSecond: 50 },
      url,
      apiKey: 'secret',
      deadLetter: async (body, _rule, _target, failure) => {
        lost.push(`${failure.exhausted ?? 'no retry'} after ${failure.attempt}: ${failure.message}`, body);
        return undefined;
      },
      signal: new AbortController().signal,
    });
  const rule = { name: 'r', arn: 'r', busName: 'b', enabled: true, matches: () => true, targets: [] };
  const target = { apiDestinationArn: 'arn', maximumRetryAttempts: 2, maximumEventAgeSeconds: 60 };
  const envelope = envelopeOf('plans', 'SUBSCRIPTION_ACTIVATED', { user_id: 'u' });
  const deliver = async (url = app.url) => {
    lost.length = 0;
    const seen: ApiDelivery[] = [];
    await destination(url).deliver(envelope, rule, target, (delivery) => seen.push(delivery));
    return seen;
  };

  it('posts the detail alone, with the key in its header', async () => {
    expect(await deliver()).toEqual([{ state: 'delivered', attempts: 1, answer: 'HTTP 200' }]);
    expect(app.got).toMatchObject([
      {
        body: '{"user_id":"u"}',
        headers: { 'x-api-key': 'secret', 'content-type': 'application/json; charset=utf-8' },
      },
    ]);
  });

  it.each([401, 409, 429, 500, 503])('posts again after %i', async (status) => {
    app.answers.push(status);
    expect(await deliver()).toEqual([
      { state: 'delivering', attempts: 1, answer: `HTTP ${status}` },
      { state: 'delivered', attempts: 2, answer: 'HTTP 200' },
    ]);
  });

  it.each([301, 400, 404, 410])('gives up at once after %i, and follows no redirect', async (status) => {
    app.answers.push(status);
    expect(await deliver()).toEqual([{ state: 'undelivered', attempts: 1, answer: `HTTP ${status}` }]);
    expect(lost).toEqual([`no retry after 0: HTTP ${status}`, JSON.stringify(envelope)]);
    expect(app.got).toHaveLength(1);
  });

  it('gives up when its retries are used up, with the reason', async () => {
    app.answers.push(500, 500, 500);
    expect((await deliver()).at(-1)).toEqual({ state: 'undelivered', attempts: 3, answer: 'HTTP 500' });
    expect(lost[0]).toBe('MaximumRetryAttempts after 2: HTTP 500');
  });

  it('says that nobody listens', async () => {
    const nobody = await startApp();
    nobody.close();
    expect((await deliver(nobody.url))[0]).toEqual({ state: 'delivering', attempts: 1, answer: 'ECONNREFUSED' });
  });
});

describe('npm start -- --forward', () => {
  let run: LocalRun;
  beforeAll(async () => {
    run = await startLocalRun(['--no-demo', '--port', '0', '--forward', app.url], { PIPELINE_API_KEY: 'of-the-app' });
  }, LONGEST_START_MS);
  afterAll(() => run?.stop());

  it('posts plan events to the app as the deployed stack would, and lists how that went', async () => {
    app.answers.push(503, 503);
    const account = stripeAccount();
    const customer = account.customer('listens');
    customer.signUp({ at: day(-3), periodEnd: day(27) });
    await run.post(account.events);
    const state = await run.until(
      'all is delivered',
      ({ idle, plan_events: events }) =>
        idle && events.length > 0 && events.every(({ delivery }) => delivery?.state === 'delivered'),
    );

    const taken = app.got.filter(({ status }) => status === 200);
    expect(taken.map(({ headers }) => headers['x-api-key'])).toEqual(taken.map(() => 'of-the-app'));
    const bodies = taken.map(({ body }) => JSON.parse(body) as { user_id: string });
    expect(bodies.every(({ user_id }) => user_id === customer.userId)).toBe(true);
    expect(state.plan_events.map(({ detail }) => JSON.stringify(detail)).sort()).toEqual(
      taken.map(({ body }) => body).sort(),
    );
    expect(state.forward).toBe(app.url);
    expect(state.plan_events.reduce((sum, { delivery }) => sum + delivery!.attempts, 0)).toBe(taken.length + 2);
  }, 60_000);

  it('keeps in the destination’s dead-letter queue what the app refuses, and says so', async () => {
    app.answers.push(...Array(10).fill(400));
    const account = stripeAccount();
    account.customer('refused').signUp({ at: day(-3), periodEnd: day(27) });
    await run.post(account.events);
    const state = await run.until('one is refused', ({ plan_events: events }) =>
      events.some(({ delivery }) => delivery?.state === 'undelivered'),
    );
    expect(state.queues['huntaze-stripe-api-undelivered-dev']!.visible).toBeGreaterThan(0);
    expect(run.output()).toContain(`could not be posted to ${app.url}: HTTP 400`);
  }, 60_000);

  it.each(['localhost:3000/plans', 'ftp://localhost', 'nonsense'])('refuses to forward to %s', async (address) => {
    const { child, output } = spawnLocalRun(['--forward', address]);
    const [code] = await once(child, 'exit');
    expect([code, output()]).toEqual([2, expect.stringContaining('http://localhost:3000/api/plans')]);
  });
});
