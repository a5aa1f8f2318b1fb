import type { StoriedPurchase, StoriedSubscription, Story } from '../../adapters/postgres/story-store.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import { moment } from '../cli/formatting.ts';
import type { LostMessage } from '../story/dead-letters-of.ts';
import type { RowDifference, StripeNow } from '../story/stripe-now.ts';
import { planOf } from '../story/words.ts';

/** All that was seen of somebody; null: that source did not answer, or was not asked. */
export interface Seen {
  asked: { user?: string; customer?: string; email?: string };
  story: Story | null;
  stripe: StripeNow | null;
  differences: RowDifference[] | null;
  lost: LostMessage[] | null;
  /** Messages in the work queues. */
  waiting: number | null;
  /** Those of the customers that `ops erase` has taken out. */
  erased: readonly string[];
}

/** Why the plan is what it is, in a word that stays, a sentence, and what to do. */
export interface Verdict {
  cause: string;
  says: string;
  do: string[];
  /** Below docs/runbooks. */
  page: string;
  /** Something of ours is wrong; otherwise the pipeline shows what Stripe says. */
  wrong: boolean;
}

/** The first cause that holds: what never reached us before what did, and our faults before Stripe's words. */
export function verdictOf(seen: Seen, lines: CommandLines): Verdict {
  return (
    wasErased(seen) ??
    lostOrMissed(seen, lines) ??
    unknownHere(seen, lines) ??
    unlinked(seen, lines) ??
    asStripeSays(seen, lines)
  );
}

/** What Stripe still tells of them is kept without them, on purpose: no difference is a fault then. */
function wasErased({ erased, story }: Seen): Verdict | undefined {
  const [customer] = erased;
  if (customer === undefined || story!.subscriptions.some(({ entitled }) => entitled)) return undefined;
  return {
    cause: 'erased',
    says: `${customer} was erased here: what they bought stands without the person, and whatever comes later is kept without them too.`,
    do: ['Nothing is to be done here. Who buys again does so as a new customer at Stripe.'],
    page: 'support',
    wrong: false,
  };
}

function lostOrMissed({ stripe, differences, lost, waiting, asked }: Seen, lines: CommandLines): Verdict | undefined {
  const letter = lost?.[0];
  if (letter && (differences === null || differences.length > 0)) {
    const id = letter.event_id ?? 'evt_…';
    const detail = letter.detail ? ` (${letter.detail})` : '';
    return {
      cause: 'parked',
      says: `${letter.event_type ?? 'A message'} ${letter.event_id ?? 'without an id'} was given up on: ${letter.reason}${detail}. It lies in ${letter.queue} since ${moment(letter.since)}.`,
      do: [
        `${lines.verb(`event ${id}`)}`,
        `Once the cause is repaired: ${lines.verb(`redrive --reason ${letter.reason} --apply`)}`,
      ],
      page: letter.queue.endsWith('undelivered') ? 'undelivered' : 'failed',
      wrong: true,
    };
  }
  const [first] = differences ?? [];
  if (first === undefined) return undefined;
  const customer = asked.customer ?? stripe?.customers[0]?.customer_id ?? 'cus_…';
  const what = `${first.kind} ${first.id} ${first.known ? `differs from Stripe in ${first.fields.join(', ')}` : 'is at Stripe and not here'}`;
  if (waiting !== null && waiting > 0)
    return {
      cause: 'waiting',
      says: `${what}, and ${waiting} messages wait in the queues: its event may be among them.`,
      do: [lines.verb('diagnose')],
      page: 'backlog',
      wrong: true,
    };
  return {
    cause: 'missed',
    says: `${what}: the event never reached us, and is in no queue.`,
    do: [lines.verb(`sync --customer ${customer} --apply`)],
    page: 'missed-events',
    wrong: true,
  };
}

function unknownHere({ asked, story, stripe }: Seen, lines: CommandLines): Verdict | undefined {
  if (story === null)
    return {
      cause: 'database_unreachable',
      says: 'Our rows cannot be read now; what Stripe says is below.',
      do: [lines.verb('diagnose')],
      page: 'supabase-down',
      wrong: true,
    };
  if (story.subscriptions.length > 0 || story.purchases.length > 0) return undefined;
  const atStripe = stripe?.customers.length ?? 0;
  return {
    cause: atStripe > 0 ? 'no_subscription' : 'unlinked',
    says:
      atStripe > 0
        ? 'Neither Stripe nor we know a subscription of theirs.'
        : `We know no subscription of ${nameOf(asked)}${stripe === null ? '' : ', and no customer at Stripe names them'}: they never bought, or nobody said whose the customer is.`,
    do:
      atStripe > 0
        ? ['Look for a second customer: another e-mail address, another account of theirs.']
        : [
            lines.verb('why --email <the address they paid with>'),
            lines.verb('link --user <id> --customer cus_… --apply'),
          ],
    page: 'support',
    wrong: atStripe === 0,
  };
}

function unlinked({ story, stripe }: Seen, lines: CommandLines): Verdict | undefined {
  const sources = [...story!.subscriptions, ...story!.purchases];
  const nobodys = sources.find(({ user_id, entitled }) => user_id === null && entitled);
  const linked = sources.some(({ user_id, entitled }) => user_id !== null && entitled);
  if (!nobodys || linked) return undefined;
  const keys = stripe?.customers.find(({ customer_id }) => customer_id === nobodys.customer_id)?.other_keys ?? [];
  const misspelled =
    keys.length > 0
      ? ` Its customer's metadata has ${keys.join(', ')}: user_id_keys in config/plans.yaml names the keys that count.`
      : '';
  return {
    cause: 'unlinked',
    says: `${nobodys.subscription_id ?? nobodys.invoice_id} (${planOf(nobodys)}) is paid for, and nothing says whose it is.${misspelled}`,
    do: [lines.verb(`link --user <their id> --customer ${nobodys.customer_id} --apply`)],
    page: 'entitled-without-user',
    wrong: true,
  };
}

/** Nothing is lost, and it is known whose it is: the plan is what the subscription makes of it, or what was paid for once. */
function asStripeSays({ story }: Seen, lines: CommandLines): Verdict {
  const [subscription] = story!.subscriptions;
  const [purchase] = story!.purchases;
  if (subscription === undefined || (purchase && givesThePlan(purchase, story!, subscription)))
    return { ...ofPurchase(purchase!), page: 'support', wrong: false };
  const id = subscription.subscription_id;
  if (subscription.plan_unknown)
    return {
      cause: 'unknown_price',
      says: `${id} is ${subscription.status} with the price ${subscription.price_id}, which config/plans.yaml lacks; ${
        subscription.plan_id === null
          ? 'no plan was held before'
          : `the plan held before stays: ${subscription.plan_id}`
      }.`,
      do: [
        'Add the price to config/plans.yaml, deploy, then:',
        lines.verb(`sync --customer ${subscription.customer_id} --apply`),
      ],
      page: 'unknown-price',
      wrong: true,
    };
  return { ...byStatus(subscription, story!), page: 'support', wrong: false };
}

/** Of two that entitle, the plan's state says which one it is made of. What runs with a price that nobody knows is said first: it may be worth more. */
function givesThePlan(purchase: StoriedPurchase, { plans }: Story, subscription: StoriedSubscription): boolean {
  const { status, entitled, plan_unknown } = subscription;
  if (!purchase.entitled || (plan_unknown && ['trialing', 'active', 'past_due'].includes(status))) return false;
  return (
    !entitled || plans.some(({ user_id, state }) => user_id === purchase.user_id && state.subscription_id === null)
  );
}

function ofPurchase(purchase: StoriedPurchase): Pick<Verdict, 'cause' | 'says' | 'do'> {
  const { invoice_id: id, status, cancel_at } = purchase;
  if (purchase.entitled)
    return {
      cause: 'entitled',
      says: `${id}, paid once, gives ${planOf(purchase)}: here all is as it should be. The app shows something else, or asks for another user.`,
      do: ['Compare the user id that the app asks for, and the version that it holds, with what is below.'],
    };
  return status === 'cancelled'
    ? {
        cause: 'paid_back',
        says: `What was paid for ${id} went back: all of it was refunded, or a dispute was lost.`,
        do: ['They buy again, if they want it back.'],
      }
    : {
        cause: 'ended',
        says: `${id} was paid for a time, which ended ${moment(cancel_at)}.`,
        do: ['They buy again, if they want it back.'],
      };
}

function byStatus(
  subscription: StoriedSubscription,
  { unpaid_invoices }: Story,
): Pick<Verdict, 'cause' | 'says' | 'do'> {
  const { subscription_id: id, customer_id, status, entitled } = subscription;
  const atStripe = (what: string) => [`In Stripe's dashboard, ${customer_id}: ${what}`];
  const invoice = unpaid_invoices[0]?.invoice_id ?? 'the open invoice';
  if (entitled)
    return {
      cause: 'entitled',
      says: `${id} gives ${planOf(subscription)}: here all is as it should be. The app shows something else, or asks for another user.`,
      do: ['Compare the user id that the app asks for, and the version that it holds, with what is below.'],
    };
  switch (status) {
    case 'pending':
      return {
        cause: 'incomplete',
        says: `The first payment of ${id} is not through: it was not confirmed with the bank, was refused, or a debit is under way.`,
        do: atStripe('the payment. Nothing is to be done here; the plan comes by itself once it is paid.'),
      };
    case 'expired':
      return {
        cause: 'expired',
        says: `${id} was never paid within a day, so Stripe gave it up.`,
        do: ['They buy again.'],
      };
    case 'cancelled':
      return {
        cause: 'cancelled',
        says: `${id} was cancelled${because(subscription)} and ended ${moment(subscription.ended_at ?? subscription.canceled_at)}.`,
        do: ['They buy again, if they want it back.'],
      };
    case 'suspended':
      return {
        cause: 'suspended',
        says: `${id} is unpaid or paused at Stripe.`,
        do: atStripe(`${invoice}. Once it is paid or resumed the plan comes back by itself.`),
      };
    case 'past_due':
      return {
        cause: 'past_due',
        says: `Payments of ${id} failed for longer than the plan's grace days, which ended ${moment(subscription.grace_ends_at)}.`,
        do: atStripe(`${invoice}. Once it is paid the plan comes back by itself.`),
      };
    default:
      return {
        cause: subscription.plan_id === null ? 'no_plan' : 'ended',
        says:
          subscription.plan_id === null
            ? `${id} is ${status}, of a price that gives no plan (ignored in config/plans.yaml).`
            : `${id} was to end ${moment(subscription.cancel_at)}, and did.`,
        do: ['Nothing is to be done here.'],
      };
  }
}

const because = ({ cancellation_reason }: StoriedSubscription): string =>
  cancellation_reason === null ? '' : ` (${cancellation_reason.replaceAll('_', ' ')})`;

const nameOf = ({ user, customer, email }: Seen['asked']): string =>
  user !== undefined ? `user ${user}` : customer !== undefined ? customer : `the customer with the address ${email}`;
