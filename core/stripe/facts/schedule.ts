import * as z from 'zod/mini';
import { type Catalogue, planOfPrice } from '../../plans/catalogue.ts';
import type { ScheduledChange } from '../../plans/plan-event.generated.ts';
import { count, id, idOf, iso, optionalReference, optionalWord, readObject, seconds, word } from './fields.ts';
import { ownerProblems, rank } from './subscription.ts';

const itemShape = z.looseObject({
  price: z.union([id, z.looseObject({ id, lookup_key: optionalWord, product: optionalReference })]),
  quantity: z.optional(z.nullable(count)),
});

const phaseShape = z.looseObject({ start_date: seconds, items: z.array(itemShape) });

const scheduleShape = z.looseObject({
  id,
  customer: optionalReference,
  customer_account: z.optional(z.nullable(id)),
  subscription: optionalReference,
  released_subscription: optionalReference,
  status: word,
  current_phase: z.optional(z.nullable(z.looseObject({ start_date: seconds, end_date: seconds }))),
  phases: z.array(phaseShape),
  created: seconds,
});

/** What a schedule does to its subscription next; `at` is ISO 8601. */
type NextChange = NonNullable<ScheduledChange>;

export interface ScheduleFact {
  kind: 'schedule';
  schedule_id: string;
  customer_id: string;
  /** The one that it manages, or managed until it was released; null before its first phase begins. */
  subscription_id: string | null;
  /** Stripe's own word. */
  status: string;
  /** null: nothing more, or the schedule is over. */
  next_change: NextChange | null;
  created: string;
}

/**
 * What Stripe will change of a subscription, and when: the first phase after the current one that has another price or quantity.
 *
 * Only an active schedule changes a subscription that is there. A schedule names prices by their ids alone, so a price that the
 * catalogue knows by nothing but its lookup key counts as unknown here; once the change has happened the subscription tells.
 * @throws {UnreadableEvent} naming the field.
 * @see https://docs.stripe.com/api/subscription_schedules/object
 */
export function readSchedule(object: unknown, catalogue: Catalogue): ScheduleFact {
  const schedule = readObject(scheduleShape, object, 'a subscription schedule that we can read', ownerProblems(object));
  return {
    kind: 'schedule',
    schedule_id: schedule.id,
    customer_id: (idOf(schedule.customer) ?? schedule.customer_account)!,
    subscription_id: idOf(schedule.subscription) ?? idOf(schedule.released_subscription),
    status: schedule.status,
    next_change: schedule.status === 'active' ? nextChange(schedule, catalogue) : null,
    created: iso(schedule.created)!,
  };
}

function nextChange({ phases, current_phase }: z.infer<typeof scheduleShape>, catalogue: Catalogue): NextChange | null {
  if (!current_phase) return null;
  const inOrder = phases.toSorted((one, other) => one.start_date - other.start_date);
  const current = inOrder.find(({ start_date }) => start_date === current_phase.start_date);
  const held = current && standingFor(current, catalogue);
  for (const phase of inOrder.filter(({ start_date }) => start_date >= current_phase.end_date)) {
    const next = standingFor(phase, catalogue);
    // A phase may change a discount or a tax alone, which the plan state does not show.
    if (next.price_id !== held?.price_id || next.quantity !== held.quantity)
      return { at: iso(phase.start_date)!, ...next };
  }
  return null;
}

/** Of a phase's items the one of the highest tier, as for a subscription. */
function standingFor({ items }: z.infer<typeof phaseShape>, catalogue: Catalogue): Omit<NextChange, 'at'> {
  const [best] = items
    .map(({ price, quantity }) => {
      const { id, lookup_key = null, product = null } = typeof price === 'string' ? { id: price } : price;
      return { id, quantity, means: planOfPrice(catalogue, { id, lookup_key, product: idOf(product) }) };
    })
    .sort((one, other) => rank(other.means) - rank(one.means));
  const plan = best?.means?.kind === 'plan' ? best.means : null;
  return {
    plan_id: plan?.plan_id ?? null,
    tier: plan?.tier ?? null,
    price_id: best?.id ?? null,
    quantity: best?.quantity ?? 1,
    plan_unknown: best !== undefined && best.means === undefined,
  };
}
