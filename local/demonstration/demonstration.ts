import { setTimeout as sleep } from 'node:timers/promises';
import { type AccountEvent, StripeAccount } from '../../stripe-simulator/account.ts';
import type { PlanStateRow } from '../backends/plan-states.ts';
import type { OutcomeCounts, ReplayTally } from '../event-tally.ts';
import type { LocalPipeline } from '../local-pipeline.ts';
import type { PipelineState } from '../pipeline-state.ts';
import type { Progress, RunTerminal } from '../run-terminal.ts';
import { bystanders, deliveriesOf, seededRandom } from './deliveries.ts';
import { type Day, stories } from './stories.ts';

/** Thirteen customers' lives at Stripe, lived before the pipeline hears of them. */
export interface Demonstration {
  account: StripeAccount;
  deliveries: AccountEvent[];
  expected: ExpectedPlan[];
}

type ExpectedPlan = Omit<PlanStateRow, 'subscription_id'> & { what: string };

/** The same lives, disorder and duplicates in every run. */
const SEED = 20_261_121;

/** @param prefix keeps the ids of one run apart from another's in a database that both use */
export function prepareDemonstration(prefix: string): Demonstration {
  const midnight = new Date().setUTCHours(0, 0, 0, 0) / 1000;
  const day: Day = (offset, time) =>
    midnight + offset * 86_400 + time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  const account = new StripeAccount(prefix);
  const random = seededRandom(SEED);
  const expected = stories.map(({ name, what, happen, expected: written }) => {
    const customer = account.customer(name);
    happen(customer, day);
    const { current_period_end: end, as_of: asOf, ...plan } = written(day);
    return {
      what,
      user_id: customer.userId,
      customer_id: customer.customer.id,
      ...plan,
      current_period_end: iso(end),
      as_of: iso(asOf),
    };
  });
  const deliveries = deliveriesOf(account.events, `cus_${prefix}hal`, random);
  // In the thick of it, where they would disturb most.
  deliveries.splice(Math.floor(deliveries.length / 3), 0, ...bystanders(prefix, day(-1, '12:00:00'), random));
  return { account, deliveries, expected };
}

const iso = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString();

/** Stripe sends bursts, not streams. */
const BURST = 12;
const PAUSE_BETWEEN_BURSTS_MS = 120;
/** Long enough that every worker meets the outage, short enough to wait for. */
const OUTAGE_MS = 3500;
/** Nothing that the demonstration does takes so long on a machine that works. */
const LONGEST_WAIT_MS = 90_000;

/**
 * Posts the events, takes the database away in the middle, waits until all is settled, replays everything, compares.
 * @returns what is not as expected, a sentence each; nothing when all is well.
 */
export async function runDemonstration(
  { deliveries, expected }: Demonstration,
  pipeline: LocalPipeline,
  terminal: RunTerminal,
): Promise<string[]> {
  const began = Date.now();
  const users = expected.map(({ user_id }) => user_id!);
  const unique = new Set(deliveries.map(({ id }) => id)).size;
  terminal.say(
    `\n${expected.length} customers, ${deliveries.length} deliveries of ${unique} events: out of order, ${deliveries.length - unique} of them twice, one customer's backwards.`,
  );
  const progress = terminal.progress(deliveries.length);
  const third = Math.floor(deliveries.length / 3);

  await post(pipeline, deliveries.slice(0, third), progress, 'posting');
  if (pipeline.database.ours) {
    terminal.say('Postgres is killed. Events keep coming, and wait in their queues.');
    await pipeline.database.stop();
  } else {
    terminal.say('DATABASE_URL names a database of your own: the outage is left out.');
  }
  const wentDown = Date.now();
  await post(
    pipeline,
    deliveries.slice(third, 2 * third),
    progress,
    pipeline.database.ours ? 'posting, Postgres is down' : 'posting',
  );
  if (pipeline.database.ours) {
    await sleep(Math.max(0, OUTAGE_MS - (Date.now() - wentDown)));
    const waiting = (await pipeline.state()).deferred.length;
    await pipeline.database.start();
    terminal.say(
      `Postgres is back after ${seconds(wentDown)}. ${waiting} events were sent back to their queues meanwhile; nobody has to do anything.`,
    );
  }
  await post(pipeline, deliveries.slice(2 * third), progress, 'posting');
  await settled(pipeline, progress, 'waiting for what the outage left');
  progress.end();
  const before = await pipeline.state();
  terminal.say(`All settled after ${seconds(began)}.`);

  const eventsBefore = await pipeline.database.planEventCount(users);
  terminal.say(`Replaying everything, in another order: nothing may change.`);
  const replay = pipeline.replay(new Date(began - 1000), new Date(Date.now() + 1000));
  const replayProgress = terminal.progress(deliveries.length);
  await settled(pipeline, replayProgress, 'replaying');
  replayProgress.end();
  const after = await pipeline.state();
  const eventsAfter = await pipeline.database.planEventCount(users);

  report(terminal, after, expected, replay);
  return [
    ...differences(after.plans, expected),
    ...unbalanced(after),
    ...(JSON.stringify(ofUsers(before.plans, users)) === JSON.stringify(ofUsers(after.plans, users))
      ? []
      : ['The replay changed a plan state.']),
    ...(eventsBefore === eventsAfter ? [] : [`The replay added ${eventsAfter - eventsBefore} plan events.`]),
    ...(replay.events === deliveries.length
      ? []
      : [`The replay held ${replay.events} events instead of ${deliveries.length}.`]),
  ];
}

async function post(pipeline: LocalPipeline, events: AccountEvent[], progress: Progress, phase: string): Promise<void> {
  for (let index = 0; index < events.length; index += BURST) {
    await pipeline.post(events.slice(index, index + BURST));
    progress.to(settledCount(pipeline), phase);
    await sleep(PAUSE_BETWEEN_BURSTS_MS);
  }
}

/** @throws {Error} when it takes so long that something must be wrong. */
async function settled(pipeline: LocalPipeline, progress: Progress, phase: string): Promise<void> {
  const latest = Date.now() + LONGEST_WAIT_MS;
  while (!pipeline.idle) {
    if (Date.now() > latest) {
      const { deferred } = await pipeline.state();
      const reasons = [...new Set(deferred.map(({ code }) => code))].join(', ') || 'none given';
      throw new Error(
        `${pipeline.underWay} messages are still not settled after ${LONGEST_WAIT_MS / 1000} s; reasons: ${reasons}.`,
      );
    }
    progress.to(settledCount(pipeline, phase === 'replaying'), phase);
    await sleep(100);
  }
}

function settledCount(pipeline: LocalPipeline, ofReplay = false): number {
  return sum(ofReplay ? pipeline.replays.at(-1)!.outcomes : pipeline.outcomes);
}

const sum = (counts: OutcomeCounts): number => Object.values(counts).reduce((total, count) => total + count, 0);

const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

const ofUsers = (plans: PlanStateRow[], users: string[]): PlanStateRow[] =>
  plans.filter(({ user_id }) => user_id !== null && users.includes(user_id));

const compared = ['customer_id', 'plan_id', 'tier', 'status', 'entitled', 'current_period_end', 'as_of'] as const;

function differences(plans: PlanStateRow[], expected: ExpectedPlan[]): string[] {
  return expected.flatMap((wanted) => {
    const got = planOf(plans, wanted);
    if (!got) return [`${wanted.user_id} has no plan state; expected ${wanted.status} ${wanted.tier}.`];
    return compared
      .filter((field) => text(got[field]) !== text(wanted[field]))
      .map((field) => `${wanted.user_id}: ${field} is ${text(got[field])}; expected ${text(wanted[field])}.`);
  });
}

const planOf = (plans: PlanStateRow[], wanted: ExpectedPlan) => plans.find(({ user_id }) => user_id === wanted.user_id);

const text = (value: unknown): string => String(value);

function unbalanced({ posted, outcomes, audited }: PipelineState): string[] {
  return [
    ...(sum(outcomes) === posted ? [] : [`${posted} events were posted, but the outcomes add up to ${sum(outcomes)}.`]),
    ...(audited === posted ? [] : [`${posted} events were posted, but ${audited} were audited.`]),
  ];
}

function report(
  terminal: RunTerminal,
  { plans, outcomes, posted, audited }: PipelineState,
  expected: ExpectedPlan[],
  replay: ReplayTally,
): void {
  terminal.say('');
  const { wide } = terminal;
  terminal.table(
    ['user', 'tier', 'status', 'until', 'as of (UTC)', '', ...(wide ? ['plan', 'what happened'] : [])],
    expected.map((wanted) => {
      const got = planOf(plans, wanted);
      const right = differences(plans, [wanted]).length === 0;
      return [
        wanted.user_id!,
        got?.tier ?? '?',
        got?.status ?? 'nothing',
        got?.current_period_end?.slice(0, 10) ?? '',
        got?.as_of?.slice(0, 19).replace('T', ' ') ?? '',
        right ? terminal.good('✓') : terminal.bad('✗'),
        ...(wide ? [got?.plan_id ?? '?', wanted.what] : []),
      ];
    }),
  );
  const names = Object.keys(outcomes) as (keyof typeof outcomes)[];
  terminal.table(
    ['', ...names, 'sum', 'audited'],
    [
      ['live', ...names.map((name) => String(outcomes[name])), `${sum(outcomes)} of ${posted}`, String(audited)],
      [
        'replay',
        ...names.map((name) => String(replay.outcomes[name])),
        `${sum(replay.outcomes)} of ${replay.events}`,
        String(replay.audited),
      ],
    ],
  );
}
