import type Stripe from 'stripe';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import { type Check, ok, some, wrong } from './check.ts';

/** Prices that customers can be charged, and what the catalogue says of them. */
export async function checkPrices(stripe: Stripe, catalogue: Catalogue): Promise<Check[]> {
  const active = await activePrices(stripe);
  const listed = catalogue.plans.flatMap((plan) => plan.prices.map((price) => ({ plan: plan.id, ...price })));
  const absent = listed.filter(({ id }) => !active.some((price) => price.id === id));
  const archived: string[] = [];
  const unused: string[] = [];
  const nowhere: string[] = [];
  for (const { id, interval } of absent) {
    if (!(await exists(stripe, id))) nowhere.push(id);
    // Whoever paid once has it, and Stripe lists no purchases of a price.
    else (interval === 'once' || (await isPaidBy(stripe, id)) ? archived : unused).push(id);
  }
  const uncatalogued = active.filter(
    (price) =>
      price.recurring &&
      !listed.some(
        ({ id, lookup_key }) => id === price.id || (lookup_key !== undefined && lookup_key === price.lookup_key),
      ),
  );
  const different = listed.flatMap((ours) => {
    const theirs = active.find(({ id }) => id === ours.id);
    return theirs ? differencesOf(ours, theirs) : [];
  });
  return [
    uncatalogued.length === 0
      ? ok(
          'stripe.prices.known',
          `Every active recurring price of Stripe is in config/plans.yaml (${active.filter(({ recurring }) => recurring).length}).`,
        )
      : wrong(
          'stripe.prices.known',
          `Not in config/plans.yaml: ${some(uncatalogued.map(({ id, nickname }) => (nickname ? `${id} (${nickname})` : id)))}. Who buys one keeps the plan held before.`,
          'Add them to config/plans.yaml and deploy, or archive them in Stripe.',
        ),
    nowhere.length === 0
      ? ok(
          'stripe.prices.exist',
          `Every price of config/plans.yaml exists (${listed.length}).${ofArchived(archived, unused)}`,
        )
      : wrong(
          'stripe.prices.exist',
          `Of config/plans.yaml, Stripe does not know ${some(nowhere)}.`,
          'Take them out of config/plans.yaml and deploy; or the key is of another Stripe account.',
        ),
    different.length === 0
      ? ok('stripe.prices.same', 'Amount, currency and interval agree.')
      : wrong(
          'stripe.prices.same',
          some(different),
          'Correct config/plans.yaml and deploy; a Stripe price never changes its amount.',
        ),
  ];
}

function differencesOf(
  ours: { id: string; currency: string; amount_minor: number; interval: string },
  theirs: Stripe.Price,
): string[] {
  const pairs = [
    ['amount', ours.amount_minor, theirs.unit_amount],
    ['currency', ours.currency, theirs.currency],
    ['interval', ours.interval, theirs.recurring?.interval ?? 'once'],
  ] as const;
  return pairs
    .filter(([, mine, stripes]) => mine !== stripes)
    .map(([name, mine, stripes]) => `${ours.id} has the ${name} ${stripes} at Stripe, ${mine} in config/plans.yaml`);
}

async function activePrices(stripe: Stripe): Promise<Stripe.Price[]> {
  const prices: Stripe.Price[] = [];
  for await (const price of stripe.prices.list({ active: true, limit: 100 })) prices.push(price);
  return prices;
}

/** An archived price cannot be bought any more, which is no fault: who pays by it keeps the plan, so the catalogue keeps the price. */
function ofArchived(paidBy: string[], unused: string[]): string {
  return [
    paidBy.length > 0 ? ` Archived, and still paid by: ${some(paidBy)}.` : '',
    unused.length > 0 ? ` Archived, and paid by nobody: ${some(unused)}; may be taken out.` : '',
  ].join('');
}

/** Whether a subscription that has not ended has this price. */
const isPaidBy = async (stripe: Stripe, price: string): Promise<boolean> =>
  (await stripe.subscriptions.list({ price, limit: 1 })).data.length > 0;

async function exists(stripe: Stripe, id: string): Promise<boolean> {
  try {
    await stripe.prices.retrieve(id);
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}
