import type Stripe from 'stripe';

import { differencesOf } from '../core/drift.ts';
import { routedEventTypes, workerOf } from '../core/event-routes.ts';
import type { Catalogue } from '../core/plans/catalogue.ts';
import { readSubscription } from '../core/stripe/facts/subscription.ts';
import { reconcileType } from '../core/stripe/read-fact.ts';
import { subscriptionWorker, type Worker, workers } from '../core/workers.ts';
import type { HeldSubscription, PlanStore } from './ports.ts';

export interface ReconcileParts {
  stripe: Pick<Stripe, 'events' | 'subscriptions'>;
  store: Pick<PlanStore, 'compare'>;
  catalogue: Catalogue;
  /** Queues an envelope for a worker, who applies it as any other. */
  enqueue(worker: Worker, envelopes: object[]): Promise<void>;
  source: string;
  /** Names this run; the same again when the run is tried again, so that nothing is mended twice. */
  runId: string;
  /** Unix seconds. */
  now: number;
}

export interface ReconcileReport {
  eventsCompared: number;
  missedEvents: string[];
  subscriptionsCompared: number;
  /** Subscription ids with the fields that differed. */
  drifted: { subscription_id: string; fields: string[] }[];
  unreadable: { subscription_id: string; problem: string }[];
}

/** Events younger than this may still be on their way; they, and the subscriptions they move, are left to the next run. */
const STILL_ON_ITS_WAY_SECONDS = 15 * 60;
/** A little more than a day, so that a missed run leaves no gap. Stripe lists events for 30 days. */
const LOOK_BACK_SECONDS = 26 * 3600;
/** The most types that one list call takes. @see https://docs.stripe.com/api/events/list */
const TYPES_PER_LIST = 20;
const COMPARED_AT_ONCE = 100;

/**
 * Compares Stripe with what we hold, and queues what is missing or different: missed events first, since they carry their own second;
 * then a question to Stripe for each subscription that differs still. It writes no plan state itself.
 */
export async function reconcile(parts: ReconcileParts): Promise<ReconcileReport> {
  const report: ReconcileReport = {
    eventsCompared: 0,
    missedEvents: [],
    subscriptionsCompared: 0,
    drifted: [],
    unreadable: [],
  };
  const moving = new Set<string>();
  for (let first = 0; first < routedEventTypes.length; first += TYPES_PER_LIST) {
    const types = routedEventTypes.slice(first, first + TYPES_PER_LIST);
    const listed = parts.stripe.events.list({ types, created: { gte: parts.now - LOOK_BACK_SECONDS }, limit: 100 });
    for await (const events of chunks(listed)) await compareEvents(parts, events, moving, report);
  }
  for await (const subscriptions of chunks(parts.stripe.subscriptions.list({ status: 'all', limit: 100 }))) {
    await compareSubscriptions(
      parts,
      subscriptions.filter(({ id }) => !moving.has(id)),
      report,
    );
  }
  return report;
}

async function compareEvents(
  parts: ReconcileParts,
  listed: Stripe.Event[],
  moving: Set<string>,
  report: ReconcileReport,
): Promise<void> {
  const settledByNow = parts.now - STILL_ON_ITS_WAY_SECONDS;
  for (const event of listed.filter(({ created }) => created > settledByNow)) moving.add(subscriptionOf(event));
  const events = listed.filter((event) => event.created <= settledByNow && !event.account);
  if (events.length === 0) return;
  const { missing_event_ids } = await parts.store.compare({
    event_ids: events.map(({ id }) => id),
    subscription_ids: [],
  });
  const missing = events.filter(({ id }) => missing_event_ids.includes(id));
  for (const event of missing) moving.add(subscriptionOf(event));
  report.eventsCompared += events.length;
  report.missedEvents.push(...missing.map(({ id }) => id));
  for (const worker of workers) {
    const envelopes = missing
      .filter(({ type }) => workerOf(type) === worker)
      .map((event) => envelopeOf(parts, event.id, event.type, event));
    if (envelopes.length > 0) await parts.enqueue(worker, envelopes);
  }
}

async function compareSubscriptions(
  parts: ReconcileParts,
  subscriptions: Stripe.Subscription[],
  report: ReconcileReport,
): Promise<void> {
  if (subscriptions.length === 0) return;
  const { held } = await parts.store.compare({ event_ids: [], subscription_ids: subscriptions.map(({ id }) => id) });
  const heldById = new Map<string, HeldSubscription>(held.map((row) => [row.subscription_id, row]));
  report.subscriptionsCompared += subscriptions.length;
  const drifted: Stripe.Subscription[] = [];
  for (const subscription of subscriptions) {
    try {
      const differences = differencesOf(
        heldById.get(subscription.id) ?? null,
        readSubscription(subscription, parts.catalogue).snapshot,
      );
      if (differences.length === 0) continue;
      drifted.push(subscription);
      report.drifted.push({ subscription_id: subscription.id, fields: differences.map(({ field }) => field) });
    } catch (error) {
      // One that we cannot read must not keep the others from being compared; it is reported, and logged by the handler.
      report.unreadable.push({ subscription_id: subscription.id, problem: (error as Error).message });
    }
  }
  if (drifted.length > 0)
    await parts.enqueue(
      subscriptionWorker,
      drifted.map((subscription) => questionFor(parts, subscription)),
    );
}

/** "Ask Stripe for this subscription": the worker takes a ticket, fetches and applies; a newer event in between wins. */
export function questionFor(
  parts: Pick<ReconcileParts, 'source' | 'runId' | 'now'>,
  subscription: { id: string; customer: string | { id: string }; livemode: boolean },
): object {
  const { id, customer, livemode } = subscription;
  const eventId = `reconcile_${parts.runId.replace(/\W/g, '_')}_${id}`;
  return envelopeOf(parts, eventId, reconcileType, {
    id: eventId,
    type: reconcileType,
    created: parts.now,
    livemode,
    api_version: null,
    data: { object: { id, customer: typeof customer === 'string' ? customer : customer.id } },
  });
}

function envelopeOf(
  parts: Pick<ReconcileParts, 'source' | 'runId' | 'now'>,
  id: string,
  type: string,
  detail: object,
): object {
  return {
    version: '0',
    id: `${parts.runId}:${id}`,
    source: parts.source,
    'detail-type': type,
    time: new Date(parts.now * 1000).toISOString(),
    origin: 'reconcile',
    detail,
  };
}

/** The subscription an event is about or moves; an empty word for none. */
function subscriptionOf(event: Stripe.Event): string {
  const object = event.data.object as { id?: string; object?: string };
  return object.object === 'subscription' ? (object.id ?? '') : '';
}

async function* chunks<Item>(list: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let chunk: Item[] = [];
  for await (const item of list) {
    chunk.push(item);
    if (chunk.length === COMPARED_AT_ONCE) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
