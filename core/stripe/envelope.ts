import * as z from 'zod/mini';
import { UnreadableEvent } from '../errors.ts';
import { wordOrLength } from '../shown.ts';
import { LAST_SECOND, readObject, seconds, text } from './facts/fields.ts';

/** A Stripe snapshot event. `data.object` is read by the facts of its type. */
const stripeEventShape = z.looseObject({
  id: text(255).check(z.regex(/^\S+$/, 'an event id such as "evt_…"')),
  type: z.string().check(z.regex(/^[\w.]{1,100}$/, 'an event type such as "invoice.paid"')),
  /** Unix seconds in which Stripe says it happened. */
  created: seconds.check(z.gt(0, 'Unix seconds above 0')),
  /** Stripe always sends it; absent counts as test mode, which prod ignores. */
  livemode: z.optional(z.boolean()),
  api_version: z.optional(z.nullable(text(100))),
  /** The connected account it happened on, for Connect platforms. */
  account: z.optional(z.nullable(text(255))),
  data: z.looseObject({ object: z.looseObject({}) }),
});

const envelopeShape = z.looseObject({
  id: text(500),
  source: z.string(),
  'detail-type': z.string(),
  time: z.iso.datetime().check(
    z.maxLength(40),
    z.refine(
      (time) => Date.parse(time) >= 0 && Date.parse(time) < (LAST_SECOND + 1) * 1000,
      'a time from 1970 to 9999',
    ),
  ),
  /** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html */
  'replay-name': z.optional(z.string().check(z.regex(/^[\w.-]{1,64}$/, 'a name of a replay'))),
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
 * @param sources the configured partner event sources: the bus is the trust boundary, nothing else is signed
 * @throws {UnreadableEvent} naming every field that is missing or wrong, or the source that is not ours.
 */
export function readEnvelope(body: string, sources: readonly string[]): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Without the parser's own words: they quote the message, which may hold personal data.
    throw new UnreadableEvent(`The message is not JSON (${body.length} characters); wanted an EventBridge envelope`);
  }
  const envelope = readObject(envelopeShape, value, 'an EventBridge envelope of a Stripe event');
  if (!sources.includes(envelope.source)) {
    throw new UnreadableEvent(
      `source: got "${wordOrLength(envelope.source)}", wanted "${sources.join('" or "')}"; only the configured Stripe event source is trusted`,
    );
  }
  refuseTheFuture(envelope);
  return envelope;
}

/** Stripe sends an event within seconds, and three days later at most: it is older than its envelope, but for clocks that differ. */
const AHEAD_AT_MOST_SECONDS = 24 * 3600;

/**
 * A live event of the far future would be the latest for ever: every true one after it stale. Not asked in test mode, whose clocks are set ahead.
 * @see https://docs.stripe.com/billing/testing/test-clocks
 */
function refuseTheFuture({ time, detail }: Envelope): void {
  if (detail.livemode !== true || detail.created <= Date.parse(time) / 1000 + AHEAD_AT_MOST_SECONDS) return;
  throw new UnreadableEvent(
    `detail.created: got ${new Date(detail.created * 1000).toISOString()}, wanted at most a day after the envelope's time ${time}; no live event comes from the future`,
  );
}
