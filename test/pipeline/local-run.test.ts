import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineState } from '../../local/pipeline-state.ts';
import { plusMonthly, premiumMonthly } from '../../stripe-simulator/prices.ts';
import { type StripeServer, startStripeServer } from '../../stripe-simulator/server.ts';
import { LONGEST_START_MS, type LocalRun, settledCount, spawnLocalRun, startLocalRun } from './local-run.ts';
import { day, iso, stripeAccount } from './stripe-lives.ts';

/** Two at once, as two people on one machine would have them: one without a Stripe key, one with a Stripe to ask. */
let run: LocalRun;
let runWithStripe: LocalRun;
const stripe = stripeAccount();
let stripeServer: StripeServer;

beforeAll(async () => {
  stripeServer = await startStripeServer({ account: stripe, key: null });
  [run, runWithStripe] = await Promise.all([
    startLocalRun(['--no-demo', '--port', '0']),
    startLocalRun(['--no-demo', '--port', '0'], {
      STRIPE_API_BASE: stripeServer.url,
      STRIPE_SECRET_KEY: 'sk_test_tests',
    }),
  ]);
}, LONGEST_START_MS);

afterAll(async () => {
  await Promise.all([run?.stop(), runWithStripe?.stop()]);
  await stripeServer?.close();
});

describe('POST /stripe', () => {
  it('takes one event as JSON and answers its id', async () => {
    const before = await run.state();
    const account = stripeAccount();
    account.customer('solo').signUp({ at: day(-3), periodEnd: day(27) });
    const event = account.events.find(({ type }) => type === 'customer.subscription.updated')!;

    const answer = await run.send('/stripe', JSON.stringify(event, null, 2));

    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({ accepted: 1, ids: [event.id] });
    const state = await run.idle();
    expect(state.posted - before.posted).toBe(1);
    expect(state.outcomes.applied - before.outcomes.applied).toBe(1);
    expect(state.audited - before.audited).toBe(1);
  });

  it('takes types that nobody handles, and Stripe’s thin events: audited, unrouted', async () => {
    const before = await run.state();
    const answer = await run.post([
      {
        id: 'evt_payout',
        object: 'event',
        type: 'payout.paid',
        created: day(-1),
        livemode: false,
        data: { object: { id: 'po_1' } },
      },
      {
        id: 'evt_ping',
        object: 'v2.core.event',
        type: 'v2.core.event_destination.ping',
        created: iso(day(-1)),
        livemode: false,
      },
    ]);
    expect(answer.status).toBe(202);
    const state = await run.idle();
    expect(state.outcomes.unrouted - before.outcomes.unrouted).toBe(2);
    expect(state.audited - before.audited).toBe(2);
  });

  const good = { id: 'evt_good', object: 'event', type: 'invoice.paid', created: 1_790_000_000, data: { object: {} } };
  const goodLine = JSON.stringify(good);
  it.each([
    ['nothing', 'application/json', '', 1, '(the whole)', /not JSON/],
    ['rubbish', 'application/json', 'hello', 1, '(the whole)', /not JSON/],
    [
      'JSON that breaks on its third line',
      'application/json',
      '{\n"id": "evt_1",\n"type": oops\n}',
      3,
      '(the whole)',
      /not JSON/,
    ],
    ['an array', 'application/json', `[${goodLine}]`, 1, '(the whole)', /wanted a Stripe event/],
    [
      'another object of Stripe',
      'application/json',
      '{"id":"cus_1","object":"customer"}',
      1,
      'object',
      /wanted "event".*got "customer"/,
    ],
    [
      'an event without its second',
      'application/json',
      JSON.stringify({ ...good, created: undefined }),
      1,
      'created',
      /got nothing/,
    ],
    [
      'an event without its object',
      'application/json',
      JSON.stringify({ ...good, data: {} }),
      1,
      'data.object',
      /the object that the event is about/,
    ],
    ['no lines at all', 'application/x-ndjson', '\n\n', 1, '(the whole)', /at least one/],
    [
      'a third line that is no JSON',
      'application/x-ndjson',
      `${goodLine}\n\n{"id":\n${goodLine}`,
      3,
      '(the whole)',
      /^line 3: .*not JSON/,
    ],
    [
      'a second line that is no event',
      'application/x-ndjson',
      `${goodLine}\n{"id":"evt_2","object":"event","type":7,"created":1,"data":{"object":{}}}`,
      2,
      'type',
      /^line 2: type: .*got 7/,
    ],
    [
      'a line longer than EventBridge takes',
      'application/x-ndjson',
      `${goodLine}\n{"id":"${'x'.repeat(1_100_000)}"}`,
      2,
      '(the whole)',
      /longer than/,
    ],
  ])('refuses %s with line and field, and accepts nothing', async (_what, contentType, body, line, field, message) => {
    const before = await run.state();
    const answer = await run.send('/stripe', body, contentType);
    expect(answer.status).toBe(400);
    const problem = (await answer.json()) as { error: string; line: number; field: string };
    expect(problem).toMatchObject({ line, field });
    expect(problem.error).toMatch(message);
    const state = await run.state();
    expect([state.posted, state.idle]).toEqual([before.posted, true]);
  });

  it('answers a long post whose beginning is bad, instead of hanging up', async () => {
    const answer = await run.send('/stripe', `nonsense\n${`${goodLine}\n`.repeat(100_000)}`, 'application/x-ndjson');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ line: 1 });
  });

  it('lives on when a post breaks off in the middle', async () => {
    const before = await run.state();
    const post = request(`${run.url}/stripe`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
    const broken = once(post, 'error');
    post.write(`${goodLine}\n`.repeat(1000));
    await sleep(200);
    post.destroy(new Error('gone'));
    await broken;
    const state = await run.state();
    expect([state.posted, state.idle]).toEqual([before.posted, true]);
  });

  it('names every missing field of an event at once', async () => {
    const answer = await run.send('/stripe', '{"object":"event"}');
    const { problems } = (await answer.json()) as { problems: { field: string }[] };
    expect(problems.map(({ field }) => field)).toEqual(['id', 'type', 'created', 'data']);
  });
});

describe('the HTTP server', () => {
  it('answers what it knows, and says what there is', async () => {
    const answer = await fetch(`${run.url}/nowhere`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('GET /state');
  });

  it('is closed to other web pages of the same browser', async () => {
    const answer = await fetch(`${run.url}/fault`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: '{"what":"stop-database"}',
    });
    expect(answer.status).toBe(403);
  });

  it.each([
    ['{', '(the whole)'],
    ['{"to":"2026-11-21T00:00:00Z"}', 'from'],
    ['{"from":"yesterday","to":"2026-11-21T00:00:00Z"}', 'from'],
    ['{"from":"2026-11-22T00:00:00Z","to":"2026-11-21T00:00:00Z"}', 'from'],
    ['{"from":"2026-11-20T00:00:00Z","to":"2026-11-21T00:00:00Z","rules":["nope"]}', 'rules'],
  ])('refuses the replay %s', async (body, field) => {
    const answer = await run.send('/replay', body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ field });
  });
});

describe('the pipeline', () => {
  it('accounts for thousands of events in one NDJSON post', async () => {
    const before = await run.state();
    const account = stripeAccount();
    for (let index = 0; index < 150; index++) {
      const customer = account.customer(`many${index}`);
      const subscription = customer.signUp({ at: day(-40, index), periodEnd: day(-10, index) });
      customer.renew(subscription, { at: day(-10, index), periodEnd: day(20, index) });
    }
    const answer = await run.post(account.events);
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { ids: string[] }).ids).toEqual(account.events.map(({ id }) => id));

    const state = await run.idle(100);
    expect(account.events.length).toBeGreaterThan(3000);
    expect(state.posted - before.posted).toBe(account.events.length);
    expect(settledCount(state)).toBe(state.posted);
    expect(state.audited).toBe(state.posted);
    const plans = state.plans.filter(({ user_id }) => user_id?.includes('many'));
    expect(plans).toHaveLength(150);
    expect(plans.every(({ status, tier, entitled }) => status === 'active' && tier === 'PREMIUM' && entitled)).toBe(
      true,
    );
  }, 120_000);

  it('loses and doubles nothing when a handler is killed in the middle of a batch', async () => {
    const before = await run.state();
    const account = stripeAccount();
    for (let index = 0; index < 60; index++)
      account.customer(`killed${index}`).signUp({ at: day(-5, index), periodEnd: day(25, index) });
    const posted = run.post(account.events);
    await run.until('some settled', (state) => settledCount(state) > settledCount(before) + 60);
    const { functions } = await run.state();
    const killed = Object.values(functions).flatMap(({ processes }) => processes);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await posted;

    const state = await run.idle(100);
    expect(state.posted - before.posted).toBe(account.events.length);
    expect(settledCount(state)).toBe(state.posted);
    expect(state.audited).toBe(state.posted);
    expect(state.outcomes.parked).toBe(before.outcomes.parked);
    const plans = state.plans.filter(({ user_id }) => user_id?.includes('killed'));
    expect(plans.map(({ status, tier }) => `${status} ${tier}`)).toEqual(Array(60).fill('active PREMIUM'));
    const restarted = Object.values(state.functions).flatMap(({ processes }) => processes);
    expect(restarted).toHaveLength(killed.length);
    expect(restarted.some((pid) => killed.includes(pid))).toBe(false);
  }, 120_000);

  it('parks an event that cannot be read, with its reason, while its neighbours succeed', async () => {
    const before = await run.state();
    const account = stripeAccount();
    const customer = account.customer('poisoned');
    const subscription = customer.signUp({ at: day(-6), periodEnd: day(24) });
    customer.unreadableUpdate(subscription, day(-5));
    customer.changePlan(subscription, { at: day(-4), price: plusMonthly, proratedMinor: 100 });
    await run.post(account.events);

    const state = await run.idle();
    expect(state.outcomes.parked - before.outcomes.parked).toBe(1);
    expect(
      state.queues['huntaze-stripe-billing-failed-dev']!.visible -
        before.queues['huntaze-stripe-billing-failed-dev']!.visible,
    ).toBe(1);
    expect(state.plans.find(({ user_id }) => user_id === customer.userId)).toMatchObject({
      tier: 'PREMIUM_PLUS',
      status: 'active',
      as_of: iso(day(-4)),
    });
    expect(run.output()).toMatch(/parked evt_\S+ \(customer\.subscription\.updated\): .*items/);
  });

  it('waits through an outage of the database and heals by itself', async () => {
    const account = stripeAccount();
    const customer = account.customer('outage');
    customer.signUp({ at: day(-7), periodEnd: day(23) });
    expect((await run.send('/fault', '{"what":"stop-database"}')).status).toBe(202);
    await run.post(account.events);
    const during = await run.until('events go back to their queues', ({ deferred }) => deferred.length > 0);
    expect(during.idle).toBe(false);
    expect(during.database.running).toBe(false);
    await run.send('/fault', '{"what":"start-database"}');

    const state = await run.idle();
    expect(state.plans.find(({ user_id }) => user_id === customer.userId)).toMatchObject({
      tier: 'PREMIUM',
      status: 'active',
    });
    expect(settledCount(state)).toBe(state.posted);
    expect(state.deferred).toEqual([]);
  }, 60_000);

  it('replays the archive through the rules asked for, counts it apart, and changes nothing', async () => {
    const before = await run.idle();
    const billing = 'huntaze-stripe-billing-dev';
    const answer = await run.send('/replay', JSON.stringify({ from: iso(day(-1)), to: iso(day(2)), rules: [billing] }));
    expect(answer.status).toBe(202);

    const state = await run.idle(100);
    const replay = state.replays.at(-1)!;
    const { applied, refetched, duplicate, stale, ignored, parked, unrouted } = replay.outcomes;
    expect(replay).toMatchObject({ state: 'sent', events: before.posted, rules: [billing], audited: 0 });
    expect(applied + refetched).toBe(0);
    expect(duplicate + stale + ignored + parked + unrouted).toBe(replay.events);
    expect(state.plans).toEqual(before.plans);
    expect(state.archive.events).toBe(before.archive.events);
    expect([state.posted, state.outcomes, state.audited]).toEqual([before.posted, before.outcomes, before.audited]);
  }, 120_000);
});

describe('GET /state', () => {
  it('has the plans of every event that it counts, once it says idle', async () => {
    for (let round = 0; round < 15; round++) {
      const account = stripeAccount();
      const customer = account.customer(`torn${round}`);
      customer.signUp({ at: day(-3), periodEnd: day(27) });
      await run.post(account.events);
      // As quickly as it answers: the moment in which it becomes idle is the one that matters.
      let state = await run.state();
      while (!state.idle) state = await run.state();
      expect(state.plans.find(({ user_id }) => user_id === customer.userId)).toMatchObject({ status: 'active' });
    }
  }, 60_000);
});

describe('a tie within one second', () => {
  const tied = () => {
    const customer = stripe.customer(`tied${stripe.events.length}`);
    const subscription = customer.signUp({ at: day(-8), price: premiumMonthly, periodEnd: day(22) });
    const beforeTheTie = stripe.events.length;
    customer.cancelAtPeriodEnd(subscription, day(-2));
    customer.keepAfterAll(subscription, day(-2));
    const events = stripe.events.splice(0);
    return { customer, signUp: events.slice(0, beforeTheTie), tie: events.slice(beforeTheTie) };
  };

  it('waits in its queue, for all to see, while there is no key to ask Stripe with', async () => {
    const { customer, signUp, tie } = tied();
    await run.post(signUp);
    await run.idle();
    await run.post(tie);
    const waiting = await run.until('one of the two waits', ({ deferred }) => deferred.length > 0);
    expect(waiting.idle).toBe(false);
    expect(waiting.deferred).toEqual([
      expect.objectContaining({ type: 'customer.subscription.updated', code: 'secret_not_set' }),
    ]);
    const { visible, in_flight } = waiting.queues['huntaze-stripe-billing-dev']!;
    expect(visible + in_flight).toBe(1);
    expect(settledCount(waiting)).toBe(waiting.posted - 1);
    // A later event makes the question pointless.
    const later = { ...tie[1]!, id: `${tie[1]!.id}_later`, created: day(-1) };
    await run.post([later]);
    const state = await run.idle();
    expect(state.plans.find(({ user_id }) => user_id === customer.userId)).toMatchObject({
      status: 'active',
      as_of: iso(day(-1)),
    });
    expect(settledCount(state)).toBe(state.posted);
  }, 60_000);

  it('is settled by asking Stripe, where there is a key', async () => {
    const { customer, signUp, tie } = tied();
    await runWithStripe.post(signUp);
    await runWithStripe.idle();
    await runWithStripe.post(tie.reverse());
    const state = await runWithStripe.idle();
    expect(state.outcomes.refetched).toBe(1);
    expect(state.plans.find(({ user_id }) => user_id === customer.userId)).toMatchObject({
      status: 'active',
      as_of: iso(day(-2)),
    });
  }, 60_000);
});

describe('starting and stopping', () => {
  it('says in one sentence that a port is in use', async () => {
    const { child, output } = spawnLocalRun(['--no-demo', '--port', new URL(run.url).port]);
    const [code] = await once(child, 'exit');
    expect(code).toBe(2);
    expect(output()).toMatch(/^Port \d+ is in use\. Choose another: .*\n$/);
  });

  it.each([['--port', 'abc'], ['--port', '70000'], ['--nonsense'], ['extra']])(
    'refuses %s %s as wrong usage',
    async (...args) => {
      const { child, output } = spawnLocalRun(args.filter((arg) => typeof arg === 'string'));
      const [code] = await once(child, 'exit');
      expect([code, output()]).toEqual([2, expect.stringMatching(/^error: /)]);
    },
  );

  it(
    'stops everything when npm is told to stop',
    async () => {
      const npm = spawn('npm', ['start', '--', '--no-demo', '--port', '0'], {
        env: { PATH: process.env.PATH },
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      });
      let printed = '';
      npm.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      const url = () => /^Ready: (\S+)$/m.exec(printed)?.[1];
      const latest = Date.now() + LONGEST_START_MS;
      while (!url() && Date.now() < latest) await sleep(100);
      const { functions } = (await (await fetch(`${url()}/state`)).json()) as PipelineState;
      const pids = Object.values(functions).flatMap(({ processes }) => processes);

      npm.kill('SIGTERM');

      const latestEnd = Date.now() + 30_000;
      while ((await connects(url()!)) && Date.now() < latestEnd) await sleep(100);
      expect(await connects(url()!)).toBe(false);
      while (pids.some(isAlive) && Date.now() < latestEnd) await sleep(100);
      expect(pids.filter(isAlive)).toEqual([]);
    },
    LONGEST_START_MS + 60_000,
  );

  // Last, since it ends one of the two that the others use.
  it('stops everything it started on Ctrl-C, and leaves the other run alone', async () => {
    const { functions } = await runWithStripe.state();
    const pids = Object.values(functions).flatMap(({ processes }) => processes);
    expect(pids.length).toBeGreaterThan(2);

    expect(await runWithStripe.stop('SIGINT')).toBe(0);

    expect(await connects(runWithStripe.url)).toBe(false);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await run.state()).idle).toBe(true);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function connects(url: string): Promise<boolean> {
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
