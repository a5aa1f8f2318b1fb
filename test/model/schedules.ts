import { priceIn } from './life.ts';
import { periodSeconds } from './periods.ts';
import { allPrices } from './price-list.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from './stripe-objects.ts';

/** What Stripe will change of a subscription later: planned, called off, carried out. */
export class Schedules {
  readonly #account: StripeAccount;

  constructor(account: StripeAccount) {
    this.#account = account;
  }

  /** As the customer portal does it: made of the subscription as it is, then given the next phase, within the same second. */
  plan(it: Subscription, nth: number, quantity: number): void {
    const account = this.#account;
    const price = priceIn(allPrices, nth, it.price.currency);
    const now: SchedulePhase = {
      start: it.periodStart,
      end: it.periodEnd,
      price: it.price,
      quantity: it.quantity,
    };
    const next: SchedulePhase = {
      start: it.periodEnd,
      end: it.periodEnd + periodSeconds[price.interval],
      price,
      quantity,
    };
    const known = this.activeOf(it);
    if (it.periodEnd <= account.now || known?.current === 1) return;
    if (known) {
      // Of two updates within one second nothing would tell the later.
      account.wait(1);
      account.change(
        known,
        { phases: [{ ...known.phases[0]!, end: it.periodEnd }, next] },
        'subscription_schedule.updated',
      );
      return;
    }
    const schedule = account.create<SubscriptionSchedule>(
      {
        kind: 'subscription_schedule',
        id: account.newId('sub_sched'),
        created: account.now,
        customer: it.customer,
        subscription: it.id,
        status: 'active',
        phases: [now],
        current: 0,
        endedAt: null,
      },
      'subscription_schedule.created',
    );
    account.change(schedule, { phases: [now, next] }, 'subscription_schedule.updated');
  }

  activeOf({ id }: Pick<Subscription, 'id'>): SubscriptionSchedule | undefined {
    return this.#account
      .all('subscription_schedule')
      .find(({ subscription, status }) => subscription === id && status === 'active');
  }

  /** What the subscription becomes with the period that begins now; `carryOn` says so of the schedule. */
  due(it: Subscription, periodStart: number): Pick<Subscription, 'price' | 'quantity'> | undefined {
    const schedule = this.activeOf(it);
    const next = schedule?.phases[schedule.current + 1];
    return next && next.start <= periodStart ? { price: next.price, quantity: next.quantity } : undefined;
  }

  /** Into the next phase, or out of the last one. */
  carryOn(it: Subscription, periodStart: number): void {
    const schedule = this.activeOf(it);
    if (!schedule || schedule.phases[schedule.current]!.end > periodStart) return;
    if (schedule.phases[schedule.current + 1])
      this.#account.change(schedule, { current: schedule.current + 1 }, 'subscription_schedule.updated');
    else this.end(it, 'completed', 'subscription_schedule.completed');
  }

  end(it: Subscription, status: 'released' | 'completed' | 'canceled', type: string): void {
    const schedule = this.activeOf(it);
    if (schedule) this.#account.change(schedule, { status, endedAt: this.#account.now }, type);
  }
}
