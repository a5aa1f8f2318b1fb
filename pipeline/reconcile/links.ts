import { readFetched } from '../../core/stripe/fetched-object.ts';
import { type Comparing, compareObjects, type Finding } from './compare-objects.ts';
import { IdFilter } from './id-filter.ts';
import type { HeldRow, ReconcileParts, StripePage, Unlinked } from './ports.ts';
import type { ReconcileReport } from './report.ts';
import { ON_ITS_WAY_SECONDS } from './settled-until.ts';

const TOGETHER = 100;

/** Whose the running subscriptions and the purchases are that we know no user of: what Stripe says, and what is still on its way. */
export class Links {
  readonly #parts: Pick<ReconcileParts, 'stripe' | 'store' | 'catalogue' | 'now' | 'stop'>;
  readonly #comparing: Comparing;
  readonly #heal: boolean;
  /** Those whose user this run learnt from Stripe, and queued. */
  readonly #learnt = new IdFilter();

  /** @param heal what is found is queued; else nobody is linked by it */
  constructor(parts: ReconcileParts, comparing: Comparing, heal: boolean) {
    this.#parts = parts;
    this.#comparing = comparing;
    this.#heal = heal;
  }

  /**
   * Asks Stripe: their customers, their Checkout sessions, however old. Without those a row that we hold stays nobody's.
   * @returns where the next run goes on
   */
  async ask(
    after: string,
    most: number,
    report: ReconcileReport,
    found: (finding: Finding) => Promise<void>,
  ): Promise<string> {
    let last = after;
    for (let looked = 0; looked < most; ) {
      const unlinked = await this.#parts.store.withoutUser(last, TOGETHER);
      for (const of of unlinked) {
        if (this.#parts.stop()) return last;
        const { payer, sessions } = await this.#pages(of);
        if (this.#namesUser(payer, 'customer', of) || this.#namesUser(sessions, 'checkout', of))
          this.#learnt.add(of.id);
        else report.nobodys(of);
        for (const [kind, page] of [
          ['customer', payer],
          ['checkout', sessions],
        ] as const)
          for (const finding of (await compareObjects(this.#comparing, kind, page)).findings) await found(finding);
        last = of.id;
      }
      looked += unlinked.length;
      if (unlinked.length < TOGETHER) return '';
    }
    return last;
  }

  async #pages({ kind, id, customer_id: customer }: Unlinked): Promise<{ payer: StripePage; sessions: StripePage }> {
    const { stripe } = this.#parts;
    const payer = await stripe.one('customer', customer);
    const made = kind === 'subscription' ? await stripe.sessions({ subscription: id }) : undefined;
    return { payer, sessions: made && made.items.length > 0 ? made : await stripe.sessions({ customer }) };
  }

  #namesUser({ items }: StripePage, kind: 'customer' | 'checkout', of: Unlinked): boolean {
    return items.some((object) => {
      try {
        const fact = readFetched(kind, object, this.#parts.catalogue);
        if (fact?.kind === 'customer') return fact.metadata_user_id !== null;
        return (
          fact?.kind === 'checkout' &&
          fact.user_id !== null &&
          (fact.invoice_id === of.id || (fact.mode === 'subscription' && fact.status === 'complete'))
        );
      } catch {
        // Named among the unreadable, where it is compared.
        return false;
      }
    });
  }

  /**
   * How many of those that entitle somebody are nobody's for the moment only: an event that waits in a queue names their user, or may, since they
   * were bought minutes ago; or this run queued what names them. No alarm is due to any of them.
   */
  async onTheirWay(): Promise<number> {
    const { store, now } = this.#parts;
    let count = 0;
    for (let last = ''; ; ) {
      const unlinked = await store.withoutUser(last, TOGETHER);
      const held = new Map<string, HeldRow>();
      for (const kind of ['subscription', 'invoice'] as const) {
        const ids = unlinked.filter((of) => of.kind === kind).map(({ id }) => id);
        if (ids.length === 0) continue;
        for (const [id, row] of Object.entries((await store.rows(kind, ids)).held)) held.set(id, row);
      }
      for (const { kind, id, customer_id } of unlinked) {
        const row = held.get(id);
        if (!row || !entitles(row, now)) continue;
        const since = kind === 'subscription' ? row.started_at : row.paid_at;
        const mayBeNamed =
          [id, customer_id].some((each) => this.#comparing.moving.has(each)) ||
          (this.#heal && this.#learnt.has(id)) ||
          now - Date.parse(String(since)) / 1000 < ON_ITS_WAY_SECONDS;
        if (mayBeNamed) count += 1;
      }
      if (unlinked.length < TOGETHER) return count;
      last = unlinked.at(-1)!.id;
    }
  }
}

/** As billing.standing counts them. */
const entitles = ({ plan_id, entitled_until }: HeldRow, now: number): boolean =>
  plan_id !== null && (entitled_until === 'infinity' || Date.parse(String(entitled_until)) / 1000 > now);
