/** One thing that happened to an event, for the page's flow and for whoever reads along. */
export interface Happening {
  sequence: number;
  at: string;
  kind: 'posted' | 'settled' | 'deferred' | 'audited' | 'published' | 'undelivered' | 'replay' | 'fault' | 'complaint';
  event_id?: string;
  type?: string;
  /** The function that did it, or the rule or the bus. */
  by?: string;
  /** The functions whose queues a posted event goes to. */
  to?: string[];
  outcome?: string;
  /** One word, and what it means for this event. */
  reason?: string;
  detail?: string;
  customer_id?: string;
  replay_name?: string;
  text?: string;
}

/** Enough for a page that looks twice a second at a busy run. */
const KEPT = 400;

/** The last happenings, each with a number, so that a reader asks for what is new. */
export class LiveFeed {
  readonly #kept: Happening[] = [];
  #sequence = 0;

  add(happening: Omit<Happening, 'sequence' | 'at'>): void {
    this.#sequence += 1;
    this.#kept.push({ sequence: this.#sequence, at: new Date().toISOString(), ...happening });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  get sequence(): number {
    return this.#sequence;
  }

  after(sequence: number): Happening[] {
    return this.#kept.filter((happening) => happening.sequence > sequence);
  }
}
