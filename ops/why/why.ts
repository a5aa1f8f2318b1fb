import { pseudonymOf, type Story, storyStore } from '../../adapters/postgres/story-store.ts';
import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';
import { queueDepth, workQueueUrls } from '../deployment/queue-depths.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';
import { deadLettersOf, type LostMessage } from '../story/dead-letters-of.ts';
import { Sources, type Unseen } from '../story/sources.ts';
import {
  customersByEmail,
  customersByUser,
  differencesFrom,
  lookAtStripe,
  type RowDifference,
  type StripeNow,
} from '../story/stripe-now.ts';
import { type TimelineLine, timelineOf } from './timeline.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Whom the question is about: exactly one of them. */
export type WhyTarget = { user: string } | { customer: string } | { email: string };

export interface Why {
  asked: WhyTarget;
  verdict: Verdict;
  /** Of each user that is concerned: what the apps see, and the version of the last message. */
  plans: { user_id: string; version: number; plan: Story['plans'][number]['state'] }[];
  subscriptions: {
    subscription_id: string;
    customer_id: string;
    user_id: string | null;
    here: string | null;
    price_here: string | null;
    at_stripe: string | null;
    price_at_stripe: string | null;
  }[];
  /** What was paid for once. */
  purchases: {
    invoice_id: string;
    customer_id: string;
    user_id: string | null;
    here: string | null;
    price_here: string | null;
    /** The invoice's status. */
    at_stripe: string | null;
  }[];
  /** null: our rows and Stripe's could not be compared. */
  differences: RowDifference[] | null;
  lost: LostMessage[];
  /** By Stripe's seconds, the oldest first. */
  timeline: TimelineLine[];
  /** What could not be asked. */
  unseen: Unseen[];
}

/** As many lines as a person reads; the newest. */
const MOST = 100;

/** Everything that is known of somebody's plan, from every source that answers. Changes nothing. */
export async function why(ops: Ops, asked: WhyTarget): Promise<Report<Why>> {
  const sources = new Sources(ops);
  const catalogue = ops.plans();
  const { outputs } = await ops.stack();
  const database = await sources.ask('The database', () => ops.database());
  try {
    let customers = 'customer' in asked ? [asked.customer] : [];
    if ('email' in asked)
      customers = (await sources.ask('Stripe', async () => customersByEmail(await ops.stripe(), asked.email))) ?? [];
    const user = 'user' in asked ? asked.user : null;
    const story =
      database &&
      (await sources.ask('The database', () =>
        storyStore(database).storyOf({ user, customers: [...customers, ...customers.map(pseudonymOf)] }, MOST),
      ));
    const erased = customers.filter((id) => story?.ledger.some(({ customer_id }) => customer_id === pseudonymOf(id)));
    // Stripe does not know a pseudonym.
    const held = (story?.customers ?? []).map(({ customer_id }) => customer_id);
    customers = [...new Set([...customers, ...held.filter((id) => !id.startsWith('erased_'))])];

    const seen = await sources.ask('Stripe', async () => {
      const lists = await stripeListsFor(ops);
      if (customers.length === 0 && user !== null)
        customers = await customersByUser(await ops.stripe(), user, catalogue.user_id_keys);
      return { lists, ...(await lookAtStripe(lists, catalogue, customers)) };
    });
    const differences =
      seen && story && database
        ? await sources.ask('The comparison', () =>
            differencesFrom(seen.raw, seen.lists, database, catalogue, ops.environment === 'prod'),
          )
        : null;
    const stripe = seen?.now ?? null;

    const ids = [...customers, ...subscriptionIds(story, stripe)];
    const lost = await sources.ask('The dead-letter queues', () => deadLettersOf(ops, ids));
    const waiting = await sources.ask('The work queues', async () => {
      const depths = await Promise.all(
        Object.values(workQueueUrls(outputs)).map((url) => queueDepth(ops.aws.sqs, url)),
      );
      return depths.reduce((sum, { waiting, in_flight }) => sum + waiting + in_flight, 0);
    });

    const verdict = verdictOf({ asked, story, stripe, differences, lost, waiting, erased }, ops.lines);
    return {
      data: {
        asked,
        verdict,
        plans: (story?.plans ?? []).map(({ user_id, version, state }) => ({ user_id, version, plan: state })),
        subscriptions: bothEnds(story, stripe),
        purchases: purchasesAtBothEnds(story, stripe),
        differences,
        lost: lost ?? [],
        timeline: timelineOf(story, lost ?? []),
        unseen: sources.unseen,
      },
      found: [...(verdict.wrong ? [verdict.says] : []), ...sources.found],
    };
  } finally {
    await database?.end();
  }
}

const subscriptionIds = (story: Story | null, stripe: StripeNow | null): string[] => [
  ...new Set([...(story?.subscriptions ?? []), ...(stripe?.subscriptions ?? [])].map((each) => each.subscription_id)),
];

function purchasesAtBothEnds(story: Story | null, stripe: StripeNow | null): Why['purchases'] {
  const [ours, theirs] = [story?.purchases ?? [], stripe?.purchases ?? []];
  return [...new Set([...ours, ...theirs].map((each) => each.invoice_id))].map((invoice_id) => {
    const here = ours.find((each) => each.invoice_id === invoice_id);
    const there = theirs.find((each) => each.invoice_id === invoice_id);
    return {
      invoice_id,
      customer_id: (here ?? there)!.customer_id,
      user_id: here?.user_id ?? null,
      here: here?.status ?? null,
      price_here: here?.price_id ?? null,
      at_stripe: there?.status ?? null,
    };
  });
}

function bothEnds(story: Story | null, stripe: StripeNow | null): Why['subscriptions'] {
  return subscriptionIds(story, stripe).map((subscription_id) => {
    const here = story?.subscriptions.find((each) => each.subscription_id === subscription_id);
    const there = stripe?.subscriptions.find((each) => each.subscription_id === subscription_id);
    return {
      subscription_id,
      customer_id: (here ?? there)!.customer_id,
      user_id: here?.user_id ?? null,
      here: here ? here.status : null,
      price_here: here?.price_id ?? null,
      at_stripe: there ? there.status : null,
      price_at_stripe: there?.price_id ?? null,
    };
  });
}
