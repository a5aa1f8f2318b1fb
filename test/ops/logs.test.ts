import { type Pipeline, startPipeline } from './pipeline.ts';

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await startPipeline();
});
afterEach(() => pipeline.close());

it('lists the saved queries, and which of them want an id', async () => {
  const { code, out } = await pipeline.run('logs');
  expect(code).toBe(0);
  expect(out).toMatch(/^failures by reason +workers +–$/m);
  expect(out).toMatch(/^one event by its Stripe id +all functions +evt_…$/m);
  expect(out).toMatch(/^one customer or subscription +workers +cus_… or sub_…$/m);
});

it('asks one of them, by its name, of the functions that can answer it', async () => {
  pipeline.at(new Date('2026-11-21T10:00:00Z'));
  pipeline.aws.queryResults = [
    [
      { field: 'why', value: 'database_28P01' },
      { field: 'attempts', value: '890' },
      { field: '@ptr', value: 'x' },
    ],
  ];
  const { code, out } = await pipeline.run('logs', 'failures by reason', '--minutes', '15');
  expect(code).toBe(0);
  expect(out).toMatch(/^why +attempts$/m);
  expect(out).toMatch(/^database_28P01 +890$/m);
  expect(pipeline.aws.queries).toEqual([
    {
      logGroupNames: ['/aws/lambda/huntaze-stripe-payments-dev', '/aws/lambda/huntaze-stripe-billing-dev'],
      startTime: Date.parse('2026-11-21T09:45:00Z') / 1000,
      endTime: Date.parse('2026-11-21T10:00:00Z') / 1000,
      queryString: expect.stringContaining("filter message = 'event deferred' or outcome = 'parked'"),
    },
  ]);
});

it('puts the id where the query has an example', async () => {
  const { out } = await pipeline.run('logs', 'one event by its Stripe id', '--id', 'evt_1');
  expect(out).toMatch(/no line since/);
  expect(pipeline.aws.queries[0]!.queryString).toContain("filter event_id = 'evt_1' or @message like 'evt_1'");
  expect(pipeline.aws.queries[0]!.logGroupNames).toHaveLength(4);
});

it.each([
  [['no such query'], /There is no saved query "no such query"/],
  [['one event by its Stripe id'], /wants evt_…/],
  [['one event by its Stripe id', '--id', "x' or 1"], /wants evt_…, got "x' or 1"/],
])('refuses %j, with the fix', async (words, says) => {
  const { code, err } = await pipeline.run('logs', ...words);
  expect(code).toBe(2);
  expect(err).toMatch(says);
  expect(pipeline.aws.queries).toEqual([]);
});
