import { type DeliveryPlan, inOrder } from '../model/deliveries.ts';
import type { Act, Recipe, SignUp } from '../model/life.ts';
import { live } from '../model/live.ts';
import type { StripeAccount } from '../model/stripe-account.ts';
import type { Database } from './database.ts';
import { heldOf } from './held.ts';
import { judge, judgePlanEvents } from './judge.ts';
import { deliver, type Seen, type TrialOptions } from './trial.ts';

/** What the properties found, at its smallest: each was wrong once, and stays held by itself. */
export interface Example {
  /** Its name in docs/correctness.md. */
  short: string;
  name: string;
  hold(database: Database): Promise<void>;
}

const signUp: SignUp = {
  do: 'sign up',
  person: 0,
  price: 0,
  newCustomer: false,
  sharesCustomer: false,
  hints: { clientReference: false, sessionMetadata: false, subscriptionMetadata: false, customerMetadata: false },
  trial: false,
  outcome: 'paid',
  checkout: 'after',
  pace: [0, 0, 0],
};
const life = (next: Recipe['next']): Recipe => ({ era: 'to come', opening: signUp, next });
const backwards = Array.from({ length: 40 }, (_, position) => 2000 - 100 * position);

let accounts = 0;
const lived = (recipe: Recipe): StripeAccount => live(recipe, `rexample${++accounts}`);

export const examples: readonly Example[] = [
  {
    short: 'two updates of a customer',
    name: 'learns whose customer it is though another update of the customer shares the second',
    async hold(database) {
      const account = lived(life([{ afterSeconds: 0, act: { do: 'name the user', nth: 0 } }]));
      const seen = await deliver(database, account, inOrder);
      const held = await heldOf(database, account);
      judge(account, held);
      judgePlanEvents(account, held, seen);
    },
  },
  {
    short: 'own event read anew',
    name: 'asks Stripe nothing when a replay reads again the very events that the rows stem from',
    async hold(database) {
      for (const act of [
        { do: 'change quantity', nth: 0, quantity: 2 },
        { do: 'cancel now', nth: 0, touchedFirst: false },
      ] as const) {
        const account = lived({ ...life([{ afterSeconds: 5, act }]), opening: { ...signUp, pace: [5, 5, 5] } });
        await deliver(database, account, inOrder);
        const { fetches } = await deliver(database, account, inOrder, { replayName: 'once-more' });
        if (fetches.length > 0)
          throw new Error(`Asked Stripe ${fetches.length} times, and no two events share a second`);
        judge(account, await heldOf(database, account));
      }
    },
  },
  {
    short: 'two purchases, one name',
    name: 'notifies a user once of an event that makes two purchases theirs',
    async hold(database) {
      const once = {
        do: 'buy a plan once',
        person: 1,
        price: 0,
        newCustomer: false,
        by: 'checkout',
        outcome: 'paid',
        pace: [0, 0],
      } as const;
      const named = { session: false, invoice: false, customer: false };
      const account = lived(
        life([
          { afterSeconds: 5, act: { ...once, named } },
          { afterSeconds: 5, act: { ...once, named } },
          { afterSeconds: 5, act: { do: 'dispute', nth: 0, warning: false } },
          { afterSeconds: 5, act: { do: 'close dispute', nth: 0, won: false } },
          { afterSeconds: 5, act: { do: 'name the user', nth: 1 } },
        ] as Recipe['next']),
      );
      const seen = await deliver(database, account, inOrder);
      const held = await heldOf(database, account);
      judge(account, held);
      judgePlanEvents(account, held, seen);
    },
  },
  {
    short: 'overtaken answer',
    name: 'does not take an answer from Stripe that an event overtook within the second of the sign-up',
    async hold(database) {
      // The comparison asks after `created` was applied and reads `incomplete`; `updated` is applied before that answer is.
      const { happenings } = live(life([]), 'h');
      const before = happenings.findIndex(({ type }) => type === 'customer.subscription.created') + 1;
      const plan: DeliveryPlan = { ...inOrder, asks: [{ which: 0, before }], width: 2 };
      for (let turns = 0; turns < 40; turns++) {
        const account = lived(life([]));
        const choices = Array.from({ length: 60 }, (_, turn) => (turn < turns ? 0 : 1));
        await deliver(database, account, { ...plan, choices });
        judge(account, await heldOf(database, account));
      }
    },
  },
  {
    short: 'schedule before its subscription',
    name: 'shows what is scheduled though the subscription’s only event comes last',
    async hold(database) {
      const act: Act = { do: 'schedule a change', nth: 0, price: 3, quantity: 2 };
      const recipe = life([{ afterSeconds: 5, act }]);
      const account = lived({ ...recipe, opening: { ...signUp, trial: true, checkout: 'never' } });
      const seen = await deliver(database, account, { ...inOrder, spread: 1000, jitter: backwards });
      const held = await heldOf(database, account);
      judge(account, held);
      judgePlanEvents(account, held, seen);
    },
  },
  {
    short: 'mistaken end',
    name: 'is brought back by one replay, forwards or backwards, when it was closed by mistake',
    async hold(database) {
      await mistakenEnd(database, { do: 'change quantity', nth: 0, quantity: 2 });
    },
  },
  {
    short: 'mistaken end before a tie',
    name: 'is brought back though two events of a later second are replayed backwards',
    async hold(database) {
      await mistakenEnd(database, { do: 'flap', nth: 0, through: [{ quantity: 2 }, { quantity: 3 }] });
    },
  },
  {
    short: 'two questions, two seconds',
    name: 'lets a newer ticket of an older second lose to an answer that moved the row on',
    async hold(database) {
      // A mistaken end; two replayed events contradict it, one in its second and one five seconds later, and both ask at once.
      const quantities = [
        { afterSeconds: 0, act: { do: 'change quantity', nth: 0, quantity: 2 } },
        { afterSeconds: 3, act: { do: 'change quantity', nth: 0, quantity: 4 } },
        { afterSeconds: 2, act: { do: 'change quantity', nth: 0, quantity: 3 } },
      ] as const;
      for (let variation = 0; variation < 40; variation++) {
        const account = lived(life([...quantities]));
        await deliver(database, account, inOrder, { misread: activeIsTheEnd });
        const [same, , last] = account.snapshotsOf(account.all('subscription')[0]!).slice(-3);
        const choices = Array.from({ length: 97 }, (_, turn) => ((turn + 1) * (variation + 3) * 7919) % 13);
        const replay = { ...inOrder, ...startingWith([last!.position, same!.position], account), width: 2, choices };
        await deliver(database, account, replay, { replayName: 'after-the-fix' });
        judge(account, await heldOf(database, account));
      }
    },
  },
  {
    short: 'answer between two alike',
    name: 'asks again when an event shows what is held while an answer is under way that shows another one between them',
    async hold(database) {
      const through = [{ quantity: 2 }, { quantity: 1 }, { quantity: 2 }];
      // The second event's answer says 1; the third event, which says 2 as the first did, passes it on the way.
      for (let turns = 20; turns < 80; turns++) {
        const account = lived(life([{ afterSeconds: 5, act: { do: 'flap', nth: 0, through } }]));
        const choices = Array.from({ length: 200 }, (_, turn) => (turn < turns ? 0 : 1));
        await deliver(database, account, { ...inOrder, width: 2, choices });
        judge(account, await heldOf(database, account));
      }
    },
  },
  {
    short: 'lagging answer',
    name: 'stays closed when the comparison asks after the deletion and Stripe’s answer lags behind it',
    async hold(database) {
      const account = lived(life([{ afterSeconds: 5, act: { do: 'cancel now', nth: 0, touchedFirst: false } }]));
      const last: DeliveryPlan = { ...inOrder, asks: [{ which: 0, before: account.happenings.length }] };
      await deliver(database, account, last, { lag: 1 });
      judge(account, await heldOf(database, account));
    },
  },
  {
    short: 'changed before its day',
    name: 'shows nothing as scheduled once the subscription is so already',
    async hold(database) {
      const planned: Act = { do: 'schedule a change', nth: 0, price: 1, quantity: 1 };
      const changed: Act = { do: 'change price', nth: 0, price: 1 };
      const account = lived(life([planned, changed].map((act) => ({ afterSeconds: 60, act }))));
      const seen = await deliver(database, account, inOrder);
      const held = await heldOf(database, account);
      judge(account, held);
      judgePlanEvents(account, held, seen);
    },
  },
  {
    short: 'carried out, and the schedule is late',
    name: 'shows nothing as scheduled once its day has come, though the schedule does not say so yet',
    async hold(database) {
      const planned: Act = { do: 'schedule a change', nth: 0, price: 3, quantity: 2 };
      const renewed: Act = { do: 'renew', nth: 0, outcome: 'paid' };
      const changed: Act = { do: 'change price', nth: 0, price: 0 };
      const account = lived(life([planned, renewed, changed].map((act) => ({ afterSeconds: 60, act }))));
      const late = account.happenings.findLast(({ type }) => type === 'subscription_schedule.updated')!;
      await deliver(database, account, inOrder, { only: (id) => id !== late.id });
      const { subscriptions } = await heldOf(database, account);
      const { scheduled_change } = subscriptions[0]!;
      if (scheduled_change !== null) throw new Error(`Shown as still to come: ${JSON.stringify(scheduled_change)}`);
      await deliver(database, account, inOrder);
      judge(account, await heldOf(database, account));
    },
  },
  {
    short: 'somebody else’s from now on',
    name: 'notifies whoever loses a subscription because its customer is named somebody else’s',
    async hold(database) {
      const hints = { ...signUp.hints, clientReference: true };
      const guest: Act = { ...signUp, person: 1, sharesCustomer: true, hints };
      const named: Act = { do: 'name the user', nth: 0 };
      const account = lived({
        ...life([guest, named].map((act) => ({ afterSeconds: 60, act }))),
        opening: { ...signUp, hints },
      });
      const seen = await deliver(database, account, inOrder);
      const held = await heldOf(database, account);
      judge(account, held);
      judgePlanEvents(account, held, seen);
    },
  },
  {
    short: 'twice at once, and nobody’s',
    name: 'settles once an event without a customer that is delivered twice at the same time',
    async hold(database) {
      const abandoned: Act = { do: 'abandon checkout', person: 1, price: 0 };
      const account = lived(life([{ afterSeconds: 60, act: abandoned }]));
      const nobodys = account.happenings.filter(({ object }) => 'customer' in object && object.customer === null);
      if (nobodys.length === 0) throw new Error('No event without a customer');
      for (const { id } of nobodys) {
        // Of a type that tells nothing: no row but the ledger's makes the second wait.
        const arrives = (on: Database) =>
          deliver(on, account, inOrder, { only: (other) => other === id, misread: () => null as never });
        const [first, second] = await atOnce(database, arrives, arrives);
        if (first.outcomes.duplicate || !second.outcomes.duplicate)
          throw new Error(`${id}: ${JSON.stringify(first.outcomes)}, then ${JSON.stringify(second.outcomes)}`);
      }
    },
  },
  {
    short: 'invoice, payment, refund at once',
    name: 'ends a purchase though two of its invoice, payment and refund are applied at the same time, each before it can see the other',
    async hold(database) {
      const bought: Act = {
        do: 'buy a plan once',
        person: 0,
        price: 1,
        newCustomer: false,
        by: 'sent invoice',
        named: { session: false, invoice: true, customer: false },
        outcome: 'paid',
        pace: [0, 0],
      };
      const refunded: Act = { do: 'refund', nth: 1, quarters: 4, settles: 'at once' };
      const types = ['invoice.paid', 'invoice_payment.paid', 'refund.created'];
      for (const [one, other, before] of [
        [0, 1, 2],
        [1, 0, 2],
        [0, 2, 1],
        [2, 0, 1],
        [1, 2, 0],
        [2, 1, 0],
      ] as const) {
        const account = lived(life([bought, refunded].map((act) => ({ afterSeconds: 0, act }))));
        const once = account.happenings.filter(({ object }) => !('subscription' in object && object.subscription));
        const idOf = (place: 0 | 1 | 2) => once.findLast(({ type }) => type === types[place])!.id;
        // Without the invoice's earlier events, which would make the purchase's row before.
        const isLater = (type: string) => type.startsWith('invoice.') || types.includes(type);
        const first = account.happenings.filter(({ id, type }) => !isLater(type) || id === idOf(before));
        const firstIds = first.map(({ id }) => id);
        await deliver(database, account, inOrder, { only: (id) => firstIds.includes(id) });

        const arrives = (place: 0 | 1 | 2) => (on: Database) =>
          deliver(on, account, inOrder, { only: (id) => id === idOf(place) });
        await atOnce(database, arrives(one), arrives(other));
        // Looked at before the invoice's earlier events, which would repair it.
        const { purchases } = await heldOf(database, account);
        const untils = purchases.map(({ entitled_until }) => entitled_until);
        if (untils.length !== 1 || untils[0] !== '-infinity')
          throw new Error(`${types[one]} beside ${types[other]}: refunded, and the purchase holds until ${untils}`);
        await deliver(database, account, inOrder);
        judge(account, await heldOf(database, account));
      }
    },
  },
];

/** The first delivery is not committed yet when the second begins. */
async function atOnce(
  database: Database,
  first: (on: Database) => Promise<Seen>,
  second: (on: Database) => Promise<Seen>,
): Promise<[Seen, Seen]> {
  const uncommitted = await database.writer.connect();
  try {
    await uncommitted.query('begin');
    const seen = await first({ ...database, writer: uncommitted as never });
    const other = second(database);
    await Promise.race([other, new Promise((resolve) => setTimeout(resolve, 300))]);
    await uncommitted.query('commit');
    return [seen, await other];
  } finally {
    uncommitted.release();
  }
}

/** A release took `active` for the end, until it was repaired before the quantity changed. */
const activeIsTheEnd: NonNullable<TrialOptions['misread']> = (fact) => {
  const read = fact as { snapshot?: { status: string; quantity: number } };
  if (read.snapshot?.status !== 'active' || read.snapshot.quantity !== 1) return fact;
  return { ...read, snapshot: { ...read.snapshot, status: 'canceled' } };
};

/** A plan's order that begins with these events of the history and goes on with the others as they happened. */
function startingWith(first: number[], { happenings }: StripeAccount): Pick<DeliveryPlan, 'spread' | 'jitter'> {
  const order = [
    ...first,
    ...happenings.map(({ position }) => position).filter((position) => !first.includes(position)),
  ];
  const places = happenings.map(({ position }) => order.indexOf(position));
  // An event comes at its position plus a share of the spread: here at ten times its place.
  return {
    spread: 1000,
    jitter: places.map((place, position) => (1000 * (10 * place - position)) / happenings.length),
  };
}

async function mistakenEnd(database: Database, act: Act): Promise<void> {
  for (const afterSeconds of [0, 5]) {
    for (const jitter of [[0], backwards]) {
      const account = lived(life([{ afterSeconds, act }]));
      await deliver(database, account, inOrder, { misread: activeIsTheEnd });
      await deliver(database, account, { ...inOrder, spread: 1000, jitter }, { replayName: 'after-the-fix' });
      judge(account, await heldOf(database, account));
    }
  }
}
