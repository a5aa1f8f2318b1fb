import { PipelineError } from '../core/errors.ts';
import type { Catalogue } from '../core/plans/catalogue.ts';
import type { StripeEvent } from '../core/stripe/envelope.ts';
import type { Fact } from '../core/stripe/facts/fact.ts';
import { isOwnType, readFact } from '../core/stripe/read-fact.ts';

/** @throws {PipelineError} later: no key, no answer, throttled; never: Stripe does not know it. */
export type EventAtStripe = (eventId: string) => Promise<unknown>;

/** What decides who has which plan and until when; an unpaid invoice begins a grace period, money that goes back ends a purchase. Payments are counted and shown. */
const movesPlans = new Set<Fact['kind']>([
  'subscription',
  'customer',
  'checkout',
  'invoice',
  'invoice_payment',
  'refund',
  'dispute',
]);

/**
 * Asks Stripe for an event by its id before it may move a plan: the bus carries no signature, so whoever can put an event on it could give
 * plans away (docs/security.md). Stripe's own copy must say the same in our words; in which API shape it answers does not matter.
 *
 * Our own events are not asked for: no rule of the bus takes their types.
 * @throws {PipelineError} never: `unverified_event`, naming what differs; later: whatever keeps Stripe from answering.
 */
export async function verifyEvent(
  eventAtStripe: EventAtStripe,
  catalogue: Catalogue,
  event: StripeEvent,
  fact: Fact | null,
): Promise<void> {
  if (fact === null || !movesPlans.has(fact.kind) || isOwnType(event.type)) return;
  const original = await originalOf(eventAtStripe, event);
  const differing = [
    ...(['type', 'created', 'livemode'] as const).filter((field) => event[field] !== original[field]),
    ...differingFields(fact, readFact(original, catalogue)),
  ];
  if (differing.length > 0) throw unverified(`Stripe's own copy of this event has another ${differing.join(', ')}`);
}

async function originalOf(eventAtStripe: EventAtStripe, { id }: StripeEvent): Promise<StripeEvent> {
  try {
    return (await eventAtStripe(id)) as StripeEvent;
  } catch (error) {
    if (!(error instanceof PipelineError) || error.retry === 'later') throw error;
    throw unverified(
      'Stripe has no event of this id. It keeps events for 30 days: to replay older ones, turn `verifyEvents` off',
    );
  }
}

/** The names of what two facts do not agree about; of a snapshot, each of its fields. */
function differingFields(one: object | null, other: object | null): string[] {
  const [a, b] = [flat(one), flat(other)];
  // Who paid an invoice stands in the older shape alone.
  return Object.keys({ ...a, ...b }).filter(
    (name) => name !== 'paid_by' && JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
}

const flat = (fact: object | null): Record<string, unknown> => {
  const { snapshot, ...rest } = (fact ?? {}) as { snapshot?: object };
  return { ...rest, ...snapshot };
};

const unverified = (what: string): PipelineError =>
  new PipelineError('unverified_event', 'never', `${what}. Somebody else than Stripe may have put it on the bus.`);
