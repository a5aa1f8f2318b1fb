import { type FetchedKindName, type FetchedObject, fetchedType } from '../../core/stripe/fetched-object.ts';
import { reconcileType } from '../../core/stripe/read-fact.ts';

/** What every envelope of one run has in common. */
export interface Run {
  /** The configured partner event source: workers trust no other. */
  source: string;
  /** Names the run; the same again when it is tried again, so that nothing is applied twice. */
  runId: string;
  /** Unix seconds. */
  now: number;
  livemode: boolean;
}

/** A missed event, as the bus would have brought it. */
export const missedEvent = (run: Run, event: FetchedObject): object =>
  envelope(run, event.id, String(event.type), event);

/** "Ask Stripe for this subscription": the worker takes a ticket, fetches and applies; a newer event in between wins. */
export function questionFor(run: Run, subscription: { id: string; customer: unknown }): object {
  const id = ownId(run, subscription.id);
  const customer = subscription.customer as string | { id: string };
  return envelope(run, id, reconcileType, {
    id,
    type: reconcileType,
    created: run.now,
    livemode: run.livemode,
    api_version: null,
    data: { object: { id: subscription.id, customer: typeof customer === 'string' ? customer : customer.id } },
  });
}

/**
 * An object as the API answered it.
 * @param asOf the second for which it speaks: later than the row's, so that it corrects it; earlier than any event that is not in it
 */
export function fetchedObject(run: Run, kind: FetchedKindName, object: FetchedObject, asOf: number): object {
  const id = ownId(run, object.id);
  // An invoice's lines are what makes a message large; only of one that belongs to no subscription a fact is made of them.
  const { lines, ...rest } = object;
  const shown = object.subscription || hasSubscription(object.parent) ? rest : { ...rest, lines };
  return envelope(run, id, fetchedType(kind), {
    id,
    type: fetchedType(kind),
    created: asOf,
    livemode: run.livemode,
    api_version: null,
    data: { object: shown },
  });
}

const hasSubscription = (parent: unknown): boolean =>
  Boolean((parent as { subscription_details?: unknown } | null | undefined)?.subscription_details);

/** The end of a subscription that Stripe does not know: as we hold it, but over. */
export function endedSubscription(run: Run, row: Record<string, unknown>, asOf: number, userIdKey: string): object {
  const seconds = (field: string) => (row[field] === null ? null : Math.floor(Date.parse(String(row[field])) / 1000));
  return fetchedObject(
    run,
    'subscription',
    {
      id: String(row.subscription_id),
      object: 'subscription',
      customer: row.customer_id,
      status: 'canceled',
      created: seconds('started_at') ?? asOf,
      ended_at: asOf,
      canceled_at: seconds('canceled_at') ?? asOf,
      latest_invoice: row.latest_invoice_id,
      cancellation_details: { reason: row.cancellation_reason },
      metadata: row.metadata_user_id === null ? {} : { [userIdKey]: row.metadata_user_id },
      items: {
        data: [
          {
            price: {
              id: row.price_id,
              lookup_key: row.lookup_key,
              currency: row.currency ?? undefined,
              unit_amount:
                row.amount_minor === null ? null : Math.round(Number(row.amount_minor) / (Number(row.quantity) || 1)),
              recurring:
                row.billing_interval === null
                  ? null
                  : { interval: row.billing_interval, interval_count: row.interval_count },
            },
            quantity: row.quantity,
            current_period_start: seconds('current_period_start'),
            current_period_end: seconds('current_period_end') ?? asOf,
          },
        ],
      },
    },
    asOf,
  );
}

const ownId = ({ runId }: Run, objectId: string): string => `reconcile_${runId.replace(/\W/g, '_')}_${objectId}`;

function envelope({ source, runId, now }: Run, id: string, type: string, detail: object): object {
  return {
    version: '0',
    id: `${runId}:${id}`,
    source,
    'detail-type': type,
    time: new Date(now * 1000).toISOString(),
    origin: 'reconcile',
    detail,
  };
}
