import type Stripe from 'stripe';
import type { PipelineError } from '../core/errors.ts';
import type { StripeEnd } from '../core/stripe/stripe-end.ts';
import { stripeError } from './stripe.ts';

export type EventDestination = Stripe.V2.Core.EventDestination;

/** Every EventBridge destination of the Stripe account that the key belongs to. */
export async function listDestinations(stripe: Stripe): Promise<EventDestination[]> {
  const found: EventDestination[] = [];
  for await (const destination of stripe.v2.core.eventDestinations.list({ limit: 100 })) {
    if (destination.type === 'amazon_eventbridge') found.push(destination);
  }
  return found;
}

/** The destination behind a partner event source; undefined when the account of the key has none such. */
export const destinationBehind = (
  sourceName: string,
  destinations: readonly EventDestination[],
): EventDestination | undefined =>
  destinations.find(({ amazon_eventbridge }) => sourceNameOf(amazon_eventbridge?.aws_event_source_arn) === sourceName);

/** `arn:aws:events:<region>::event-source/aws.partner/stripe.com/ed_…` → `aws.partner/stripe.com/ed_…` */
export const sourceNameOf = (arn: string | undefined): string | null => arn?.split(':event-source/')[1] ?? null;

/**
 * Asks Stripe, once, whether it sends to every one of `sourceNames`. Never throws: that Stripe cannot be asked is an answer too.
 *
 * @param again how a question is asked once more when the key is refused (`SecretReader.freshOn`); @default not at all
 */
export async function lookAtStripeEnd(
  sourceNames: readonly string[],
  connect: () => Promise<Stripe>,
  again: (ask: () => Promise<EventDestination[]>) => Promise<EventDestination[]> = (ask) => ask(),
): Promise<StripeEnd> {
  const ask = async () => {
    try {
      return await listDestinations(await connect());
    } catch (error) {
      throw stripeError(error, 'its event destinations');
    }
  };
  try {
    const destinations = await again(ask);
    const looks = sourceNames.map((name) => lookAt(destinationBehind(name, destinations), name));
    const sending = looks.flatMap((look) => ('sends' in look ? look.sends : []));
    const why = looks.flatMap((look) => ('why' in look ? look.why : []));
    return why.length === 0
      ? { state: 'sends', destinations: sending }
      : { state: 'sends_nothing', why: why.join(' '), sending };
  } catch (error) {
    const { code, message } = error as PipelineError;
    if (code === 'stripe_401') return { state: 'key_refused', why: 'Stripe does not accept the key.' };
    if (code === 'stripe_403')
      return { state: 'key_refused', why: 'The Stripe key lacks the right "Event destinations: read".' };
    return { state: 'not_asked', why: message };
  }
}

/** The destination of a source that sends to it, or a sentence why it does not. */
function lookAt(destination: EventDestination | undefined, sourceName: string): { sends: string } | { why: string } {
  if (!destination) return { why: `The Stripe account of the key has no event destination ${sourceName}.` };
  const { id, status, status_details, amazon_eventbridge } = destination;
  if (status !== 'enabled')
    return {
      why: `The event destination ${id} is ${status} (${status_details?.disabled?.reason ?? 'no reason given'}).`,
    };
  const source = amazon_eventbridge?.aws_event_source_status;
  // Of "unknown" nothing is known: no reason to wake anybody.
  if (source === 'pending' || source === 'deleted')
    return { why: `The AWS event source of ${id} is ${source}: its events are dropped.` };
  return { sends: id };
}
