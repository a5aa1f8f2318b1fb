import { type DeliveryPlan, inOrder } from '../model/deliveries.ts';
import type { Act, Recipe, SignUp } from '../model/life.ts';
import { live } from '../model/live.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { heldOf } from './held.ts';
import { judge, judgePlanEvents } from './judge.ts';
import { deliver } from './trial.ts';

/** What the properties found, at its smallest: each was wrong once. */
describe('found by the properties', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  const signUp: SignUp = {
    do: 'sign up',
    person: 0,
    price: 0,
    newCustomer: false,
    hints: { clientReference: false, sessionMetadata: false, subscriptionMetadata: false, customerMetadata: false },
    trial: false,
    outcome: 'paid',
    checkout: 'after',
    pace: [0, 0, 0],
  };
  const life = (next: Recipe['next'], opening = signUp): Recipe => ({ era: 'to come', opening, next });

  it('learns whose customer it is though another update of the customer shares the second', async () => {
    const account = live(life([{ afterSeconds: 0, act: { do: 'name the user', nth: 0 } }]), 'found1');
    const seen = await deliver(database, account, inOrder);
    const held = await heldOf(database, account);
    judge(account, held);
    judgePlanEvents(account, held, seen);
  });

  it('does not take an answer from Stripe that an event overtook within the second of the sign-up', async () => {
    const account = live(life([]), 'found2');
    const created = account.happenings.findIndex(({ type }) => type === 'customer.subscription.created');
    // The comparison asks after `created` was applied and reads `incomplete`; `updated` is applied before that answer is.
    const plan: DeliveryPlan = { ...inOrder, asks: [{ which: 0, before: created + 1 }], width: 2 };
    for (let choice = 0; choice < 40; choice++) {
      const again = live(life([]), `found2n${choice}`);
      await deliver(database, again, {
        ...plan,
        choices: Array.from({ length: 60 }, (_, turn) => (turn < choice ? 0 : 1)),
      });
      judge(again, await heldOf(database, again));
    }
  });

  it('is brought back by one replay, in any order, when it was closed by mistake', async () => {
    // A release took `active` for the end, until it was mended before the quantity changed.
    const misread = (fact: object) => {
      const read = fact as { snapshot?: { status: string; quantity: number } };
      if (read.snapshot?.status !== 'active' || read.snapshot.quantity !== 1) return fact;
      return { ...read, snapshot: { ...read.snapshot, status: 'canceled' } };
    };
    const backwards = Array.from({ length: 40 }, (_, position) => 2000 - 100 * position);
    const twice: Act = { do: 'flap', nth: 0, through: [{ quantity: 2 }, { quantity: 3 }] };
    for (const [index, act] of [twice, { do: 'change quantity', nth: 0, quantity: 2 } as const].entries()) {
      for (const afterSeconds of [0, 5]) {
        for (const [turn, jitter] of [[0], backwards].entries()) {
          const account = live(life([{ afterSeconds, act }]), `rfound3n${index}n${afterSeconds}n${turn}`);
          await deliver(database, account, inOrder, { misread });
          await deliver(database, account, { ...inOrder, spread: 1000, jitter }, { replayName: 'after-the-fix' });
          judge(account, await heldOf(database, account));
        }
      }
    }
  });
});
