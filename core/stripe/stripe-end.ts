/** What Stripe answers when it is asked whether it sends us events, to each source that it should send to. `why` is a sentence. */
export type StripeEnd =
  | { state: 'sends'; destinations: string[] }
  /**
   * A destination is disabled or gone, or AWS drops what it sends. `sending`: destinations that send all the same; while an upgrade of the
   * API version lasts there are two, and what one brings is enough.
   */
  | { state: 'sends_nothing'; why: string; sending: string[] }
  /** 401 or 403: nothing that needs Stripe's answer works, the hourly comparison for one. */
  | { state: 'key_refused'; why: string }
  /** No key, no network, or Stripe's API is down: proves nothing. */
  | { state: 'not_asked'; why: string };
