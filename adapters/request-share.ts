import { setTimeout as wait } from 'node:timers/promises';

/**
 * Requests a second that we allow ourselves: a fifth of what Stripe takes from an account, and less than one endpoint takes (25), so that
 * the app's own calls never meet a 429 because of us.
 * @see https://docs.stripe.com/rate-limits 100 a second in live mode, 25 in a sandbox
 */
export const requestsPerSecond = { live: 20, test: 5 } as const;

/** Throttled, or an error that Stripe says may heal: asked again after 0.5, 1, 2 … seconds, about two minutes in all. */
const ATTEMPTS = 9;
const LONGEST_PAUSE_MS = 30_000;

export interface RequestShare {
  run<Answer>(request: () => PromiseLike<Answer>): Promise<Answer>;
  requests(): number;
}

/**
 * Spaces requests evenly under a rate, whoever asks. A 429 pauses everybody and is asked again: the SDK itself retries 409 and 5xx, not 429.
 * @see https://github.com/stripe/stripe-node/issues/1885
 */
export function requestShare(
  perSecond: number = requestsPerSecond.test,
  { now = Date.now, sleep = wait as (ms: number) => Promise<unknown> } = {},
): RequestShare {
  let next = 0;
  let count = 0;
  const turn = async (): Promise<void> => {
    const at = Math.max(now(), next);
    next = at + 1000 / perSecond;
    if (at > now()) await sleep(at - now());
  };
  return {
    async run(request) {
      for (let attempt = 1; ; attempt += 1) {
        await turn();
        count += 1;
        try {
          return await request();
        } catch (error) {
          if (attempt === ATTEMPTS || !mayHeal(error)) throw error;
          // Half of it by chance, so that lanes that were refused together do not come back together.
          const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
          next = Math.max(next, now() + pause);
        }
      }
    },
    requests: () => count,
  };
}

/** No answer, throttled, a conflict, or a failure at Stripe. */
function mayHeal(error: unknown): boolean {
  const { statusCode, type } = error as { statusCode?: number; type?: string };
  return type === 'StripeConnectionError' || statusCode === 429 || statusCode === 409 || (statusCode ?? 0) >= 500;
}
