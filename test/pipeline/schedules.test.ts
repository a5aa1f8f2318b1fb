import type { ScheduleBlueprint } from '../../local/cloudformation/rules.ts';
import { Schedules } from '../../local/eventbridge/schedules.ts';
import type { Invoked } from '../../local/lambda/function-process.ts';

const stop = new AbortController();
afterAll(() => stop.abort());

const hourly: ScheduleBlueprint = { name: 'hourly', enabled: true, everyMs: 3_600_000, functionName: 'comparer' };

function schedules(blueprints: ScheduleBlueprint[], outcome: Invoked['outcome'] = { result: null }) {
  const invoked: [string, unknown][] = [];
  const complaints: string[] = [];
  const running = new Schedules({
    schedules: blueprints,
    invoke: async (...call) => {
      invoked.push(call);
      return { lines: [], milliseconds: 1500, outcome };
    },
    complain: (text) => complaints.push(text),
    signal: stop.signal,
  });
  return { running, invoked, complaints };
}

it('runs a schedule for the first time one interval after the start, and again', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  new Schedules({
    schedules: [{ ...hourly, everyMs: 20 }],
    invoke: async () => {
      runs += 1;
      if (runs === 2) resolve();
      return { lines: [], milliseconds: 1, outcome: { result: null } };
    },
    complain: () => {},
    signal: stop.signal,
  });
  expect(runs).toBe(0);
  await promise;
});

it('runs one at once when asked, with the event that EventBridge writes', async () => {
  const { running, invoked } = schedules([hourly]);
  expect(await running.runNow('hourly')).toMatchObject({ name: 'hourly', last: { seconds: 1.5 } });
  expect(invoked).toMatchObject([['comparer', { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }]]);
});

it('gives the function its own input, where the rule has one', async () => {
  const { running, invoked } = schedules([{ ...hourly, input: '{"task":"clock"}' }]);
  await running.runNow('hourly');
  expect(invoked).toEqual([['comparer', { task: 'clock' }]]);
});

it('joins the run that is under way', async () => {
  const { running, invoked } = schedules([hourly]);
  await Promise.all([running.runNow('hourly'), running.runNow('hourly')]);
  expect(invoked).toHaveLength(1);
});

it('says what failed, and keeps it to be seen', async () => {
  const { running, complaints } = schedules([hourly], { error: 'PipelineError: no key\n  at …' });
  await running.runNow('hourly');
  expect(running.states[0]!.last!.error).toBe('PipelineError: no key');
  expect(complaints).toEqual(['comparer failed: PipelineError: no key']);
});

it('does not run by itself what is switched off, and knows no other', async () => {
  const { running } = schedules([{ ...hourly, enabled: false }]);
  expect(running.states).toEqual([{ name: 'hourly', function: 'comparer', enabled: false, next_at: null, last: null }]);
  await expect(running.runNow('daily')).rejects.toThrow('No schedule "daily"; there are hourly');
});
