import * as z from 'zod/mini';
import { UnreadableEvent } from '../errors.ts';
import { problemsOf } from '../problems.ts';

/** A Stripe snapshot event. `data.object` is read by the facts of its type. */
const stripeEventShape = z.looseObject({
  id: z.string().check(z.regex(/^\S{1,255}$/, 'an event id such as "evt_…"')),
  type: z.string().check(z.minLength(1)),
  /** Unix seconds in which Stripe says it happened. */
  created: z.int().check(z.positive()),
  /** Stripe always sends it; absent counts as test mode, which prod ignores. */
  livemode: z.optional(z.boolean()),
  api_version: z.optional(z.nullable(z.string())),
  /** The connected account it happened on, for Connect platforms. */
  account: z.optional(z.nullable(z.string())),
  data: z.looseObject({ object: z.looseObject({}) }),
});

const envelopeShape = z.looseObject({
  id: z.string(),
  source: z.string(),
  'detail-type': z.string(),
  time: z.iso.datetime({ offset: true }),
  'replay-name': z.optional(z.string()),
  detail: stripeEventShape,
});

export type StripeEvent = z.infer<typeof stripeEventShape>;

/**
 * An EventBridge envelope around one Stripe event.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
 * @see https://docs.stripe.com/event-destinations/eventbridge
 */
export type Envelope = z.infer<typeof envelopeShape>;

/**
 * The envelope in the body of a queue message.
 *
 * @param expectedSource the configured partner event source: the bus is the trust boundary, nothing else is signed
 * @throws {UnreadableEvent} naming every field that is missing or wrong, or the source that is not ours.
 */
export function readEnvelope(body: string, expectedSource: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Without the parser's own words: they quote the message, which may hold personal data.
    throw new UnreadableEvent(`The message is not JSON (${body.length} characters); wanted an EventBridge envelope`);
  }
  const parsed = envelopeShape.safeParse(value);
  if (!parsed.success) {
    throw new UnreadableEvent(
      `Not an EventBridge envelope of a Stripe event: ${problemsOf(parsed.error, value).join('; ')}`,
    );
  }
  if (parsed.data.source !== expectedSource) {
    throw new UnreadableEvent(
      `source: got "${parsed.data.source.slice(0, 120)}", wanted "${expectedSource}"; only the configured Stripe event source is trusted`,
    );
  }
  return parsed.data;
}
