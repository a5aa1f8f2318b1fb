import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPool } from '../../adapters/postgres/pool.ts';
import type { StripeAccount } from '../../stripe-simulator/account.ts';
import { LONGEST_START_MS, type LocalRun, settledCount, startLocalRun } from './local-run.ts';
import { day, stripeAccount } from './stripe-lives.ts';

/** What once lost events in the local run, ended it, or opened it to others: each reproduced before it was closed. */
let run: LocalRun;

beforeAll(async () => {
  run = await startLocalRun(['--no-demo', '--port', '0']);
}, LONGEST_START_MS);

afterAll(() => run?.stop());

/** Sign-ups of so many customers; `change` gets every customer event before it is posted. */
function signUps(count: number, change: (customer: Record<string, unknown>, index: number) => void): StripeAccount {
  const account = stripeAccount();
  for (let index = 0; index < count; index++)
    account.customer(`c${index}`).signUp({ at: day(-3, index), periodEnd: day(27, index) });
  let seen = 0;
  for (const event of account.events) {
    if (event.type !== 'customer.created') continue;
    change((event.data as { object: Record<string, unknown> }).object, seen);
    seen += 1;
  }
  return account;
}

async function expectBalanced(before: Awaited<ReturnType<LocalRun['state']>>, posted: number): Promise<void> {
  const state = await run.idle(100);
  expect(state.posted - before.posted).toBe(posted);
  expect(settledCount(state)).toBe(state.posted);
  expect(state.audited).toBe(state.posted);
  expect([state.undelivered, state.unexplained]).toEqual([before.undelivered, before.unexplained]);
}

const text = (event: object) => JSON.stringify(event);
const hostile = (name: string) => ({
  id: `evt_hostile_${crypto.randomUUID().slice(0, 8)}`,
  object: 'event',
  type: 'customer.created',
  created: day(-1),
  livemode: false,
  data: { object: { id: 'cus_hostile', object: 'customer', name } },
});

describe('characters', () => {
  it('takes an emoji in a name, alone and among the neighbours of its batches', async () => {
    const before = await run.state();
    const one = await run.send('/stripe', text(hostile('😀 Zoë')));
    expect(one.status).toBe(202);
    const account = signUps(12, (customer, index) => {
      if (index === 7) customer.name = '😀';
    });
    expect((await run.post(account.events)).status).toBe(202);
    await expectBalanced(before, account.events.length + 1);
  });

  it.each([
    ['U+2028', '\u2028'],
    ['U+2029', '\u2029'],
    ['NEL', '\u0085'],
    ['U+FFFF', '\uFFFF'],
    ['U+FFFE', '\uFFFE'],
    ['a lone surrogate', '\ud800'],
  ])(
    'takes %s in a name and in an id, in one post and in lines',
    async (_what, character) => {
      const before = await run.state();
      const single = hostile(`a${character}b`);
      expect((await run.send('/stripe', text(single))).status).toBe(202);
      const inId = hostile('c');
      inId.data.object.id = `cus_${character}x`;
      expect((await run.send('/stripe', text(inId))).status).toBe(202);
      const many = Array.from({ length: 20 }, (_, index) => hostile(index === 7 ? `d${character}` : 'e'));
      expect(await (await run.post(many)).json()).toMatchObject({ accepted: 20 });
      await expectBalanced(before, 22);
    },
    60_000,
  );

  it('takes a lone CR as the white space that it is, and CRLF at the end of lines', async () => {
    const before = await run.state();
    const loneCr = text(hostile('x')).replaceAll(',"', ',\r"');
    const answer = await run.send('/stripe', `${loneCr}\r\n${text(hostile('y'))}\r\n`, 'application/x-ndjson');
    expect(await answer.json()).toMatchObject({ accepted: 2 });
    await expectBalanced(before, 2);
  });

  it('replays all of it', async () => {
    const { posted } = await run.idle();
    await run.send('/replay', JSON.stringify({ from: new Date(0).toISOString(), to: new Date(2e12).toISOString() }));
    const { replays } = await run.idle(100);
    expect(replays).toMatchObject([{ state: 'sent', events: posted }]);
  }, 120_000);
});

describe('sizes', () => {
  const eventOf = (bytes: number) => {
    const event = hostile('');
    event.data.object.name = 'x'.repeat(bytes - text(event).length);
    return event;
  };

  it('takes the longest event there is, and refuses a longer one with 400', async () => {
    const before = await run.state();
    expect((await run.send('/stripe', text(eventOf(1024 * 1024 - 1024)))).status).toBe(202);
    expect((await run.send('/stripe', text(eventOf(1024 * 1024 - 1023)))).status).toBe(400);
    expect((await run.post([hostile('a'), eventOf(1024 * 1024)])).status).toBe(400);
    await expectBalanced(before, 1);
  });

  it('refuses with 400 what is short as it comes and too long in its envelope', async () => {
    const longType = { ...hostile('a'), type: 'x'.repeat(600_000) };
    expect((await run.send('/stripe', text(longType))).status).toBe(400);
    const digits = text(hostile('N')).replace('"N"', `[${'1e20,'.repeat(90_000)}1]`);
    const answer = await run.send('/stripe', digits);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('EventBridge would refuse');
  });

  it.each(['/replay', '/fault'])('refuses a body of megabytes at %s before it fills the memory', async (path) => {
    const answer = await run.send(path, `{"what":"${'x'.repeat(5_000_000)}"}`);
    expect(answer.status).toBe(413);
    expect(await answer.text()).toContain('longer than 65536 bytes');
  });

  it('answers a path that is no address', async () => {
    const status = await new Promise((resolve, reject) => {
      request(`${run.url}//`, { path: '//' }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });
});

/** As the functions get it: from the secret, which only they may read. */
async function databaseUrl(): Promise<string> {
  const { DATABASE_URL } = JSON.parse(await secretText(functionVariables())) as { DATABASE_URL: string };
  return DATABASE_URL;
}

/** The environment of a running function's process, which the account that started it may read, and no other. */
function functionVariables(): Record<string, string> {
  const environ = readFileSync(`/proc/${pids[0]}/environ`, 'utf8');
  return Object.fromEntries(environ.split('\0').map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
}

let pids: number[] = [];
beforeAll(async () => {
  pids = Object.values((await run.state()).functions).flatMap(({ processes }) => processes);
});

async function secretText(variables: Record<string, string>): Promise<string> {
  const answer = await askAws(variables, {
    authorization: `AWS4-HMAC-SHA256 Credential=${variables.AWS_ACCESS_KEY_ID}/20261121/us-east-1/x/aws4_request`,
  });
  return ((await answer.body) as { SecretString: string }).SecretString;
}

function askAws(variables: Record<string, string>, headers: Record<string, string>) {
  return ask(variables.AWS_ENDPOINT_URL_SECRETS_MANAGER!, '/', text({ SecretId: variables.SECRET_ID }), {
    'x-amz-target': 'secretsmanager.GetSecretValue',
    ...headers,
  });
}

/** Not `fetch`: that one sets the Host itself. */
async function ask(base: string, path: string, body: string, headers: Record<string, string>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const asked = request(new URL(path, base), { method: body === '' ? 'GET' : 'POST', headers }, async (response) => {
    const chunks = await response.toArray();
    const answer = Buffer.concat(chunks).toString();
    resolve({ status: response.statusCode!, body: answer.startsWith('{') ? JSON.parse(answer) : answer });
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}

describe('others on this machine', () => {
  it('do not get the secret, whatever they call themselves', async () => {
    const variables = functionVariables();
    const signature = `AWS4-HMAC-SHA256 Credential=${variables.AWS_ACCESS_KEY_ID}/x/us-east-1/x/aws4_request`;
    const strangers: Record<string, string>[] = [
      {},
      { authorization: signature.replace(variables.AWS_ACCESS_KEY_ID!, 'local') },
      { authorization: signature, host: 'rebind.evil.example' },
    ];
    for (const headers of strangers) {
      const { status, body } = await askAws(variables, headers);
      expect([status, JSON.stringify(body)]).toEqual([403, expect.not.stringContaining('postgres')]);
    }
  });

  it('do not read or fill the queues, the bucket or the table', async () => {
    const { AWS_ENDPOINT_URL_SQS: queues, AWS_ENDPOINT_URL_DYNAMODB: tables } = functionVariables();
    for (const [base, path] of [
      [queues!, '/_fauxqs/queues'],
      [queues!, '/'],
      [tables!, '/'],
    ] as const) {
      for (const body of ['', '{}']) {
        const { status } = await ask(base, path, body, { 'content-type': 'application/x-amz-json-1.0' });
        expect(status).toBe(403);
      }
    }
  });

  it.each(['postgres', 'stripe_writer'])('do not log in to Postgres as %s without the password', async (role) => {
    const url = new URL(await databaseUrl());
    url.username = role;
    url.password = '';
    const pool = connectPool(url.href, null, 1);
    await expect(pool.query('select 1')).rejects.toThrow(/password/i);
    await pool.end();
  });
});

describe('other web pages', () => {
  it('may not frame the page, so that no click of theirs can hit its buttons', async () => {
    const answer = await fetch(run.url);
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it.each([
    ['POST', '/stripe', 'host.docker.internal:4000', undefined, 400],
    ['POST', '/stripe', 'host.docker.internal', 'http://host.docker.internal', 403],
    ['POST', '/fault', 'host.docker.internal:4000', undefined, 403],
    ['GET', '/state', 'host.docker.internal:4000', undefined, 403],
    ['POST', '/stripe', 'host.docker.internal.evil.example', undefined, 403],
  ])('%s %s as %s (origin %s) answers %i', async (method, path, host, origin, expected) => {
    const headers = { host, ...(origin === undefined ? {} : { origin }) };
    const { status } = await ask(run.url, path, method === 'GET' ? '' : 'no event', headers);
    expect(status).toBe(expected);
  });
});

describe('a kill of Postgres from outside', () => {
  it('is noticed, said and repaired, and nothing is lost', async () => {
    const before = await run.idle();
    const account = signUps(5, () => {});
    process.kill(postmaster(), 'SIGKILL');
    // By what it says: on an idle machine Postgres is back before anybody can ask.
    while (!/Postgres ended \(SIGKILL\), which nobody here asked for; it is being started again/.test(run.output()))
      await sleep(20);
    await run.post(account.events);
    await run.until('it is started again', ({ database }) => database.running, 30);
    await expectBalanced(before, account.events.length);
  }, 60_000);

  it('keeps no stop waiting', async () => {
    process.kill(postmaster(), 'SIGKILL');
    await sleep(50);
    expect(await run.stop()).toBe(0);
  }, 20_000);
});

/** The process that the run started: the parent of all others of that server. */
function postmaster(): number {
  const children = readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, 'utf8').trim().split(' ');
  const pid = children.map(Number).find((child) => /postgres\0-D/.test(readFileSync(`/proc/${child}/cmdline`, 'utf8')));
  if (!pid) throw new Error(`No Postgres among the children ${children}`);
  return pid;
}
