import { setTimeout as sleep } from 'node:timers/promises';
import { alarmStates } from '../../local/cloudwatch/alarm-states.ts';
import { MetricHistory, type Series } from '../../local/cloudwatch/metric-history.ts';
import { premiumMonthly } from '../../stripe-simulator/prices.ts';
import { type LocalRun, startLocalRun } from '../pipeline/local-run.ts';
import { day, stripeAccount } from '../pipeline/stripe-lives.ts';
import { synthesise } from './synthesis.ts';
import { dashboardIn, isHalf, shortAlarmName } from './watch-template.ts';

/**
 * The failures of docs/architecture.md that the local run can produce, made in a real local run: what it measures, and the conditions of the
 * synthesised alarms upon that. How long a condition must last is not tested; nor are queue ages, which only AWS measures.
 */
let run: LocalRun;
const { alarms } = dashboardIn(synthesise({ stripeEventSourceName: 'aws.partner/stripe.com/ed_local' }));

beforeAll(async () => {
  run = await startLocalRun(['--no-demo', '--port', '0']);
}, 90_000);
afterAll(async () => {
  await run?.stop();
});

const injectFault = async (what: string, more: object = {}) => {
  const answer = await run.send('/fault', JSON.stringify({ what, ...more }));
  if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
};

/** All that is measured from now on. Begins with a second of its own, since the run measures by the second. */
async function watching() {
  // What the work before reports may still be on its way.
  await sleep(2000 - (Date.now() % 1000));
  const fromMs = Math.round(Date.now() / 1000) * 1000;
  const window = () => ({ fromMs, toMs: Date.now() + 1000 });
  const history = async () => {
    const { series } = (await (await fetch(`${run.url}/metrics`)).json()) as { series: Series[] };
    const { queues } = await run.state();
    const at = new Date().toISOString();
    const depths = Object.entries(queues).map(
      ([QueueName, { visible }]): Series => ({
        namespace: 'AWS/SQS',
        name: 'ApproximateNumberOfMessagesVisible',
        unit: 'Count',
        dimensions: { QueueName },
        points: [{ at, values: [visible] }],
      }),
    );
    return new MetricHistory([...series, ...depths]);
  };
  const watch = {
    async firing(): Promise<string[]> {
      const states = alarmStates(alarms, await history(), window());
      return alarms
        .filter(({ logicalId }) => states.get(logicalId) === 'ALARM')
        .map(({ properties }) => shortAlarmName(String(properties.AlarmName)))
        .filter((name) => !isHalf(name));
    },
    async total(name: string, traffic?: string): Promise<number> {
      const dimensions = { environment: 'dev', ...(traffic && { traffic }) };
      const values = (await history()).valuesOf({ namespace: 'huntaze/stripe', name, dimensions }, window());
      return values.reduce((sum, value) => sum + value, 0);
    },
    /** Metrics come a moment after the work is done, as they do in CloudWatch. */
    fires: (...names: string[]) =>
      until(`${names} fire`, async () => {
        const firing = await watch.firing();
        return names.every((name) => firing.includes(name));
      }),
    reaches: (name: string, least: number, traffic?: string) =>
      until(`${name} reaches ${least}`, async () => (await watch.total(name, traffic)) >= least),
  };
  return watch;
}

const until = async (what: string, condition: () => Promise<boolean>) => {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 300) throw new Error(`${what}: not within 60 s\n${run.output()}`);
    await sleep(200);
  }
};

it('customers come, in any order and twice: everything is counted, and no alarm of failure fires', async () => {
  const watch = await watching();
  await injectFault('customer');
  await injectFault('shuffle');
  await run.idle();
  await injectFault('duplicate');
  await run.idle();
  await watch.reaches('EventsApplied', 3, 'live');
  await watch.reaches('EventsDuplicate', 3, 'live');
  // Lateness is left out: a machine that runs other tests beside this one may be late.
  expect((await watch.firing()).filter((name) => !/^(slo-burn|critical|degraded)/.test(name))).toEqual([]);
}, 120_000);

it('the database is killed: attempts are deferred and someone is woken; when it is back, what waited is committed', async () => {
  const watch = await watching();
  await injectFault('stop-database');
  try {
    await injectFault('customer');
    await injectFault('customer');
    await watch.fires('critical', 'processing-failures-critical');
    await watch.reaches('EventsDeferred', 10, 'live');
    await watch.reaches('DeferredForMs', 1);
  } finally {
    await injectFault('start-database');
  }
  await run.idle(120);
  const afterwards = await watching();
  await injectFault('customer');
  await run.idle();
  expect((await afterwards.firing()).filter((name) => name.startsWith('processing-failures'))).toEqual([]);
}, 240_000);

it('a replay of everything: counted apart, and no live number moves', async () => {
  const watch = await watching();
  await injectFault('replay');
  await watch.reaches('AttemptSucceeded', 5, 'replay');
  await run.idle();
  for (const name of ['EventsApplied', 'EventsDuplicate', 'CommittedInTime', 'ArrivalToCommitMs']) {
    expect([name, await watch.total(name, 'live')]).toEqual([name, 0]);
  }
  expect(await watch.firing()).toEqual([]);
}, 120_000);

it('a price that the catalogue lacks: told, and nobody is woken', async () => {
  const watch = await watching();
  const account = stripeAccount();
  account.customer('stranger').signUp({
    at: day(-3),
    price: { ...premiumMonthly, id: 'price_unheard_of', lookupKey: 'unheard_of' },
    periodEnd: day(27),
  });
  await run.post(account.events);
  await watch.fires('degraded', 'unknown-price');
  expect(await watch.firing()).not.toContain('processing-failures-critical');
}, 120_000);

it('an API version newer than ours: told', async () => {
  const watch = await watching();
  const account = stripeAccount();
  account.customer('early').signUp({ at: day(-3), periodEnd: day(27) });
  await run.post(account.events.map((event) => ({ ...event, api_version: '2099-01-01.future' })));
  await watch.fires('degraded', 'api-version');
}, 120_000);

it('an unreadable event: parked, in the failed queue, told; its neighbours pass', async () => {
  const watch = await watching();
  await injectFault('poison');
  await injectFault('customer');
  await watch.reaches('EventsParked', 1, 'live');
  await watch.reaches('EventsApplied', 3, 'live');
  await watch.fires('degraded', 'failed');
}, 120_000);

it('a tie that needs Stripe, while the secret has no key: someone is woken', async () => {
  const watch = await watching();
  const account = stripeAccount();
  const customer = account.customer('tied');
  const subscription = customer.signUp({ at: day(-8), periodEnd: day(22) });
  customer.cancelAtPeriodEnd(subscription, day(-2));
  customer.keepAfterAll(subscription, day(-2));
  await run.post(account.events);
  await watch.fires('critical', 'secret-not-set');
}, 120_000);
