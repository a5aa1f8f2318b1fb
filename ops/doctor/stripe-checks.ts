import type Stripe from 'stripe';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import { toUserError } from '../cli/user-error.ts';
import { destinationsOf, viewOf } from '../destination/stripe-destination.ts';
import { type Check, notChecked, ok, wrong } from './check.ts';
import { destinationChecks } from './stripe-destination-checks.ts';
import { checkPrices } from './stripe-prices.ts';
import { type StripeRight, stripeRights } from './stripe-rights.ts';

/** Stripe's end: the key and each of its rights, the event destination, the prices. A right that is missing hides only what needs it. */
export async function checkStripe(ops: Ops, catalogue: Catalogue, account: string, region: string): Promise<Check[]> {
  let stripe: Stripe;
  const rights = new Map<StripeRight, Check>();
  try {
    stripe = await ops.stripe();
    for (const right of stripeRights) rights.set(right, await checkRight(ops, stripe, right));
  } catch (error) {
    const refusal = toUserError(error, ops.lines);
    if (!refusal) throw error;
    return [wrong('stripe.key', refusal.message, refusal.fix)];
  }
  const has = (name: StripeRight['name']) =>
    [...rights].some(([right, { verdict }]) => right.name === name && verdict === 'ok');
  const without = (id: string, what: string, name: StripeRight['name']) =>
    notChecked(id, `${what}: the key lacks the right "${name}: read".`, 'Give it that right, then look again.');
  return [
    ok(
      'stripe.key',
      `The key is valid, ${ops.environment === 'prod' ? 'live' : 'test'} mode as ${ops.environment} wants.`,
    ),
    ...rights.values(),
    ...(has('Event destinations')
      ? await checkDestination(ops, account, region)
      : [without('stripe.destination', 'The event destination', 'Event destinations')]),
    ...(has('Prices') && has('Subscriptions')
      ? await checkPrices(stripe, catalogue)
      : [without('stripe.prices', 'The prices', has('Prices') ? 'Subscriptions' : 'Prices')]),
  ];
}

/** @throws what is not about this right: a key that Stripe does not know, no network. */
async function checkRight(ops: Ops, stripe: Stripe, { id, name, neededBy, read }: StripeRight): Promise<Check> {
  try {
    await read(stripe);
    return ok(`stripe.right.${id}`, `The key may read ${name.toLowerCase()}.`);
  } catch (error) {
    const refusal = toUserError(error, ops.lines);
    if (refusal?.code !== 'stripe_permission') throw error;
    return wrong(
      `stripe.right.${id}`,
      `The key may not read ${name.toLowerCase()}, which ${neededBy} need.`,
      `Give the restricted key the right "${name}: read" in the Stripe dashboard. ${refusal.message}`,
    );
  }
}

async function checkDestination(ops: Ops, account: string, region: string): Promise<Check[]> {
  try {
    const destinations = await destinationsOf(ops);
    const place = { account, region, oneOfTwo: destinations.length > 1 };
    return destinations.flatMap((destination, index) =>
      destinationChecks(viewOf(destination), place, ops.lines).map((check) =>
        index === 0 ? check : { ...check, id: `${check.id}.other` },
      ),
    );
  } catch (error) {
    if (error instanceof Refusal) return [wrong('stripe.destination', error.message, error.fix)];
    throw error;
  }
}
