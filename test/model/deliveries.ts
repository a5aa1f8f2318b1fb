import fc from 'fast-check';

/**
 * How a history reaches us: in which order, what of it more than once, how far Stripe is ahead, what fails on the way.
 *
 * Small numbers that are used round and round, so that one plan fits any history and shrinks to the plain one.
 */
export interface DeliveryPlan {
  /** An event is late by up to this many places. 0: in order; more than there are events: any order at all. */
  spread: number;
  /** Thousandths of `spread`, one for each event in turn. */
  jitter: number[];
  /** Further deliveries: of which event, and how many places after its first. */
  again: { which: number; later: number }[];
  /** How many events Stripe has emitted beyond the last that we were given; a large number: its history is over. */
  ahead: number;
  /** Deliveries under way at once. */
  width: number;
  /** How many messages the queue hands over together. */
  batch: number;
  /** Which of the steps that could come next does. */
  choices: number[];
  /** The comparison with Stripe asks about a subscription: which one, and before which delivery. */
  asks: { which: number; before: number }[];
  /** What goes wrong, one for each chance in turn; nothing once they are used up. */
  faults: Fault[];
}

export type Fault = 'none' | 'fetch fails' | 'dies before publishing' | 'dies after publishing';

export const inOrder: DeliveryPlan = {
  spread: 0,
  jitter: [0],
  again: [],
  ahead: 0,
  width: 1,
  batch: 1,
  choices: [0],
  asks: [],
  faults: [],
};

export const deliveryPlan: fc.Arbitrary<DeliveryPlan> = fc.record({
  spread: fc.constantFrom(1000, 0, 2, 5, 12),
  jitter: fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 40, size: 'max' }),
  again: fc.array(fc.record({ which: fc.nat({ max: 60 }), later: fc.nat({ max: 20 }) }), {
    maxLength: 10,
    size: 'max',
  }),
  ahead: fc.constantFrom(0, 1, 3, 1000),
  width: fc.integer({ min: 1, max: 6 }),
  batch: fc.constantFrom(1, 1, 2, 4, 10),
  choices: fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 40, size: 'max' }),
  asks: fc.array(fc.record({ which: fc.nat({ max: 3 }), before: fc.nat({ max: 60 }) }), { maxLength: 3, size: 'max' }),
  faults: fc.array(fc.constantFrom<Fault>('none', 'fetch fails', 'dies before publishing', 'dies after publishing'), {
    maxLength: 6,
    size: 'max',
  }),
});

/** Positions in the history in the order of their deliveries, each at least once. */
export function deliveryOrder(plan: DeliveryPlan, events: number): number[] {
  const spread = Math.min(plan.spread, events);
  const due = (position: number) => position + (spread * plan.jitter[position % plan.jitter.length]!) / 1000;
  const deliveries = Array.from({ length: events }, (_, position) => ({ position, at: due(position) }));
  if (events > 0) {
    for (const { which, later } of plan.again) {
      const position = which % events;
      deliveries.push({ position, at: due(position) + later });
    }
  }
  return deliveries.sort((a, b) => a.at - b.at || a.position - b.position).map(({ position }) => position);
}

/** How many events Stripe has emitted by the time the given ones were delivered. */
export const momentAfter = (plan: DeliveryPlan, lastDelivered: number, events: number): number =>
  Math.min(events, lastDelivered + 1 + plan.ahead);
