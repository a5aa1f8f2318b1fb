import type { Once } from '../adapters/once.ts';
import type { Delivery, PlanStore, Settled } from '../adapters/plan-store.ts';
import type { StripeReader } from '../adapters/stripe.ts';
import { isKnownApiVersion } from '../core/api-version.ts';
import type { Catalogue } from '../core/catalogue.ts';
import { type Envelope, readEnvelope } from '../core/envelope.ts';
import type { Worker } from '../core/event-routes.ts';
import { readSubscription, type SubscriptionFact } from '../core/facts/subscription.ts';
import type { SettledEvent } from '../core/metrics.ts';
import type { PlanEvent } from '../core/plan-event.ts';
import { type Fact, readFact, reconcileType } from '../core/read-fact.ts';

/** The parts a worker's door is made of; real ones in Lambda, stand-ins for what cannot run in a test. */
export interface EventDoor {
  worker: Worker;
  /** prod takes live-mode events, everything else test-mode ones. */
  livemode: boolean;
  /** The configured partner event source. */
  source: string;
  catalogue: Catalogue;
  store: PlanStore;
  stripe: StripeReader;
  once: Once;
  publish(planEvents: readonly PlanEvent[]): Promise<void>;
  /** Milliseconds since the epoch; for durations only, never for a decision. */
  now(): number;
}

/** How one message ended, with all that the log line and the metrics say of it. */
export interface SettledMessage extends SettledEvent {
  event_id: string;
  created: number;
  customer_id: string | null;
  subscription_id: string | null;
  replay_name: string | null;
  reason: string | null;
  total_ms: number;
  database_ms: number;
  fetch_ms: number;
  publish_ms: number;
}

/**
 * Settles one message of a work queue: read, apply in one round trip, ask Stripe where events cannot decide, publish.
 *
 * Two guards against doing it twice: idempotency around everything (keyed on event id and replay name), and the apply function.
 * @throws {PipelineError} later: back to the queue; never: to the failed queue, with the code as its reason. Anything else is a bug.
 */
export async function settle(door: EventDoor, body: string): Promise<SettledMessage> {
  const startedAt = door.now();
  const envelope = readEnvelope(body, door.source);
  const delivery = deliveryOf(door, envelope);
  const { answer, again } = await door.once({ event_id: delivery.id, replay_name: delivery.replay_name }, () =>
    work(door, envelope, delivery),
  );
  return {
    worker: door.worker,
    type: delivery.type,
    origin: delivery.origin,
    event_id: delivery.id,
    created: delivery.created,
    replay_name: delivery.replay_name,
    ...answer,
    ...(again
      ? {
          outcome: 'duplicate',
          reason: 'known_event',
          arrivalToCommitMs: undefined,
          planEvents: [],
          database_ms: 0,
          fetch_ms: 0,
          publish_ms: 0,
        }
      : {}),
    total_ms: door.now() - startedAt,
  } as SettledMessage;
}

/**
 * Notes in the ledger that an event is given up on, before it goes to the failed queue.
 *
 * A message whose envelope cannot be read has no event id, and no row.
 * @throws {PipelineError} later, when the database is down.
 */
export async function noteParked(door: EventDoor, body: string, code: string): Promise<void> {
  let envelope: Envelope;
  try {
    envelope = readEnvelope(body, door.source);
  } catch {
    return;
  }
  await door.store.apply({ ...deliveryOf(door, envelope), parked: code }, null);
}

async function work(door: EventDoor, envelope: Envelope, delivery: Delivery) {
  const fact = delivery.ignored === undefined ? readFact(envelope.detail, door.catalogue) : null;
  const { settled, snapshot, databaseMs, fetchMs, committedAt } = await apply(door, delivery, fact);
  const publishStartedAt = door.now();
  await door.publish(settled.plan_events);
  return {
    outcome: settled.outcome,
    reason: settled.reason,
    customer_id: fact !== null && 'customer_id' in fact ? fact.customer_id : null,
    subscription_id: fact !== null && 'subscription_id' in fact ? fact.subscription_id : null,
    arrivalToCommitMs: committedAt - Date.parse(delivery.arrived_at),
    databaseMs,
    unknownPrice: snapshot !== null && snapshot.plan_id === null,
    unexpectedApiVersion: delivery.type !== reconcileType && !isKnownApiVersion(delivery.api_version),
    ...paymentOf(fact),
    planEvents: settled.plan_events.map(({ event_type }) => ({ event_type })),
    database_ms: databaseMs,
    fetch_ms: fetchMs,
    publish_ms: door.now() - publishStartedAt,
  };
}

async function apply(door: EventDoor, delivery: Delivery, fact: Fact | null) {
  const startedAt = door.now();
  const first = await door.store.apply(delivery, fact);
  if (first.outcome !== 'undecidable') {
    const committedAt = door.now();
    const snapshot = fact?.kind === 'subscription' ? fact.snapshot : null;
    return { settled: first, snapshot, databaseMs: committedAt - startedAt, fetchMs: 0, committedAt };
  }
  // The order of these two lines is the rule: the fetch begins after the ticket was handed out.
  const fetchStartedAt = door.now();
  const fetched = readSubscription(await door.stripe.subscription(first.subscription_id), door.catalogue);
  const fetchMs = door.now() - fetchStartedAt;
  const settled: Settled = await door.store.applyFetched(delivery, fact as SubscriptionFact, {
    ticket: first.ticket,
    as_of: first.as_of,
    snapshot: fetched.snapshot,
  });
  const committedAt = door.now();
  return { settled, snapshot: fetched.snapshot, databaseMs: committedAt - startedAt - fetchMs, fetchMs, committedAt };
}

function deliveryOf(door: EventDoor, envelope: Envelope): Delivery {
  const event = envelope.detail;
  const replayName = envelope['replay-name'] ?? null;
  const livemode = event.livemode ?? false;
  const ignored = reasonToIgnore(door, event.account ?? null, livemode);
  return {
    id: event.id,
    type: event.type,
    created: event.created,
    livemode,
    api_version: event.api_version ?? null,
    arrived_at: envelope.time,
    replay_name: replayName,
    origin: envelope.origin === 'reconcile' ? 'reconcile' : replayName === null ? 'webhook' : 'replay',
    worker: door.worker,
    ...(ignored === undefined ? {} : { ignored }),
  };
}

function reasonToIgnore(door: EventDoor, account: string | null, livemode: boolean): string | undefined {
  if (account) return 'connected_account';
  if (livemode !== door.livemode) return livemode ? 'live_mode' : 'test_mode';
  return undefined;
}

function paymentOf(fact: Fact | null): { payment?: NonNullable<SettledEvent['payment']> } {
  if (fact?.kind !== 'payment' || fact.object !== 'payment_intent' || fact.status === 'canceled') return {};
  return {
    payment: { succeeded: fact.status === 'succeeded', currency: fact.currency, amountMinor: fact.amount_minor },
  };
}
