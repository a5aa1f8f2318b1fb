import { envelopeSender } from '../../adapters/aws/sqs.ts';
import { planStore } from '../../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { storyStore } from '../../adapters/postgres/story-store.ts';
import type { Difference } from '../../core/drift.ts';
import { type FetchedKindName, type FetchedObject, fetchedKinds } from '../../core/stripe/fetched-object.ts';
import { compareObjects, type Finding } from '../../pipeline/reconcile/compare-objects.ts';
import { fetchedObject, questionFor } from '../../pipeline/reconcile/envelopes.ts';
import type { StripePage } from '../../pipeline/reconcile/ports.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/verb-report.ts';
import { purchasesOf } from '../deployment/purchases-of.ts';
import { workQueueUrls } from '../deployment/queue-depths.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';

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
  /** What a user or customer paid once. */
  purchases: { invoice_id: string; customer_id: string; differences: Difference[] }[];
  /** Customers and Checkout sessions that our rows do not show as Stripe has them: whose the plans are. */
  links: { kind: FetchedKindName; id: string; fields: string[] }[];
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
 * Compares our rows with Stripe, field by field: the subscriptions, what was paid once, and what says whose they are. Heals by having the workers
 * ask Stripe, as for any undecidable second, so that an event which arrives meanwhile wins, and plan events are published.
 */
export async function planSync(ops: Ops, target: SyncTarget): Promise<Change<SyncPlan, SyncResult>> {
  const catalogue = ops.plans();
  const { outputs } = await ops.stack();
  const stripe = await stripeListsFor(ops);

  const compare = async (): Promise<{ plan: SyncPlan; findings: Finding[] }> => {
    const database = await ops.database();
    try {
      const store = reconcileStore(database);
      const { held } = await planStore(database).compare({
        event_ids: [],
        subscription_ids: 'subscription' in target ? [target.subscription] : [],
        ...('customer' in target && { customer_ids: [target.customer] }),
        ...('user' in target && { user_ids: [target.user] }),
      });
      const known = 'user' in target ? await customersOf(storyStore(database), target.user) : [];
      if ('user' in target && held.length === 0 && known.length === 0) {
        throw new Refusal(
          'unknown_user',
          `We hold neither a subscription nor a purchase of user ${target.user}.`,
          'Name the Stripe customer instead: --customer cus_…',
        );
      }
      const theirs = await subscriptionsOf(stripe, target, held);
      const comparing = {
        store,
        stripe,
        catalogue,
        livemode: ops.environment === 'prod',
        moving: new Set<string>(),
      };
      const { findings, unreadable } = await compareObjects(comparing, 'subscription', theirs);
      const [unread] = unreadable;
      if (unread)
        throw new Refusal('unreadable', `${unread.id}: ${unread.problem}`, 'Compare it by hand; report the shape.');
      const named = 'customer' in target ? [target.customer] : known;
      const customers = new Set([...named, ...theirs.items.map(({ customer }) => idOf(customer))]);
      const purchases: SyncPlan['purchases'] = [];
      for (const customer of customers) {
        const paidOnce = named.includes(customer) ? await purchasesOf(stripe, catalogue, customer) : nothing;
        for (const [kind, page] of [
          ['customer', await stripe.one('customer', customer)],
          ['checkout', await stripe.sessions({ customer })],
          ['invoice', paidOnce],
        ] as const)
          findings.push(...(await compareObjects(comparing, kind, page)).findings);
        for (const { id } of paidOnce.items)
          purchases.push({ invoice_id: id, customer_id: customer, differences: differencesOf(id, findings) });
      }
      if (theirs.items.length === 0 && held.length === 0 && purchases.length === 0) {
        throw new Refusal(
          'nothing_there',
          `Neither Stripe nor our rows know a subscription of ${Object.values(target)[0]}, nor what was paid once.`,
          'Check the id, and that the Stripe key is of the right account and mode.',
        );
      }
      const plan: SyncPlan = {
        subscriptions: theirs.items.map(({ id, customer }) => {
          const row = held.find(({ subscription_id }) => subscription_id === id) ?? null;
          return {
            subscription_id: id,
            customer_id: idOf(customer),
            user_id: row?.user_id ?? null,
            as_of: row?.as_of ?? null,
            differences: differencesOf(id, findings),
          };
        }),
        purchases,
        links: findings
          .filter(({ kind }) => kind === 'customer' || kind === 'checkout')
          .map(({ kind, id, differences }) => ({ kind, id, fields: differences.map(({ field }) => field) })),
        unknown_to_stripe: held
          .map(({ subscription_id }) => subscription_id)
          .filter((id) => !theirs.items.some((subscription) => subscription.id === id)),
      };
      return { plan, findings };
    } finally {
      await database.end();
    }
  };

  const { plan, findings } = await compare();
  return {
    plan,
    steps: findings.map(({ kind, id }) =>
      kind === 'subscription'
        ? `Have the billing worker ask Stripe for ${id} and apply the answer.`
        : `Have the ${fetchedKinds[kind].worker} worker apply ${id} as Stripe has it.`,
    ),
    warnings: plan.unknown_to_stripe.map(
      (id) =>
        `Stripe does not know ${id}, which we hold: check that the key is of the right account. It is left as it is.`,
    ),
    found: findings.map(
      ({ id, differences }) => `${id} differs from Stripe in ${differences.map(({ field }) => field).join(', ')}.`,
    ),
    async act() {
      const run = {
        source: outputs.StripeEventSourceName,
        runId: `sync-${ops.now().getTime()}`,
        now: Math.floor(ops.now().getTime() / 1000),
        livemode: ops.environment === 'prod',
      };
      const send = envelopeSender(() => ops.aws.sqs);
      for (const { kind, object, asOf } of findings)
        await send(workQueueUrls(outputs)[fetchedKinds[kind].worker], [
          kind === 'subscription' ? questionFor(run, object as never) : fetchedObject(run, kind, object, asOf),
        ]);
      ops.say(`Queued ${findings.length} for the workers; waiting for them.`);
      const giveUpAt = ops.now().getTime() + WAIT_FOR_WORKER_MS;
      let left = findings.map(({ id }) => id);
      while (left.length > 0 && ops.now().getTime() < giveUpAt) {
        await ops.sleep(1000);
        left = (await compare()).findings.map(({ id }) => id);
      }
      const data: SyncResult = {
        healed: findings.map(({ id }) => id).filter((id) => !left.includes(id)),
        still_different: left,
      };
      const found = left.map(
        (id) =>
          `${id} still differs: is its worker paused, or the event in its failed queue? \`${ops.lines.verb('status')}\` says.`,
      );
      return { data, found };
    },
  };
}

const nothing: StripePage = { items: [], more: false, asOf: 0 };

const differencesOf = (id: string, findings: readonly Finding[]): Difference[] =>
  findings.find((finding) => finding.id === id)?.differences ?? [];

/** Of a user whom we know, Stripe's customers; it does not know those of an erased person. */
async function customersOf(stories: ReturnType<typeof storyStore>, user: string): Promise<string[]> {
  const { customers } = await stories.storyOf({ user, customers: [] }, 1);
  return customers.map(({ customer_id }) => customer_id).filter((id) => !id.startsWith('erased_'));
}

const idOf = (customer: unknown): string => (typeof customer === 'string' ? customer : (customer as { id: string }).id);

/** Stripe's own word on each subscription; those it does not know are left out. */
async function subscriptionsOf(
  stripe: Awaited<ReturnType<typeof stripeListsFor>>,
  target: SyncTarget,
  held: readonly { subscription_id: string }[],
): Promise<StripePage> {
  const listed = 'customer' in target ? await stripe.subscriptionsOf(target.customer) : undefined;
  const items = new Map<string, FetchedObject>(listed?.items.map((object) => [object.id, object]));
  let asOf = listed?.asOf;
  const ids = ['subscription' in target ? [target.subscription] : [], held.map((row) => row.subscription_id)].flat();
  for (const id of new Set(ids.filter((id) => !items.has(id)))) {
    const found = await stripe.one('subscription', id);
    for (const object of found.items) items.set(object.id, object);
    if (found.items.length > 0) asOf = Math.min(asOf ?? found.asOf, found.asOf);
  }
  return { items: [...items.values()], more: false, asOf: asOf ?? 0 };
}
