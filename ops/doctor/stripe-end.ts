import type Stripe from 'stripe';
import { routedEventTypes } from '../../core/event-routes.ts';
import type { Catalogue } from '../../core/plans/catalogue.ts';
import { isKnownApiVersion, pinnedApiVersion } from '../../core/stripe/api-version.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import { toUserError } from '../cli/user-error.ts';
import { type DestinationView, destinationOf, viewOf } from '../destination/stripe-destination.ts';
import { type Check, ok, some, wrong } from './check.ts';

/** Stripe's end: the key, the event destination, the prices. */
export async function checkStripe(ops: Ops, catalogue: Catalogue, account: string, region: string): Promise<Check[]> {
  let stripe: Stripe;
  let prices: Stripe.Price[];
  try {
    stripe = await ops.stripe();
    prices = await activePrices(stripe);
  } catch (error) {
    const refusal = toUserError(error, ops.lines);
    if (!refusal) throw error;
    return [wrong('stripe.key', refusal.message, refusal.fix)];
  }
  return [
    ok(
      'stripe.key',
      `The key is valid, ${ops.environment === 'prod' ? 'live' : 'test'} mode as ${ops.environment} wants.`,
    ),
    ...(await checkDestination(ops, account, region)),
    ...(await checkPrices(stripe, prices, catalogue)),
  ];
}

async function checkDestination(ops: Ops, account: string, region: string): Promise<Check[]> {
  try {
    return destinationChecks(viewOf(await destinationOf(ops)), account, region, ops.lines);
  } catch (error) {
    if (error instanceof Refusal) return [wrong('stripe.destination', error.message, error.fix)];
    throw error;
  }
}

export function destinationChecks(
  destination: DestinationView,
  account: string,
  region: string,
  lines: CommandLines,
): Check[] {
  const {
    id,
    status,
    event_source_status: source,
    aws_account,
    aws_region,
    missing,
    superfluous,
    api_version,
    payload,
  } = destination;
  return [
    ok('stripe.destination', `${id} sends to ${destination.event_source_name}.`),
    status === 'enabled'
      ? ok('stripe.destination.enabled', 'It is enabled.')
      : wrong(
          'stripe.destination.enabled',
          `It is ${status} (${destination.disabled_reason ?? 'no reason given'}): Stripe sends nothing.`,
          `\`${lines.verb('destination enable --apply')}\`, then \`${lines.verb('reconcile --apply')}\` for what was missed.`,
        ),
    source === 'active'
      ? ok('stripe.destination.source', 'Its AWS event source is active.')
      : wrong(
          'stripe.destination.source',
          `Its AWS event source is ${source}: events are dropped.`,
          sourceFix(source, lines),
        ),
    aws_account === account && aws_region === region
      ? ok('stripe.destination.place', `It sends to this stack's account and region (${account}, ${region}).`)
      : wrong(
          'stripe.destination.place',
          `It sends to ${aws_account} ${aws_region}; the stack is in ${account} ${region}.`,
          `Deploy there, or make a destination for this account and region: \`${lines.verb('destination create --another')}\`.`,
        ),
    payload === 'snapshot'
      ? ok('stripe.destination.payload', 'It sends snapshot events.')
      : wrong(
          'stripe.destination.payload',
          `It sends ${payload} events, which carry no data.`,
          `A destination cannot change this: \`${lines.verb('destination create --another --apply')}\`.`,
        ),
    missing.length === 0
      ? ok('stripe.destination.types', `It sends all ${routedEventTypes.length} types that the workers handle.`)
      : wrong(
          'stripe.destination.types',
          `It does not send ${some(missing)}.`,
          `\`${lines.verb('destination update --apply')}\``,
        ),
    superfluous.length === 0
      ? ok('stripe.destination.superfluous', 'It sends no type that nobody handles.')
      : wrong(
          'stripe.destination.superfluous',
          `It sends ${some(superfluous)}, which only the audit takes.`,
          `\`${lines.verb('destination update --apply')}\`, or leave it if the audit shall keep them.`,
        ),
    isKnownApiVersion(api_version)
      ? ok('stripe.destination.api_version', `Its API version ${api_version} is one that we read.`)
      : wrong(
          'stripe.destination.api_version',
          `Its API version is ${api_version ?? 'unknown'}; this code was tested up to ${pinnedApiVersion}.`,
          `Update this repository, or make a destination with the pinned version: \`${lines.verb('destination create --another --apply')}\`.`,
        ),
  ];
}

function sourceFix(status: string | null, lines: CommandLines): string {
  if (status === 'pending')
    return 'Deploy the stack with this source name within 7 days of its creation; a bus takes the source then.';
  if (status === 'deleted')
    return `The source is gone for good: \`${lines.verb('destination create --another --apply')}\`, and deploy with the new source name.`;
  return 'Look at it in the EventBridge console under partner event sources.';
}

/** Prices that customers can be charged, and what the catalogue says of them. */
async function checkPrices(stripe: Stripe, active: Stripe.Price[], catalogue: Catalogue): Promise<Check[]> {
  const listed = catalogue.plans.flatMap((plan) => plan.prices.map((price) => ({ plan: plan.id, ...price })));
  const absent = listed.filter(({ id }) => !active.some((price) => price.id === id));
  const inactive: string[] = [];
  const nowhere: string[] = [];
  for (const { id } of absent) ((await exists(stripe, id)) ? inactive : nowhere).push(id);
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
  const gone = [...nowhere.map((id) => `${id} does not exist`), ...inactive.map((id) => `${id} is archived`)];
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
    gone.length === 0
      ? ok('stripe.prices.exist', `Every price of config/plans.yaml exists and is active (${listed.length}).`)
      : wrong(
          'stripe.prices.exist',
          `Of config/plans.yaml: ${some(gone)}.`,
          'Take what does not exist out of config/plans.yaml. Keep archived ones for as long as customers pay by them.',
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
    ['interval', ours.interval, theirs.recurring?.interval ?? 'none'],
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

async function exists(stripe: Stripe, id: string): Promise<boolean> {
  try {
    await stripe.prices.retrieve(id);
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}
