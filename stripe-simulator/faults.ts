/** How the server misbehaves, on request; all off by default. */
export interface Faults {
  /** Before every answer. */
  latencyMs: number;
  /** More requests in one second than this are answered with 429. */
  limitPerSecond: number;
  /** Every so-manieth request is answered with 429, whatever the rate; 0: none. */
  throttleEvery: number;
  /** Every so-manieth request is answered with 500; 0: none. */
  failEvery: number;
  /** Resources that the key may not read, as in `customers`, `checkout/sessions` or `core/event_destinations`: 403. */
  forbidden: Set<string>;
}

export const noFaults = (): Faults => ({
  latencyMs: 0,
  limitPerSecond: Number.POSITIVE_INFINITY,
  throttleEvery: 0,
  failEvery: 0,
  forbidden: new Set(),
});

/** What was asked of the server, and how often it refused. */
export class Measured {
  requests = 0;
  throttled = 0;
  failed = 0;
  /** The most requests that arrived within one second of the clock. */
  peakPerSecond = 0;
  #second = 0;
  #inSecond = 0;

  /** The status that a fault wants for this request; none: answer as ever. */
  judge(faults: Faults, now: number): 429 | 500 | undefined {
    this.requests += 1;
    const second = Math.floor(now / 1000);
    this.#inSecond = second === this.#second ? this.#inSecond + 1 : 1;
    this.#second = second;
    this.peakPerSecond = Math.max(this.peakPerSecond, this.#inSecond);
    const every = (count: number) => count > 0 && this.requests % count === 0;
    if (this.#inSecond > faults.limitPerSecond || every(faults.throttleEvery)) {
      this.throttled += 1;
      return 429;
    }
    if (every(faults.failEvery)) {
      this.failed += 1;
      return 500;
    }
    return undefined;
  }
}
