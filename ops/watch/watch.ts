import { type QueueFed, queueFed } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';
import { consumerStates } from '../deployment/consumer.ts';
import { emptySecrets } from '../deployment/empty-secrets.ts';
import { liveRules } from '../deployment/live-rules.ts';
import { ifThere } from '../deployment/not-there.ts';
import { deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import { lookAtPipeline, type WorkerLook } from './look.ts';
import { type Recovery, recoveryOf, type WatchedState } from './recovery.ts';

export interface Watched extends Recovery {
  waited_s: number;
}

/**
 * Looks until the pipeline has recovered: nothing failed for a minute, what had failed settles, nothing stands in the way.
 * At once when all is well already; else `found` says after `timeoutSeconds` what is not.
 *
 * `fresh`: a new view of the deployment for each look, since a view remembers what it has read.
 */
export async function watch(
  fresh: () => Ops,
  { timeoutSeconds, everySeconds }: { timeoutSeconds: number; everySeconds: number },
): Promise<Report<Watched>> {
  const { now, sleep, say } = fresh();
  const startedAt = now().getTime();
  const before = new Map<QueueFed, WorkerLook>();
  for (;;) {
    const ops = fresh();
    const [standing, ...looks] = await Promise.all([
      standingOf(ops),
      ...queueFed.map((name) => lookAtPipeline(ops, name, before.get(name))),
    ]);
    for (const look of looks) before.set(look.name, look);
    const recovery = recoveryOf(looks, standing);
    const waited_s = Math.round((now().getTime() - startedAt) / 1000);
    if (recovery.recovered || waited_s >= timeoutSeconds)
      return { data: { ...recovery, waited_s }, found: recovery.recovered ? [] : recovery.says };
    say(`${now().toISOString().slice(11, 19)} ${recovery.says.join('. ')}`);
    await sleep(everySeconds * 1000);
  }
}

async function standingOf(ops: Ops): Promise<WatchedState> {
  const { outputs } = await ops.stack();
  const dead = deadLetterQueues(outputs);
  const [rules, states, secretEmpty, depths] = await Promise.all([
    liveRules(ops),
    consumerStates(ops),
    emptySecrets(ops),
    Promise.all(dead.map(({ url }) => ifThere(queueDepth(ops.aws.sqs, url)))),
  ]);
  return {
    rules,
    paused: queueFed.filter((name) => states[name] !== 'running'),
    secretEmpty,
    deadLetters: dead.map(({ name }, index) => {
      const { waiting = 0, in_flight = 0 } = depths[index] ?? {};
      return { name, number: waiting + in_flight };
    }),
  };
}
