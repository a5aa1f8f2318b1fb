import { metricOfOutcome, slo } from '../../core/metrics.ts';
import { outcomes } from '../../core/outcome.ts';
import { queueFed } from '../../core/workers.ts';
import { intakesOf } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';
import { emptySecrets } from '../deployment/empty-secrets.ts';
import { liveRules } from '../deployment/live-rules.ts';
import { askCloudWatch, type Datapoint, oldestMessage, ours, sum } from '../deployment/metric-values.ts';
import { ifThere } from '../deployment/not-there.ts';
import { deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import { ringingAlarms } from '../deployment/ringing-alarms.ts';
import { stripeEnd } from '../deployment/stripe-end.ts';
import { judge } from './judge.ts';
import type { Status } from './pipeline-state.ts';
import { lookBack } from './window.ts';
import { workerNow } from './worker-now.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** How the pipeline is now: numbers of the last five minutes and the last hour, and what stands. Looks only; @see judge for the word. */
export async function status(ops: Ops): Promise<Report<Status>> {
  const { outputs, updatedAt } = await ops.stack();
  const [
    now,
    hour,
    month,
    workers,
    rules,
    dead,
    lastEvent,
    entitled_without_user,
    alarms,
    secret_empty,
    stripe,
    unknown_prices,
  ] = await Promise.all([
    lookBack(ops, 5 * MINUTE, MINUTE),
    lookBack(ops, HOUR, 5 * MINUTE),
    lookBack(ops, 30 * DAY, HOUR),
    Promise.all(queueFed.map((worker) => workerNow(ops, worker))),
    liveRules(ops),
    deadLetters(ops),
    lastEventAt(ops),
    entitledWithoutUser(ops),
    ringingAlarms(ops),
    emptySecrets(ops),
    stripeEnd(ops),
    unknownPrices(ops),
  ]);
  const data: Omit<Status, 'health' | 'reasons'> = {
    at: ops.now().toISOString(),
    code: { version: outputs.CodeVersion, deployed_at: updatedAt?.toISOString() ?? null },
    last_5_minutes: now.window,
    last_hour: hour.window,
    slo: {
      target: slo.target,
      within_ms: slo.withinMs,
      last_5_minutes: now.sli,
      last_hour: hour.sli,
      last_30_days: month.sli,
    },
    queues: [...workers.map(({ now: { name }, queue }) => ({ name, kind: 'work' as const, ...queue })), ...dead],
    workers: workers.map((worker) => worker.now),
    rules: rules.map(({ name, feeds, state }) => ({ name, feeds, state })),
    secret_empty,
    stripe,
    unknown_prices,
    entitled_without_user,
    last_event_at: lastEvent,
    alarms,
  };
  const { health, reasons } = judge(data, ops.lines);
  return { data: { health, reasons, ...data }, found: health === 'healthy' || health === 'unknown' ? [] : reasons };
}

/** The queues of what is lost; CloudWatch knows how old their oldest message is. */
async function deadLetters(ops: Ops): Promise<Status['queues']> {
  const { outputs } = await ops.stack();
  const queues = deadLetterQueues(outputs);
  const [depths, ages] = await Promise.all([
    Promise.all(queues.map(({ url }) => ifThere(queueDepth(ops.aws.sqs, url)))),
    askCloudWatch(
      ops,
      queues.map(({ url }) => oldestMessage(url)),
      15 * MINUTE,
    ),
  ]);
  return queues.map(({ name, kind }, index) => {
    const { waiting = null, in_flight = 0 } = depths[index] ?? {};
    const empty = (waiting ?? 0) + in_flight === 0;
    return { name, kind, waiting, in_flight, oldest_s: empty ? null : (ages[index]![0]?.value ?? null) };
  });
}

/** By the last comparison with Stripe of a day; whether that is too many, an alarm judges, by this deployment's own threshold. */
async function entitledWithoutUser(ops: Ops): Promise<number | null> {
  const [points] = await askCloudWatch(ops, [ours(ops, 'EntitledWithoutUser', 'Maximum', HOUR)], DAY);
  return points?.[0]?.value ?? null;
}

async function unknownPrices(ops: Ops): Promise<number> {
  const [points = []] = await askCloudWatch(ops, [ours(ops, 'UnknownPrice', 'Sum', MINUTE)], 5 * MINUTE);
  return sum(points);
}

/** When something last came or was settled, within a day; to five minutes. */
export async function lastEventAt(ops: Ops): Promise<string | null> {
  const { outputs } = await ops.stack();
  const series = await askCloudWatch(
    ops,
    [
      ...intakesOf(outputs).map(({ source }) => ({
        namespace: 'AWS/Events',
        metric: 'Events',
        dimensions: { EventSourceName: source },
        statistic: 'Sum' as const,
        period_s: 5 * MINUTE,
      })),
      ...outcomes.map((outcome) => ours(ops, metricOfOutcome[outcome], 'Sum', 5 * MINUTE)),
    ],
    DAY,
  );
  return latest(series);
}

function latest(series: readonly Datapoint[][]): string | null {
  const times = series
    .flat()
    .filter(({ value }) => value > 0)
    .map(({ at }) => at.toISOString())
    .sort();
  return times.at(-1) ?? null;
}
