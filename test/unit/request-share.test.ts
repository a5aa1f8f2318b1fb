import { requestShare } from '../../adapters/request-share.ts';

/** A clock that only sleeping moves. */
function clock() {
  let time = 0;
  return {
    now: () => time,
    sleep: async (ms: number) => {
      const until = time + ms;
      await Promise.resolve();
      time = Math.max(time, until);
    },
  };
}

const refusal = (statusCode: number) => Object.assign(new Error(`HTTP ${statusCode}`), { statusCode });

it('spaces requests evenly under its rate, whoever asks', async () => {
  const time = clock();
  const share = requestShare(20, time);
  const at: number[] = [];
  await Promise.all(Array.from({ length: 21 }, () => share.run(async () => void at.push(time.now()))));
  expect(at.sort((one, other) => one - other).at(-1)).toBe(1000);
  expect(share.requests()).toBe(21);
});

it.each([429, 409, 500, 503])('asks again after a %d, later each time', async (status) => {
  const time = clock();
  const share = requestShare(1000, time);
  let attempts = 0;
  const answer = await share.run(async () => {
    attempts += 1;
    if (attempts < 4) throw refusal(status);
    return 'answered';
  });
  expect(answer).toBe('answered');
  // Half of 0.5 + 1 + 2 seconds at the least.
  expect(time.now()).toBeGreaterThanOrEqual(1750);
});

it('has everybody wait after a 429', async () => {
  const time = clock();
  const share = requestShare(1000, time);
  let refused = false;
  await share.run(async () => {
    if (refused) return;
    refused = true;
    throw refusal(429);
  });
  const before = time.now();
  expect(before).toBeGreaterThanOrEqual(250);
});

it.each([400, 401, 403, 404])('does not ask again after a %d', async (status) => {
  let attempts = 0;
  await expect(
    requestShare(1000, clock()).run(async () => {
      attempts += 1;
      throw refusal(status);
    }),
  ).rejects.toMatchObject({ statusCode: status });
  expect(attempts).toBe(1);
});

it('gives up after about two minutes', async () => {
  const time = clock();
  await expect(
    requestShare(1000, time).run(async () => {
      throw refusal(429);
    }),
  ).rejects.toMatchObject({ statusCode: 429 });
  expect(time.now()).toBeGreaterThan(30_000);
  expect(time.now()).toBeLessThan(130_000);
});
