import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiDestinationBlueprint, ApiTarget, RuleBlueprint } from '../cloudformation/rules.ts';
import type { DeliveryFailure } from './event-bus.ts';
import type { EventEnvelope } from './event-envelope.ts';

/** How far the delivery of one event to an endpoint is. */
export interface ApiDelivery {
  state: 'delivering' | 'delivered' | 'undelivered';
  attempts: number;
  /** The last answer, such as `HTTP 503`, or why there was none. */
  answer?: string;
}

export interface ApiDestinationOptions {
  blueprint: ApiDestinationBlueprint;
  /** Where to post instead of where the template says. */
  url: string;
  apiKey: string;
  /** Takes what the endpoint never took. @returns why not, if it did not. */
  deadLetter(
    body: string,
    rule: RuleBlueprint,
    target: ApiTarget,
    failure: DeliveryFailure,
  ): Promise<string | undefined>;
  signal: AbortSignal;
}

/** EventBridge gives up on an attempt after five seconds. */
const ATTEMPT_MS = 5000;
/** A retry that fails waits twice as long as the one before, up to this; EventBridge's own waits grow to hours. */
const LONGEST_PAUSE_MS = 5000;

/**
 * Posts events to a developer's own app as an API destination does: the `detail` alone as JSON, the key in the destination's header, at
 * most so many a second, again after what may heal.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */
export class ApiDestination {
  readonly #options: ApiDestinationOptions;
  #nextPostAt = 0;

  constructor(options: ApiDestinationOptions) {
    this.#options = options;
  }

  /** Comes back when the endpoint took it, or never will; `onChange` hears of each step. */
  async deliver(
    envelope: EventEnvelope,
    rule: RuleBlueprint,
    target: ApiTarget,
    onChange: (delivery: ApiDelivery) => void,
  ): Promise<void> {
    const { signal, deadLetter } = this.#options;
    const body = JSON.stringify(envelope.detail);
    const began = Date.now();
    for (let attempt = 0; !signal.aborted; attempt++) {
      const { answer, again, retryAfterMs } = await this.#post(body);
      if (signal.aborted) return;
      const attempts = attempt + 1;
      if (again === undefined) return onChange({ state: 'delivered', attempts, answer });
      const exhausted =
        attempt >= target.maximumRetryAttempts
          ? 'MaximumRetryAttempts'
          : Date.now() - began > target.maximumEventAgeSeconds * 1000
            ? 'MaximumEventAgeInSeconds'
            : undefined;
      if (!again || exhausted) {
        const failure = { code: 'SDK_CLIENT_ERROR', message: answer, attempt, ...(exhausted ? { exhausted } : {}) };
        const lost = await deadLetter(JSON.stringify(envelope), rule, target, failure);
        const where = lost === undefined ? '' : `; its dead-letter queue did not take it: ${lost}`;
        return onChange({ state: 'undelivered', attempts, answer: answer + where });
      }
      onChange({ state: 'delivering', attempts, answer });
      const pause = Math.min(100 * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
      await sleep(Math.max(pause, Math.min(retryAfterMs, LONGEST_PAUSE_MS)), undefined, { signal }).catch(() => {});
    }
  }

  /** `again`: undefined when it was taken, else whether a retry may help. */
  async #post(body: string): Promise<{ answer: string; again?: boolean; retryAfterMs: number }> {
    const { blueprint, url, apiKey, signal } = this.#options;
    await this.#untilAllowed();
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'user-agent': 'Amazon/EventBridge/ApiDestinations',
          [blueprint.keyHeader]: apiKey,
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
      });
      await response.body?.cancel();
      const { status } = response;
      const retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1000 || 0;
      return { answer: `HTTP ${status}`, ...(response.ok ? {} : { again: mayHeal(status) }), retryAfterMs };
    } catch (error) {
      const { name, message, cause } = error as Error & { cause?: { code?: string } };
      const answer = name === 'TimeoutError' ? `no answer within ${ATTEMPT_MS / 1000} s` : (cause?.code ?? message);
      return { answer, again: true, retryAfterMs: 0 };
    }
  }

  /** The destination's rate: who comes too early waits for their turn. */
  async #untilAllowed(): Promise<void> {
    const { blueprint, signal } = this.#options;
    const at = Math.max(Date.now(), this.#nextPostAt);
    this.#nextPostAt = at + 1000 / blueprint.postsPerSecond;
    if (at > Date.now()) await sleep(at - Date.now(), undefined, { signal }).catch(() => {});
  }
}

/** What EventBridge tries again: a key that may be put right, a conflict, too many requests, the server's own errors. (407 never gets here: `fetch` fails at it.) */
const mayHeal = (status: number): boolean => [401, 409, 429].includes(status) || status >= 500;
