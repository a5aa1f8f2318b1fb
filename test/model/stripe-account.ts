import type { Kind, OfKind, StripeObject, Subscription } from './stripe-objects.ts';

/** One event of the history: what happened, when, and the object as it was right after. */
export interface StripeHappening {
  /** Its place in the history: 0 for the first event that Stripe emitted. */
  position: number;
  id: string;
  type: string;
  /** Unix seconds, whole ones: all that Stripe tells about the time. */
  created: number;
  object: StripeObject;
  /** The object just before, where Stripe would send `previous_attributes`. */
  before: StripeObject | null;
}

/** Types whose event says what changed. */
const tellsWhatChanged = (type: string) => type.endsWith('.updated') || type === 'charge.refunded';

/**
 * An account at Stripe: the objects it holds, every version they went through, and the events it emitted.
 *
 * Its clock stands still until the history moves it. A **moment** is a number of emitted events: `versionAt(id, 7)` is
 * what the API would have answered between the seventh event and the eighth.
 */
export class StripeAccount {
  readonly happenings: StripeHappening[] = [];
  readonly namespace: string;
  now: number;
  readonly #versions = new Map<string, { since: number; object: StripeObject }[]>();
  readonly #counters = new Map<string, number>();

  constructor(namespace: string, startsAt: number) {
    this.namespace = namespace;
    this.now = startsAt;
  }

  /** A fresh id such as `sub_h7x1`: the same history in the same namespace has the same ids. */
  newId(prefix: string): string {
    const count = (this.#counters.get(prefix) ?? 0) + 1;
    this.#counters.set(prefix, count);
    return `${prefix}_${this.namespace}x${count}`;
  }

  wait(seconds: number): void {
    this.now += seconds;
  }

  waitUntil(second: number): void {
    this.now = Math.max(this.now, second);
  }

  /** Creates the object and emits these event types about it, in this order and second. */
  create<O extends StripeObject>(object: O, ...types: string[]): O {
    this.#versions.set(object.id, [{ since: this.happenings.length, object }]);
    for (const type of types) this.#emit(type, object, null);
    return object;
  }

  /** Changes the object and emits these event types about it, in this order and second. */
  change<O extends StripeObject>(object: O, patch: Partial<O>, ...types: string[]): O {
    const before = this.get(object.kind, object.id) as O;
    const after = { ...before, ...patch };
    this.#versions.get(object.id)!.push({ since: this.happenings.length, object: after });
    for (const type of types) this.#emit(type, after, tellsWhatChanged(type) ? before : null);
    return after;
  }

  /** Emits further events about the object as it is. */
  tell(object: StripeObject, ...types: string[]): void {
    for (const type of types) this.#emit(type, this.get(object.kind, object.id), null);
  }

  get<K extends Kind>(kind: K, id: string): OfKind<K> {
    const object = this.#versions.get(id)?.at(-1)?.object;
    if (object?.kind !== kind) throw new Error(`The model holds no ${kind} ${id}`);
    return object as OfKind<K>;
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return [...this.#versions.values()]
      .map((versions) => versions.at(-1)!.object)
      .filter((o) => o.kind === kind) as OfKind<K>[];
  }

  /** Every version an object went through, first to last. */
  versions(id: string): StripeObject[] {
    return (this.#versions.get(id) ?? []).map(({ object }) => object);
  }

  /** The object as the API would have answered after `moment` events; undefined while it did not exist. */
  versionAt(id: string, moment: number): StripeObject | undefined {
    return this.#versions.get(id)?.findLast(({ since }) => since < moment)?.object;
  }

  /** Events that carry a snapshot of this subscription. */
  snapshotsOf(subscription: Pick<Subscription, 'id'>): StripeHappening[] {
    return this.happenings.filter(({ object }) => object.kind === 'subscription' && object.id === subscription.id);
  }

  #emit(type: string, object: StripeObject, before: StripeObject | null): void {
    const position = this.happenings.length;
    this.happenings.push({ position, id: this.newId('evt'), type, created: this.now, object, before });
  }
}
