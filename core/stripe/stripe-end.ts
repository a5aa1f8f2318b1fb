/** What Stripe answers when it is asked whether it sends us events. `why` is a sentence. */
export type StripeEnd =
  | { state: 'sends'; destination: string }
  /** The destination is disabled or gone, or AWS drops what it sends. */
  | { state: 'sends_nothing'; why: string }
  /** 401 or 403: nothing that needs Stripe's answer works, the hourly comparison for one. */
  | { state: 'key_refused'; why: string }
  /** No key, no network, or Stripe's API is down: proves nothing. */
  | { state: 'not_asked'; why: string };
