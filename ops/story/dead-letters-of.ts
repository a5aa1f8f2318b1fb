import type { Ops } from '../cli/ops.ts';
import { deadLetterQueues, queueDepth } from '../deployment/queue-depths.ts';
import type { DeadLetter } from '../redrive/dead-letters.ts';
import { lookAt } from '../redrive/queue-pages.ts';

/** A message that was lost on its way, without its payload. */
export interface LostMessage {
  queue: string;
  event_id: string | null;
  event_type: string | null;
  reason: string;
  detail: string;
  since: string;
}

/** As `ops redrive` looks at most: more is an incident, and `diagnose` names it. */
const LOOKED_AT = 1000;

/** Dead letters that mean one of these ids, left where they are. The ledger's row of a parked event does not say whose it is; its body does. */
export async function deadLettersOf(ops: Ops, ids: readonly string[]): Promise<LostMessage[]> {
  const { outputs } = await ops.stack();
  const found: LostMessage[] = [];
  for (const queue of deadLetterQueues(outputs)) {
    if (queue.owner === 'reconcile' || (await queueDepth(ops.aws.sqs, queue.url)).waiting === 0) continue;
    const seen = await lookAt(ops, queue, LOOKED_AT);
    found.push(...seen.filter((letter) => means(letter, ids)).map(shown));
  }
  return found;
}

const means = ({ body, event_id }: DeadLetter, ids: readonly string[]): boolean =>
  ids.some((id) => event_id === id || body.includes(JSON.stringify(id)));

const shown = ({ queue, event_id, event_type, reason, detail, since }: DeadLetter): LostMessage => ({
  queue: queue.name,
  event_id,
  event_type,
  reason,
  detail,
  since,
});
