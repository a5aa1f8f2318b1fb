import type { Worker } from '../../core/workers.ts';
import type { Ops } from '../cli/ops.ts';
import type { ProgressReporter } from '../cli/progress.ts';
import { queueDepth, workQueueUrls } from '../deployment/queue-depths.ts';

/** How often the queues are looked at until the replayed events are settled. */
const DRAIN_POLL_MS = 3000;

/** Waits until the workers' queues are empty twice in a row; false when the person did not want to. */
export async function drain(ops: Ops, rules: readonly Worker[], reporter: ProgressReporter): Promise<boolean> {
  const urls = workQueueUrls((await ops.stack()).outputs);
  let empty = 0;
  while (empty < 2) {
    const depths = await Promise.all(rules.map((worker) => queueDepth(ops.aws.sqs, urls[worker])));
    const left = depths.reduce((total, { waiting, in_flight }) => total + waiting + in_flight, 0);
    empty = left === 0 ? empty + 1 : 0;
    reporter.progress(1, `replayed; ${left} in the workers' queues`);
    if (await reporter.wait(empty === 1 ? 1000 : DRAIN_POLL_MS)) {
      if ((await reporter.ask()) !== 'go on') return false;
    }
  }
  return true;
}
