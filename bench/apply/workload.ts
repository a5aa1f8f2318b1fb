import { workerOf } from '../../core/event-routes.ts';
import type { Worker } from '../../core/workers.ts';
import { StripeAccount } from '../../stripe-simulator/account.ts';
import { envelope } from '../../test/support/event-processor.ts';

/** One message of a work queue, and the event in it. */
export interface Message {
  worker: Worker;
  body: string;
  event: object;
}

const DAY = 86_400;
const SIGNED_UP = 1_790_000_000;

/** Customers whose events stand between two of the same customer: Stripe sends those of one customer together, a queue spreads them. */
const INTERLEAVED = 50;

/** How large the shop is, and of how many of its customers the events are. */
export interface Size {
  /** All who signed up: with a few dozen, Postgres reads whole tables where it would use an index in any real shop. */
  customers: number;
  /** Whose events come first and are not measured: connections are opened, code compiled, and each statement planned for good at its sixth run on a connection. */
  warmUp: number;
  measured: number;
}

/**
 * Customers of a simulated Stripe: their sign-ups, which every system is given beforehand, and what is measured: a month later some renew
 * and have some of it refunded. Users and prices are known.
 */
export function workload({ customers, warmUp, measured }: Size): {
  signUps: Message[];
  warmUp: Message[];
  measured: Message[];
} {
  const account = new StripeAccount();
  const people = Array.from({ length: customers }, (_, n) => account.customer(`c${n}`));
  const subscriptions = people.map((person) => person.signUp({ at: SIGNED_UP, periodEnd: SIGNED_UP + 30 * DAY }));
  // The account's own list goes on growing: an event's id is its place in it.
  const signUps = messages(account.events);
  const months = people.slice(0, warmUp + measured).map((person, n) => {
    const at = SIGNED_UP + 30 * DAY;
    const from = account.events.length;
    person.renew(subscriptions[n]!, { at, periodEnd: at + 30 * DAY });
    person.refundLastCharge(at + DAY);
    return messages(account.events.slice(from));
  });
  return {
    signUps,
    warmUp: interleave(months.slice(0, warmUp)),
    measured: interleave(months.slice(warmUp)),
  };
}

function messages(events: readonly { type: string }[]): Message[] {
  return events.flatMap((event) => {
    const worker = workerOf(event.type);
    return worker === undefined ? [] : [{ worker, body: envelope(event, { time: '2026-11-20T10:00:00Z' }), event }];
  });
}

function interleave(lists: Message[][]): Message[] {
  const all: Message[] = [];
  for (let from = 0; from < lists.length; from += INTERLEAVED) {
    const group = lists.slice(from, from + INTERLEAVED);
    for (let n = 0; group.some((list) => n < list.length); n += 1)
      all.push(...group.flatMap((list) => list.slice(n, n + 1)));
  }
  return all;
}
