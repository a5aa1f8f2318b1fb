import { PipelineError } from '../core/errors.ts';
import type { SettledEvent } from '../core/metrics.ts';
import { originOf } from '../core/origin.ts';
import type { Catalogue } from '../core/plans/catalogue.ts';
import type { PlanEvent } from '../core/plans/plan-event.ts';
import { isKnownApiVersion } from '../core/stripe/api-version.ts';
import { type Envelope, readEnvelope } from '../core/stripe/envelope.ts';
import type { Fact } from '../core/stripe/facts/fact.ts';
import { readSubscription } from '../core/stripe/facts/subscription.ts';
import { isOwnType, readFact } from '../core/stripe/read-fact.ts';
import type { Worker } from '../core/workers.ts';
import { type Apply, applyAlone } from './apply-together.ts';
import type { Delivery, Idempotently, PlanStore, Settled, StripeReader, Undecidable } from './ports.ts';
import { type EventAtStripe, verifyEvent } from './verify-event.ts';

/** The parts a worker's processor is made of; real ones in Lambda, fakes for what cannot run in a test. */
export interface EventProcessor {
  worker: Worker;
  /** prod takes live-mode events, everything else test-mode ones. */
  livemode: boolean;
  /** The configured partner event sources. */
  sources: readonly string[];
  catalogue: Catalogue;
  store: PlanStore;
  stripe: StripeReader;
  idempotently: Idempotently;
  publish(planEvents: readonly PlanEvent[]): Promise<void>;
  /** Milliseconds since the epoch; for durations only, never for a decision. */
  now(): number;
  /** The event as Stripe keeps it, asked for before it may move a plan; absent where the deployment does not verify events. */
  eventAtStripe?: EventAtStripe;
}

/** How one message ended, with all that the log line and the metrics say of it. */
export interface SettledMessage extends SettledEvent {
  event_id: string;
  /** Unix seconds, Stripe's. */
  created: number;
  customer_id: string | null;
  subscription_id: string | null;
  /** The event that was held against it (null: an answer of Stripe's), and its second; null where nothing was. */
  held_event_id: string | null;
  held_as_of: string | null;
  replay_name: string | null;
  reason: string | null;
  totalMs: number;
  fetchMs: number;
  publishMs: number;
}

/** What doing the work adds to what the message says of itself. */
type Answer = Omit<SettledMessage, 'worker' | 'type' | 'origin' | 'event_id' | 'created' | 'replay_name' | 'totalMs'>;

/**
 * Settles one message of a work queue: read, apply in one round trip, ask Stripe where events cannot decide, publish.
 *
 * Two guards against doing it twice: idempotency around everything (keyed on event id and replay name), and the apply function.
 * @param applyOne applies the event; in a batch together with its neighbours'
 * @throws {PipelineError} later: back to the queue; never: to the failed queue, with the code as its reason. Anything else is a bug.
 */
export async function processEvent(
  processor: EventProcessor,
  body: string,
  applyOne: Apply = applyAlone(processor),
): Promise<SettledMessage> {
  const startedAt = processor.now();
  const envelope = readEnvelope(body, processor.sources);
  const delivery = deliveryOf(processor, envelope);
  const { answer, again } = await processor.idempotently(
    { event_id: delivery.id, replay_name: delivery.replay_name },
    () => work(processor, envelope, delivery, applyOne),
  );
  return {
    worker: processor.worker,
    type: delivery.type,
    origin: delivery.origin,
    event_id: delivery.id,
    created: delivery.created,
    replay_name: delivery.replay_name,
    ...(again ? knownEvent(answer) : answer),
    totalMs: processor.now() - startedAt,
  };
}

/** The first guard stopped it: nothing was committed, asked or published this time. */
const knownEvent = ({ arrivalToCommitMs: _then, databaseMs: _too, ...answer }: Answer): Answer => ({
  ...answer,
  outcome: 'duplicate',
  reason: 'known_event',
  planEvents: [],
  fetchMs: 0,
  publishMs: 0,
});

/**
 * Notes in the ledger that an event is given up on, before it goes to the failed queue. Answers the error to send along: `error`, and
 * that there is no row where the ledger refused the very note for good; that must not keep the message from being parked.
 *
 * A message whose envelope cannot be read has no event id, and no row.
 * @throws {PipelineError} later, when the database is down.
 */
export async function recordParked(
  processor: EventProcessor,
  body: string,
  error: PipelineError,
): Promise<PipelineError> {
  let envelope: Envelope;
  try {
    envelope = readEnvelope(body, processor.sources);
  } catch {
    return error;
  }
  try {
    await processor.store.apply([{ event: { ...deliveryOf(processor, envelope), parked: error.code }, fact: null }]);
    return error;
  } catch (refusal) {
    if (!(refusal instanceof PipelineError) || refusal.retry === 'later') throw refusal;
    const message = `${error.message}. The ledger has no row of it: ${refusal.message}`;
    return new PipelineError(error.code, 'never', message, { cause: error });
  }
}

async function work(
  processor: EventProcessor,
  envelope: Envelope,
  delivery: Delivery,
  applyOne: Apply,
): Promise<Answer> {
  const fact = delivery.ignored === undefined ? readFact(envelope.detail, processor.catalogue) : null;
  if (processor.eventAtStripe) await verifyEvent(processor.eventAtStripe, processor.catalogue, envelope.detail, fact);
  const first = await applyOne({ event: delivery, fact });
  const { answer, snapshot, databaseMs, fetchMs, publishMs, committedAt } =
    first.answer.outcome === 'undecidable'
      ? await askStripe(processor, delivery, fact, first.answer, first.databaseMs)
      : { ...first, answer: first.answer, snapshot: fact?.kind === 'subscription' ? fact.snapshot : null, fetchMs: 0 };
  return {
    outcome: answer.outcome,
    reason: answer.reason,
    held_event_id: answer.held?.event_id ?? null,
    held_as_of: answer.held?.as_of ?? null,
    customer_id: fact !== null && 'customer_id' in fact ? fact.customer_id : null,
    subscription_id: fact !== null && 'subscription_id' in fact ? fact.subscription_id : null,
    arrivalToCommitMs: committedAt - Date.parse(delivery.arrived_at),
    databaseMs,
    unknownPrice: snapshot?.plan_unknown ?? false,
    unexpectedApiVersion: !isOwnType(delivery.type) && !isKnownApiVersion(delivery.api_version),
    ...paymentOf(fact),
    planEvents: answer.plan_events.map(({ event_type }) => ({ event_type })),
    fetchMs,
    publishMs,
  };
}

/** The events of one second cannot decide: what Stripe answers now is applied with the ticket that was handed out before. */
async function askStripe(
  processor: EventProcessor,
  event: Delivery,
  fact: Fact | null,
  { ticket, as_of, subscription_id }: Undecidable,
  databaseMsSoFar: number,
) {
  // The order of these lines is the rule: the fetch begins after the ticket was handed out.
  const startedAt = processor.now();
  const { snapshot } = readSubscription(await processor.stripe.subscription(subscription_id), processor.catalogue);
  const fetchMs = processor.now() - startedAt;
  const applied = await applyAlone(processor)({ event, fact, fetched: { ticket, as_of, snapshot } });
  return {
    ...applied,
    answer: applied.answer as Settled,
    snapshot,
    fetchMs,
    databaseMs: databaseMsSoFar + applied.databaseMs,
  };
}

function deliveryOf(processor: EventProcessor, envelope: Envelope): Delivery {
  const event = envelope.detail;
  const replayName = envelope['replay-name'] ?? null;
  const livemode = event.livemode ?? false;
  const ignored = reasonToIgnore(processor, event.account ?? null, livemode);
  return {
    id: event.id,
    type: event.type,
    created: event.created,
    livemode,
    api_version: event.api_version ?? null,
    arrived_at: envelope.time,
    replay_name: replayName,
    origin: originOf(envelope),
    ...(envelope.quiet === true ? { quiet: true } : {}),
    worker: processor.worker,
    ...(ignored === undefined ? {} : { ignored }),
  };
}

function reasonToIgnore(processor: EventProcessor, account: string | null, livemode: boolean): string | undefined {
  if (account) return 'connected_account';
  if (livemode !== processor.livemode) return livemode ? 'live_mode' : 'test_mode';
  return undefined;
}

function paymentOf(fact: Fact | null): { payment?: NonNullable<SettledEvent['payment']> } {
  if (fact?.kind !== 'payment' || fact.object !== 'payment_intent' || fact.status === 'canceled') return {};
  return {
    payment: { succeeded: fact.status === 'succeeded', currency: fact.currency, amountMinor: fact.amount_minor },
  };
}
