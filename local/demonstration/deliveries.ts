import type { AccountEvent } from '../../stripe-simulator/account.ts';
import { shuffle } from '../eventbridge/event-archive.ts';

/** The same numbers in every run, so that what went wrong once goes wrong again. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So far an event may move among its neighbours, and so far behind a duplicate may come. */
const DISORDER = 40;
const DELAY_OF_DUPLICATES = 80;
/** Every so-manieth event comes twice: Stripe delivers at least once. */
const DUPLICATE_EVERY = 5;

/**
 * The account's events as they might arrive: roughly by time, out of order among neighbours, some twice, and one customer's all backwards.
 */
export function deliveriesOf(events: AccountEvent[], backwards: string, random: () => number): AccountEvent[] {
  const byTime = [...events].sort((one, other) => one.created - other.created);
  const placed = byTime.flatMap((event, index) => {
    const first = { event, place: index + random() * DISORDER };
    return index % DUPLICATE_EVERY === 0
      ? [first, { event, place: first.place + random() * DELAY_OF_DUPLICATES }]
      : [first];
  });
  const arriving = placed.sort((one, other) => one.place - other.place).map(({ event }) => event);
  const isBackwards = (event: AccountEvent) => JSON.stringify(event).includes(backwards);
  const reversed = arriving.filter(isBackwards).reverse();
  return arriving.map((event) => (isBackwards(event) ? reversed.shift()! : event));
}

/** What happens elsewhere at Stripe meanwhile: types nobody handles, another account's events, a ping. */
export function bystanders(prefix: string, at: number, random: () => number): AccountEvent[] {
  const common = {
    object: 'event',
    api_version: '2026-10-28.endive',
    created: at,
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
  };
  const events = [
    {
      ...common,
      id: `evt_${prefix}demo_payout`,
      type: 'payout.paid',
      data: { object: { id: `po_${prefix}1`, object: 'payout', amount: 5000 } },
    },
    {
      ...common,
      id: `evt_${prefix}demo_product`,
      type: 'product.updated',
      data: { object: { id: 'prod_premium', object: 'product' } },
    },
    {
      ...common,
      id: `evt_${prefix}demo_connect`,
      type: 'charge.succeeded',
      account: 'acct_elsewhere',
      data: {
        object: {
          id: `ch_${prefix}elsewhere`,
          object: 'charge',
          amount: 700,
          currency: 'eur',
          status: 'succeeded',
          created: at,
        },
      },
    },
    {
      id: `evt_${prefix}demo_ping`,
      object: 'v2.core.event',
      type: 'v2.core.event_destination.ping',
      created: new Date(at * 1000).toISOString(),
      livemode: false,
    },
  ];
  return shuffle(events, random) as unknown as AccountEvent[];
}
