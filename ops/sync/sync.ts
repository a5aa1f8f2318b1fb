import type Stripe from 'stripe';
import { envelopeSender } from '../../adapters/aws/sqs.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { type Difference, differencesOf } from '../../core/drift.ts';
import { readSubscription } from '../../core/stripe/facts/subscription.ts';
import { subscriptionWorker } from '../../core/workers.ts';
import { questionFor } from '../../pipeline/reconcile.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/report.ts';
import { readPlanCatalogue } from '../deployment/plan-catalogue.ts';
import { workQueueUrls } from '../deployment/queue-depths.ts';

/** Whom to compare: exactly one of them. */
export type SyncTarget = { user: string } | { customer: string } | { subscription: string };

export interface ComparedSubscription {
  subscription_id: string;
  customer_id: string;
  user_id: string | null;
  /** The second that our row speaks for; null when we hold none. */
  as_of: string | null;
  differences: Difference[];
}

export interface SyncPlan {
  subscriptions: ComparedSubscription[];
  /** Rows of ours that Stripe does not know: of deleted test data, or of another Stripe account. */
  unknown_to_stripe: string[];
}

export interface SyncResult {
  healed: string[];
  /** Queued, but our row still differed when we stopped looking. */
  still_different: string[];
}

/** A warm worker answers within a second; a cold one, with a queue before it, within a minute. */
const WAIT_FOR_WORKER_MS = 60_000;

/**
 * Compares our rows with Stripe, field by field. Heals by asking the billing worker to ask Stripe: it takes a ticket, fetches and
 * applies, as for any undecidable second, so that an event which arrives meanwhile wins, and plan events are published.
 */
export async function planSync(ops: Ops, target: SyncTarget): Promise<Change<SyncPlan, SyncResult>> {
  const catalogue = readPlanCatalogue();
  const { outputs } = await ops.stack();
  const stripe = await ops.stripe();

  const compare = async (): Promise<{ plan: SyncPlan; drifted: Stripe.Subscription[] }> => {
    const database = await ops.database();
    try {
      const subscriptionIds = 'subscription' in target ? [target.subscription] : [];
      const { held } = await planStore(database).compare({
        event_ids: [],
        subscription_ids: subscriptionIds,
        ...('customer' in target && { customer_ids: [target.customer] }),
        ...('user' in target && { user_ids: [target.user] }),
      });
      if ('user' in target && held.length === 0) {
        throw new Refusal(
          'unknown_user',
          `We hold no subscription of user ${target.user}.`,
          'Name the Stripe customer instead: --customer cus_…',
        );
      }
      const theirs = await subscriptionsOf(
        stripe,
        [...new Set([...subscriptionIds, ...held.map(({ subscription_id }) => subscription_id)])],
        target,
      );
      const plan: SyncPlan = {
        subscriptions: [],
        unknown_to_stripe: held.map(({ subscription_id }) => subscription_id).filter((id) => !theirs.has(id)),
      };
      const drifted: Stripe.Subscription[] = [];
      for (const subscription of theirs.values()) {
        const row = held.find(({ subscription_id }) => subscription_id === subscription.id) ?? null;
        const { customer_id, snapshot } = readSubscription(subscription, catalogue);
        const differences = differencesOf(row, snapshot);
        if (differences.length > 0) drifted.push(subscription);
        plan.subscriptions.push({
          subscription_id: subscription.id,
          customer_id,
          user_id: row?.user_id ?? null,
          as_of: row?.as_of ?? null,
          differences,
        });
      }
      if (theirs.size === 0 && held.length === 0) {
        throw new Refusal(
          'nothing_there',
          `Neither Stripe nor our rows know a subscription of ${Object.values(target)[0]}.`,
          'Check the id, and that the Stripe key is of the right account and mode.',
        );
      }
      return { plan, drifted };
    } finally {
      await database.end();
    }
  };

  const { plan, drifted } = await compare();
  return {
    plan,
    steps: drifted.map(({ id }) => `Have the ${subscriptionWorker} worker ask Stripe for ${id} and apply the answer.`),
    warnings: plan.unknown_to_stripe.map(
      (id) =>
        `Stripe does not know ${id}, which we hold: check that the key is of the right account. It is left as it is.`,
    ),
    found: plan.subscriptions
      .filter(({ differences }) => differences.length > 0)
      .map(
        ({ subscription_id, differences }) =>
          `${subscription_id} differs from Stripe in ${differences.map(({ field }) => field).join(', ')}.`,
      ),
    async act() {
      const parts = {
        source: outputs.StripeEventSourceName,
        runId: `sync-${ops.now().getTime()}`,
        now: Math.floor(ops.now().getTime() / 1000),
      };
      await envelopeSender(() => ops.aws.sqs)(
        workQueueUrls(outputs)[subscriptionWorker],
        drifted.map((subscription) => questionFor(parts, subscription)),
      );
      ops.say(`Queued ${drifted.length} for the ${subscriptionWorker} worker; waiting for it.`);
      const giveUpAt = ops.now().getTime() + WAIT_FOR_WORKER_MS;
      let left = drifted.map(({ id }) => id);
      while (left.length > 0 && ops.now().getTime() < giveUpAt) {
        await ops.sleep(1000);
        left = (await compare()).drifted.map(({ id }) => id);
      }
      const data: SyncResult = {
        healed: drifted.map(({ id }) => id).filter((id) => !left.includes(id)),
        still_different: left,
      };
      const found = left.map(
        (id) =>
          `${id} still differs: is the ${subscriptionWorker} worker paused, or the event in its failed queue? \`${ops.lines.verb('status')}\` says.`,
      );
      return { data, found };
    },
  };
}

/** Stripe's own word on each subscription; those it does not know are left out. */
async function subscriptionsOf(
  stripe: Stripe,
  ids: readonly string[],
  target: SyncTarget,
): Promise<Map<string, Stripe.Subscription>> {
  const found = new Map<string, Stripe.Subscription>();
  if ('customer' in target) {
    for await (const subscription of stripe.subscriptions.list({
      customer: target.customer,
      status: 'all',
      limit: 100,
    }))
      found.set(subscription.id, subscription);
  }
  for (const id of ids.filter((id) => !found.has(id))) {
    try {
      found.set(id, await stripe.subscriptions.retrieve(id));
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    }
  }
  return found;
}
