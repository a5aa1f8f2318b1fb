import { type AccountEvent, StripeAccount } from '../../stripe-simulator/account.ts';
import { type Day, stories } from './stories.ts';

/** Lives without a tie and without anything unreadable: those need more than events to end well. */
const plainStories = stories.filter(({ name }) => !['ivy', 'max'].includes(name));

/** Customers on demand, for the page's buttons: each lives one of the demonstration's stories under a name of its own. */
export class RandomCustomers {
  readonly #account: StripeAccount;
  #count = 0;

  constructor() {
    // Their ids differ from the demonstration's, and from those of another run on the same database.
    this.#account = new StripeAccount(`${Math.floor(Date.now() / 1000).toString(36)}_`);
  }

  /** The events of one more customer, in Stripe's order. */
  next(): { name: string; what: string; events: AccountEvent[] } {
    const story = plainStories[this.#count % plainStories.length]!;
    this.#count += 1;
    const before = this.#account.events.length;
    const midnight = new Date().setUTCHours(0, 0, 0, 0) / 1000;
    const day: Day = (offset, time) =>
      midnight + offset * 86_400 + time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    const customer = this.#account.customer(`${story.name}${this.#count}`);
    story.happen(customer, day);
    return { name: customer.userId, what: story.what, events: this.#account.events.slice(before) };
  }

  /** A subscription's update that lacks its items: nothing can be made of it. */
  poison(): AccountEvent {
    const { events } = this.next();
    const update = structuredClone(events.find(({ type }) => type.startsWith('customer.subscription.'))!);
    delete (update.data as { object: { items?: unknown } }).object.items;
    return { ...update, id: `${update.id}_poison` };
  }
}
