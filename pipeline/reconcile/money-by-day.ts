import type { Catalogue } from '../../core/plans/catalogue.ts';
import { type FetchedObject, readFetched } from '../../core/stripe/fetched-object.ts';

/** Objects whose amounts finance adds up. */
export const moneyKinds = ['charge', 'refund', 'dispute'] as const;
export type MoneyKind = (typeof moneyKinds)[number];
export const isMoneyKind = (kind: string): kind is MoneyKind => (moneyKinds as readonly string[]).includes(kind);

/** What moved on one day (UTC, by when the object was made) in one currency: succeeded charges and refunds, disputes whatever became of them. */
export interface DayOfMoney {
  /** yyyy-mm-dd */
  day: string;
  currency: string;
  minor: number;
  count: number;
}

/** A day on which Stripe's sum is not ours. */
export interface DayThatDiffers {
  kind: MoneyKind;
  day: string;
  currency: string;
  stripes_minor: number;
  ours_minor: number;
}

/** Adds up what Stripe lists, by kind, day and currency: as large as the account is old, not as it has customers. */
export class MoneyByDay {
  readonly #days = new Map<string, DayOfMoney>();
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  add(kind: MoneyKind, objects: readonly FetchedObject[]): void {
    for (const object of objects) {
      const amount = this.#amountOf(kind, object);
      if (amount === null) continue;
      const day = new Date(object.created * 1000).toISOString().slice(0, 10);
      const key = `${day} ${amount.currency}`;
      const sum = this.#days.get(key) ?? { day, currency: amount.currency, minor: 0, count: 0 };
      this.#days.set(key, { ...sum, minor: sum.minor + amount.minor, count: sum.count + 1 });
    }
  }

  /**
   * @param ours the same sums of our rows
   * @param before yyyy-mm-dd: days from this one on are not over yet
   */
  differences(kind: MoneyKind, ours: readonly DayOfMoney[], before: string): DayThatDiffers[] {
    const held = new Map(ours.map((sum) => [`${sum.day} ${sum.currency}`, sum]));
    return [...new Set([...held.keys(), ...this.#days.keys()])].sort().flatMap((key) => {
      const [day = '', currency = ''] = key.split(' ');
      const [theirs, mine] = [this.#days.get(key), held.get(key)];
      if (day >= before || (theirs?.minor === mine?.minor && theirs?.count === mine?.count)) return [];
      return { kind, day, currency, stripes_minor: theirs?.minor ?? 0, ours_minor: mine?.minor ?? 0 };
    });
  }

  #amountOf(kind: MoneyKind, object: FetchedObject): { minor: number; currency: string } | null {
    let fact: ReturnType<typeof readFetched>;
    try {
      fact = readFetched(kind, object, this.#catalogue);
    } catch {
      // Named among the unreadable, where it is compared.
      return null;
    }
    if (fact?.kind !== 'payment' && fact?.kind !== 'refund' && fact?.kind !== 'dispute') return null;
    if (fact.kind !== 'dispute' && fact.status !== 'succeeded') return null;
    return { minor: fact.amount_minor, currency: fact.currency };
  }
}
