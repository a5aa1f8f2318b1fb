import { type Act, eraStart, pick, type Recipe } from './life.ts';
import { Money } from './money.ts';
import { day, ended } from './periods.ts';
import { Purchases } from './purchases.ts';
import { SignUps } from './sign-ups.ts';
import { StripeAccount } from './stripe-account.ts';
import type { Customer, Subscription, SubscriptionStatus } from './stripe-objects.ts';
import { Subscriptions } from './subscriptions.ts';

/** Lives the recipe through and returns the account with its whole history. */
export function live(recipe: Recipe, namespace: string): StripeAccount {
  const account = new StripeAccount(namespace, eraStart[recipe.era]);
  const life = new Life(account);
  life.act(recipe.opening);
  for (const { afterSeconds, act } of recipe.next) {
    account.wait(afterSeconds);
    life.act(act);
  }
  return account;
}

/** Turns acts into what Stripe does: objects that change and events in the order and seconds in which it emits them. */
class Life {
  readonly #account: StripeAccount;
  readonly #money: Money;
  readonly #subscriptions: Subscriptions;
  readonly #signUps: SignUps;
  readonly #purchases: Purchases;

  constructor(account: StripeAccount) {
    this.#account = account;
    this.#money = new Money(account);
    this.#subscriptions = new Subscriptions(account, this.#money);
    this.#signUps = new SignUps(account, this.#money, this.#subscriptions);
    this.#purchases = new Purchases(account, this.#money, this.#signUps);
  }

  act(act: Act): void {
    switch (act.do) {
      case 'sign up':
        this.#signUps.signUp(act);
        break;
      case 'pay the first invoice':
        this.#with(act.nth, ['incomplete'], (it) => this.#signUps.payFirstInvoice(it, act.late));
        break;
      case 'let it expire':
        this.#with(act.nth, ['incomplete'], (it) => this.#signUps.expire(it));
        break;
      case 'settle the debit':
        this.#signUps.settleDebit(act.nth, act.succeeds);
        break;
      case 'change price':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#subscriptions.changePrice(it, act.price));
        break;
      case 'change quantity':
        this.#with(act.nth, ['active', 'trialing'], (it) => this.#subscriptions.update(it, { quantity: act.quantity }));
        break;
      case 'change note':
        this.#with(act.nth, ['active', 'trialing', 'past_due', 'unpaid', 'paused'], (it) =>
          this.#subscriptions.update(it, { note: act.note }),
        );
        break;
      case 'flap':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#subscriptions.flap(it, act.through));
        break;
      case 'renew':
        this.#with(act.nth, ['active', 'past_due'], (it) => this.#subscriptions.renew(it, act.outcome));
        break;
      case 'retry payment':
        this.#with(act.nth, ['past_due', 'unpaid'], (it) => this.#subscriptions.retry(it, act.succeeds));
        break;
      case 'give up on payment':
        this.#with(act.nth, ['past_due'], (it) => this.#subscriptions.giveUp(it, act.to));
        break;
      case 'schedule a change':
        this.#with(act.nth, ['active', 'trialing'], (it) =>
          this.#subscriptions.schedules.plan(it, act.price, act.quantity),
        );
        break;
      case 'call off the change':
        this.#with(act.nth, ['active', 'trialing', 'past_due', 'unpaid', 'paused'], (it) =>
          this.#subscriptions.schedules.end(it, 'released', 'subscription_schedule.released'),
        );
        break;
      case 'pause':
        this.#with(act.nth, ['active', 'trialing'], (it) =>
          this.#subscriptions.pauseOrResume(it, 'paused', 'customer.subscription.paused', act.told === 'updated first'),
        );
        break;
      case 'resume':
        this.#with(act.nth, ['paused'], (it) =>
          this.#subscriptions.pauseOrResume(
            it,
            'active',
            'customer.subscription.resumed',
            act.told === 'updated first',
          ),
        );
        break;
      case 'toggle collection':
        this.#with(act.nth, ['active', 'past_due'], (it) =>
          this.#subscriptions.update(it, { collectionPaused: !it.collectionPaused }),
        );
        break;
      case 'trial will end':
        this.#with(act.nth, ['trialing'], (it) => {
          this.#account.waitUntil(it.trialEnd! - 3 * day);
          this.#account.tell(it, 'customer.subscription.trial_will_end');
        });
        break;
      case 'trial ends':
        this.#with(act.nth, ['trialing'], (it) => this.#subscriptions.trialEnds(it, act.outcome));
        break;
      case 'cancel at period end':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) =>
          this.#subscriptions.update(it, { cancelAtPeriodEnd: true, canceledAt: this.#account.now }),
        );
        break;
      case 'keep it after all':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#subscriptions.keep(it));
        break;
      case 'period ends':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => {
          if (!it.cancelAtPeriodEnd) return;
          this.#account.waitUntil(it.periodEnd);
          this.#subscriptions.cancel(it);
        });
        break;
      case 'cancel now':
        this.#with(act.nth, ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'], (it) => {
          if (act.touchedFirst) this.#subscriptions.update(it, { note: 'leaving' });
          this.#subscriptions.cancel(it);
        });
        break;
      case 'edit what has ended':
        this.#with(act.nth, ended, (it) => this.#subscriptions.update(it, { note: act.note }));
        break;
      case 'refund':
        this.#money.refund(act.nth, act.quarters, act.settles === 'at once');
        break;
      case 'refund settles':
        this.#money.refundSettles(act.nth, act.succeeds);
        break;
      case 'refund bounces':
        this.#money.refundBounces(act.nth);
        break;
      case 'dispute':
        this.#money.dispute(act.nth, act.warning);
        break;
      case 'answer dispute':
        this.#money.answerDispute(act.nth);
        break;
      case 'close dispute':
        this.#money.closeDispute(act.nth, act.won);
        break;
      case 'buy once':
        this.#signUps.buyOnce(act.person, act.amount, act.price, act.outcome);
        break;
      case 'buy a plan once':
        this.#purchases.buy(act);
        break;
      case 'abandon checkout':
        this.#signUps.abandonCheckout(act.person, act.price);
        break;
      case 'stranger at the checkout':
        this.#withCustomer(act.nth, (it) => this.#signUps.stranger(it, act.what));
        break;
      case 'touch customer':
        this.#withCustomer(act.nth, (it) => {
          this.#account.change(it, { balance: it.balance + 100 }, 'customer.updated');
        });
        break;
      case 'name the user':
        this.#withCustomer(act.nth, (it) => this.#signUps.nameUser(it));
        break;
      case 'delete customer':
        this.#withCustomer(act.nth, (it) => this.#signUps.deleteCustomer(it));
        break;
    }
  }

  // ---- who it happens to

  #with(nth: number, statuses: readonly SubscriptionStatus[], happen: (it: Subscription) => void): void {
    const it = pick(
      this.#account.all('subscription').filter(({ status }) => statuses.includes(status)),
      nth,
    );
    if (it) happen(it);
  }

  #withCustomer(nth: number, happen: (it: Customer) => void): void {
    const it = pick(
      this.#account.all('customer').filter(({ deleted }) => !deleted),
      nth,
    );
    if (it) happen(it);
  }
}
