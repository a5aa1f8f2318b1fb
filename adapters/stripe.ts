import type Stripe from 'stripe';
import { PipelineError } from '../core/errors.ts';
import { wordOrLength } from '../core/shown.ts';
import { pinnedApiVersion } from '../core/stripe/api-version.ts';
import type { StripeReader } from '../pipeline/ports.ts';
import type { EventAtStripe } from '../pipeline/verify-event.ts';

/**
 * A client of Stripe's API in the version that our readers know.
 *
 * The SDK is loaded at the first call: it costs 20–35 ms of start-up and few invocations need it.
 * @param apiBase another server of Stripe's shape, for the local run and tests; https, or http on loopback
 */
export async function stripeClient(key: string | undefined, apiBase?: string): Promise<Stripe> {
  if (!key) {
    throw new PipelineError(
      'secret_not_set',
      'later',
      'STRIPE_SECRET_KEY is empty in the secret. `ops secrets` sets it.',
    );
  }
  const { default: sdk } = await import('stripe');
  // In a bundle, `default` of a package that is a file of its own is all that it exports, its own default among it.
  const StripeSdk = typeof sdk === 'function' ? sdk : (sdk as { default: typeof sdk }).default;
  return new StripeSdk(key, {
    apiVersion: pinnedApiVersion as Stripe.LatestApiVersion,
    maxNetworkRetries: 1,
    timeout: 8_000,
    telemetry: false,
    ...(apiBase ? hostOf(apiBase) : {}),
  });
}

export function stripeReader(connect: () => Promise<Stripe>): StripeReader & { event: EventAtStripe } {
  const read = (what: string, retrieve: (stripe: Stripe, id: string) => Promise<unknown>) => async (id: string) => {
    try {
      return await retrieve(await connect(), id);
    } catch (error) {
      throw stripeError(error, `${what} ${wordOrLength(id)}`);
    }
  };
  return {
    subscription: read('subscription', (stripe, id) => stripe.subscriptions.retrieve(id)),
    event: read('event', (stripe, id) => stripe.events.retrieve(id)),
  };
}

/** Stripe refused the key (it was rolled, or is wrong), or the secret holds none. */
export const isKeyRefused = (error: unknown): boolean =>
  ['stripe_401', 'secret_not_set'].includes((error as { code?: string } | null)?.code ?? '');

/** What an error of Stripe's API means: everything may heal but the answer that the object does not exist. */
export function stripeError(cause: unknown, what: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const error = cause as Stripe.errors.StripeError;
  if (error.statusCode === 404) {
    return new PipelineError(
      'stripe_not_found',
      'never',
      `Stripe does not know ${what}: deleted test data, or the key is of another account or mode.`,
      { cause },
    );
  }
  return new PipelineError(
    `stripe_${error.statusCode ?? 'unreachable'}`,
    'later',
    `Stripe did not answer for ${what}: ${error.type ?? error.name}${error.statusCode ? ` (HTTP ${error.statusCode})` : ''}`,
    { cause },
  );
}

function hostOf(apiBase: string): Stripe.StripeConfig {
  const url = URL.canParse(apiBase) ? new URL(apiBase) : undefined;
  const local = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && local))) {
    throw new Error(`STRIPE_API_BASE: got "${apiBase}", wanted https://…, or http:// on 127.0.0.1`);
  }
  return {
    host: url.hostname,
    protocol: url.protocol === 'https:' ? 'https' : 'http',
    ...(url.port === '' ? {} : { port: url.port }),
  };
}
