import type { ApiDelivery } from './api-destination.ts';
import type { EventEnvelope } from './event-envelope.ts';

/** A plan event on the app bus. */
export interface PublishedPlanEvent {
  /** Of the envelope: one for each time that it was published. */
  id: string;
  at: string;
  type: string;
  /** The plan event itself, as the apps get it. */
  detail: object;
  /** Absent where nothing is forwarded. */
  delivery?: ApiDelivery;
}

/** What people look back on; the table `billing.plan_events` has all of them. */
const KEPT = 100;

/** The plan events that were published last, and how many there were. */
export class PublishedPlanEvents {
  readonly #kept: PublishedPlanEvent[] = [];
  #count = 0;
  #changes = 0;

  add({ id, 'detail-type': type, detail }: EventEnvelope): void {
    this.#count += 1;
    this.#changes += 1;
    this.#kept.push({ id, at: new Date().toISOString(), type, detail });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  /** How to report the progress of one event's delivery. */
  deliveryOf({ id }: EventEnvelope): (delivery: ApiDelivery) => void {
    const event = this.#kept.find((one) => one.id === id);
    return (delivery) => {
      if (event) event.delivery = delivery;
      this.#changes += 1;
    };
  }

  get count(): number {
    return this.#count;
  }

  /** Grows with everything that changes here. */
  get changes(): number {
    return this.#changes;
  }

  /** Newest first. */
  get latest(): PublishedPlanEvent[] {
    return this.#kept.toReversed();
  }
}
