import type pg from 'pg';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { PipelineError } from '../../core/errors.ts';
import { workerOf } from '../../core/event-routes.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { readFact } from '../../core/stripe/read-fact.ts';
import type { Worker } from '../../core/workers.ts';
import type { HeldSubscription, PlanStore } from '../../pipeline/ports.ts';
import { type EventProcessor, processEvent } from '../../pipeline/process-event.ts';
import type { AuditedEnvelope } from '../deployment/audited-events.ts';

/** What a replay would do, found by doing it in transactions that are rolled back. */
export interface Preview {
  events: number;
  by_type: Record<string, number>;
  /** `would_ask_stripe`: the events of one second cannot decide, and the real replay asks Stripe. */
  by_outcome: Partial<Record<Outcome | 'would_ask_stripe', number>>;
  /** Why events would be parked, with how many. */
  parked_because: Record<string, number>;
  /** Plan states that would be other than they are. */
  changes: PlanStateChange[];
  /** Plan events that the apps would receive. */
  plan_events: Record<string, number>;
  /** Events that were counted but not tried, since the range holds more than the limit. */
  not_tried: number;
}

export interface PlanStateChange {
  subscription_id: string;
  customer_id: string;
  user_id: string | null;
  fields: { field: string; before: unknown; after: unknown }[];
}

/** What a plan state is made of; the other columns of a row follow from these or tell where it came from. */
const stateFields = [
  'status',
  'plan_id',
  'tier',
  'price_id',
  'current_period_end',
  'cancel_at_period_end',
  'cancel_at',
  'ended_at',
  'user_id',
] as const;

/** Often enough that a long read is seen to go on. */
const SAY_EVERY = 5000;

/** Customers tried side by side: as many as the pool has connections. */
const AT_ONCE = 4;

export interface PreviewParts {
  database: pg.Pool;
  catalogue: Catalogue;
  /** Only what came from this event source: an archive holds nothing else. */
  source: string;
  livemode: boolean;
  rules: readonly Worker[];
  /** More than this many events are counted only: they are held in memory by customer. */
  limit: number;
  say(line: string): void;
}

/**
 * Tries the events through the functions' own event processor and the apply function.
 *
 * One transaction per customer, rolled back: the lock on a customer is held for milliseconds, so live events hardly wait.
 */
export async function previewReplay(parts: PreviewParts, batches: AsyncIterable<AuditedEnvelope[]>): Promise<Preview> {
  const preview: Preview = {
    events: 0,
    by_type: {},
    by_outcome: {},
    parked_because: {},
    changes: [],
    plan_events: {},
    not_tried: 0,
  };
  const groups = new Map<string, AuditedEnvelope[]>();
  let shown = 0;
  for await (const batch of batches) {
    for (const envelope of batch) {
      const type = envelope['detail-type'];
      const worker = workerOf(type);
      if (envelope.source !== parts.source) continue;
      if (worker === undefined || !parts.rules.includes(worker)) continue;
      preview.events += 1;
      preview.by_type[type] = (preview.by_type[type] ?? 0) + 1;
      if (preview.events > parts.limit) {
        preview.not_tried += 1;
        continue;
      }
      const customer = customerOf(envelope, parts.catalogue);
      groups.set(customer, [...(groups.get(customer) ?? []), envelope]);
    }
    if (preview.events >= shown + SAY_EVERY) {
      shown = preview.events;
      parts.say(`${shown} events read from the audit bucket.`);
    }
  }
  const queue = [...groups.entries()];
  const work = async () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) await tryCustomer(parts, preview, ...next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  preview.changes.sort((a, b) => a.subscription_id.localeCompare(b.subscription_id));
  return preview;
}

/** Every event of one customer, in one transaction that is rolled back. */
async function tryCustomer(
  parts: PreviewParts,
  preview: Preview,
  customer: string,
  envelopes: AuditedEnvelope[],
): Promise<void> {
  const client = await parts.database.connect();
  try {
    await client.query('begin');
    const store = planStore(client);
    const before = await held(store, customer);
    for (const envelope of envelopes) await tryEvent(parts, preview, client, store, envelope);
    preview.changes.push(...changesBetween(before, await held(store, customer)));
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

async function tryEvent(
  parts: PreviewParts,
  preview: Preview,
  client: pg.PoolClient,
  store: PlanStore,
  { line }: AuditedEnvelope,
): Promise<void> {
  const count = (outcome: keyof Preview['by_outcome']) => {
    preview.by_outcome[outcome] = (preview.by_outcome[outcome] ?? 0) + 1;
  };
  const envelope = JSON.parse(line) as { 'detail-type': string };
  const processor: EventProcessor = {
    worker: workerOf(envelope['detail-type'])!,
    livemode: parts.livemode,
    sources: [parts.source],
    catalogue: parts.catalogue,
    store,
    stripe: {
      subscription: () => Promise.reject(new WouldAskStripe()),
    },
    idempotently: async (_key, work) => ({ answer: await work(), again: false }),
    async publish(planEvents: readonly PlanEvent[]) {
      for (const { event_type } of planEvents)
        preview.plan_events[event_type] = (preview.plan_events[event_type] ?? 0) + 1;
    },
    now: Date.now,
  };
  // An event that the database refuses must not take the customer's others with it.
  await client.query('savepoint event');
  try {
    const { outcome } = await processEvent(processor, JSON.stringify({ ...envelope, 'replay-name': 'dry-run' }));
    count(outcome);
  } catch (error) {
    await client.query('rollback to savepoint event');
    if (error instanceof WouldAskStripe) return count('would_ask_stripe');
    if (error instanceof PipelineError && error.retry === 'later') throw error;
    // As the workers do: what no retry can help is parked, a bug of ours too.
    const reason = error instanceof PipelineError ? error.code : 'handler_bug';
    count('parked');
    preview.parked_because[reason] = (preview.parked_because[reason] ?? 0) + 1;
  }
}

class WouldAskStripe extends Error {}

async function held(store: PlanStore, customer: string): Promise<Map<string, HeldSubscription>> {
  const { held } = await store.compare({ event_ids: [], subscription_ids: [], customer_ids: [customer] });
  return new Map(held.map((row) => [row.subscription_id, row]));
}

function changesBetween(
  before: Map<string, HeldSubscription>,
  after: Map<string, HeldSubscription>,
): PlanStateChange[] {
  return [...after.values()].flatMap((row) => {
    const old = before.get(row.subscription_id);
    const fields = stateFields
      .map((field) => ({ field, before: old?.[field] ?? null, after: row[field] ?? null }))
      .filter((change) => change.before !== change.after);
    return fields.length === 0
      ? []
      : [
          {
            subscription_id: row.subscription_id,
            customer_id: row.customer_id,
            user_id: row.user_id ?? old?.user_id ?? null,
            fields,
          },
        ];
  });
}

/** The customer an event is about, so that what hangs together is tried together; the event's own id for none. */
function customerOf({ line }: AuditedEnvelope, catalogue: Catalogue): string {
  const { detail } = JSON.parse(line) as { detail: never };
  try {
    const fact = readFact(detail, catalogue);
    if (fact !== null && 'customer_id' in fact && fact.customer_id !== null) return fact.customer_id;
  } catch {
    // Unreadable: the trial itself says so, and counts it.
  }
  return String((detail as { id?: unknown } | undefined)?.id ?? '');
}
