import { type Act, eraStart, type Flap, type PaymentOutcome, pick, priceIn, type Recipe, type SignUp } from './life.ts';
import { allPrices, knownPrices } from './price-list.ts';
import { StripeAccount } from './stripe-account.ts';
import type {
  Charge,
  CheckoutSession,
  Customer,
  Invoice,
  PaymentIntent,
  SetupIntent,
  Subscription,
  SubscriptionStatus,
} from './stripe-objects.ts';

const day = 86_400;
const periodSeconds = { month: 30 * day, year: 365 * day };
const ended: readonly SubscriptionStatus[] = ['canceled', 'incomplete_expired'];

/** Who a customer belongs to, whether or not Stripe has been told. */
interface Person {
  userId: string;
  customers: string[];
}

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
  readonly #people = new Map<number, Person>();
  /** Checkout sessions whose debit is under way, by subscription. */
  readonly #debits = new Map<string, { session: string; invoice: string; intent: string }>();
  /** Checkout sessions that wait for the first invoice of their subscription. */
  readonly #waitingSessions = new Map<string, string>();

  constructor(account: StripeAccount) {
    this.#account = account;
  }

  act(act: Act): void {
    switch (act.do) {
      case 'sign up':
        this.#signUp(act);
        break;
      case 'pay the first invoice':
        this.#with(act.nth, ['incomplete'], (it) => this.#payFirstInvoice(it, act.late));
        break;
      case 'let it expire':
        this.#with(act.nth, ['incomplete'], (it) => this.#expire(it));
        break;
      case 'settle the debit':
        this.#settleDebit(act.nth, act.succeeds);
        break;
      case 'change price':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#changePrice(it, act.price));
        break;
      case 'change quantity':
        this.#with(act.nth, ['active', 'trialing'], (it) => this.#update(it, { quantity: act.quantity }));
        break;
      case 'change note':
        this.#with(act.nth, ['active', 'trialing', 'past_due', 'unpaid', 'paused'], (it) =>
          this.#update(it, { note: act.note }),
        );
        break;
      case 'flap':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#flap(it, act.through));
        break;
      case 'renew':
        this.#with(act.nth, ['active'], (it) => this.#renew(it, act.outcome));
        break;
      case 'retry payment':
        this.#with(act.nth, ['past_due', 'unpaid'], (it) => this.#retry(it, act.succeeds));
        break;
      case 'give up on payment':
        this.#with(act.nth, ['past_due'], (it) => this.#giveUp(it, act.to));
        break;
      case 'pause':
        this.#with(act.nth, ['active', 'trialing'], (it) =>
          this.#pauseOrResume(it, 'paused', 'customer.subscription.paused', act.told === 'updated first'),
        );
        break;
      case 'resume':
        this.#with(act.nth, ['paused'], (it) =>
          this.#pauseOrResume(it, 'active', 'customer.subscription.resumed', act.told === 'updated first'),
        );
        break;
      case 'toggle collection':
        this.#with(act.nth, ['active', 'past_due'], (it) =>
          this.#update(it, { collectionPaused: !it.collectionPaused }),
        );
        break;
      case 'trial will end':
        this.#with(act.nth, ['trialing'], (it) => {
          this.#account.waitUntil(it.trialEnd! - 3 * day);
          this.#account.tell(it, 'customer.subscription.trial_will_end');
        });
        break;
      case 'trial ends':
        this.#with(act.nth, ['trialing'], (it) => this.#trialEnds(it, act.outcome));
        break;
      case 'cancel at period end':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) =>
          this.#update(it, { cancelAtPeriodEnd: true, canceledAt: this.#account.now }),
        );
        break;
      case 'keep it after all':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => this.#keep(it));
        break;
      case 'period ends':
        this.#with(act.nth, ['active', 'trialing', 'past_due'], (it) => {
          if (!it.cancelAtPeriodEnd) return;
          this.#account.waitUntil(it.periodEnd);
          this.#cancel(it);
        });
        break;
      case 'cancel now':
        this.#with(act.nth, ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'], (it) => {
          if (act.touchedFirst) this.#update(it, { note: 'leaving' });
          this.#cancel(it);
        });
        break;
      case 'edit what has ended':
        this.#with(act.nth, ended, (it) => this.#update(it, { note: act.note }));
        break;
      case 'refund':
        this.#refund(act.nth, act.quarters, act.settles === 'at once');
        break;
      case 'refund settles':
        this.#refundSettles(act.nth, act.succeeds);
        break;
      case 'refund bounces':
        this.#refundBounces(act.nth);
        break;
      case 'dispute':
        this.#dispute(act.nth, act.warning);
        break;
      case 'answer dispute':
        this.#answerDispute(act.nth);
        break;
      case 'close dispute':
        this.#closeDispute(act.nth, act.won);
        break;
      case 'buy once':
        this.#buyOnce(act.person, act.amount, act.price, act.outcome);
        break;
      case 'abandon checkout':
        this.#abandonCheckout(act.person, act.price);
        break;
      case 'touch customer':
        this.#withCustomer(act.nth, (it) => {
          this.#account.change(it, { balance: it.balance + 100 }, 'customer.updated');
        });
        break;
      case 'name the user':
        this.#withCustomer(act.nth, (it) => this.#nameUser(it));
        break;
      case 'delete customer':
        this.#withCustomer(act.nth, (it) => this.#deleteCustomer(it));
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

  #person(number: number): Person {
    const person = this.#people.get(number) ?? { userId: `user_${this.#account.namespace}x${number}`, customers: [] };
    this.#people.set(number, person);
    return person;
  }

  // ---- signing up

  #signUp(act: SignUp): void {
    const account = this.#account;
    const person = this.#person(act.person);
    const price = priceIn(allPrices, act.price);
    const customer = this.#customer(person, act.newCustomer, act.hints.customerMetadata);
    this.#attachCard(customer);
    account.wait(act.pace[0]);

    const subscription = account.create<Subscription>({
      kind: 'subscription',
      id: account.newId('sub'),
      itemId: account.newId('si'),
      customer: customer.id,
      created: account.now,
      status: act.trial ? 'trialing' : 'incomplete',
      price,
      quantity: 1,
      cancelAtPeriodEnd: false,
      canceledAt: null,
      endedAt: null,
      periodStart: account.now,
      periodEnd: account.now + (act.trial ? 14 * day : periodSeconds[price.interval]),
      trialStart: act.trial ? account.now : null,
      trialEnd: act.trial ? account.now + 14 * day : null,
      userId: act.hints.subscriptionMetadata ? person.userId : null,
      note: null,
      collectionPaused: false,
      latestInvoice: account.newId('in'),
    });
    const amount = act.trial ? 0 : price.amount;
    const session =
      act.checkout === 'never'
        ? null
        : account.create<CheckoutSession>({
            kind: 'checkout.session',
            id: account.newId('cs_test'),
            created: account.now,
            customer: customer.id,
            mode: 'subscription',
            subscription: subscription.id,
            paymentIntent: null,
            invoice: null,
            clientReferenceId: act.hints.clientReference ? person.userId : null,
            userId: act.hints.sessionMetadata ? person.userId : null,
            currency: price.currency,
            amount,
            status: 'open',
            paymentStatus: 'unpaid',
          });
    const debit = act.outcome === 'debit under way';
    const completes = act.trial || act.outcome === 'paid' || debit;
    const completed = {
      status: 'complete',
      paymentStatus: act.trial ? 'no_payment_required' : debit ? 'unpaid' : 'paid',
    } as const;
    if (session && completes && act.checkout === 'before') {
      account.change(session, completed, 'checkout.session.completed');
    }
    account.tell(subscription, 'customer.subscription.created');
    const draft = this.#draft(subscription, subscription.latestInvoice!, 'subscription_create', amount);
    const invoice = account.change(draft, { status: 'open' }, 'invoice.finalized');
    account.wait(act.pace[1]);
    if (act.trial) {
      this.#setUpCard(customer);
      this.#paid(invoice);
    } else {
      this.#firstPayment(subscription, invoice, act, session?.id);
    }
    if (session && act.checkout !== 'before') {
      if (completes) {
        account.wait(act.checkout === 'a while after' ? 30 + act.pace[2] : act.pace[2]);
        account.change(session, completed, 'checkout.session.completed');
      } else {
        this.#waitingSessions.set(subscription.id, session.id);
      }
    }
  }

  #firstPayment(subscription: Subscription, invoice: Invoice, act: SignUp, session: string | undefined): void {
    const intent = this.#intent(subscription.customer, invoice.amount, invoice.currency, invoice.id);
    switch (act.outcome) {
      case 'paid':
        this.#charge(intent, true);
        this.#paid(invoice);
        this.#update(subscription, { status: 'active' });
        return;
      case 'debit under way':
        this.#account.change(intent, { status: 'processing' }, 'payment_intent.processing');
        this.#update(subscription, { status: 'active' });
        this.#debits.set(subscription.id, { session: session ?? '', invoice: invoice.id, intent: intent.id });
        return;
      default:
        this.#notPaid(intent, invoice, act.outcome);
    }
  }

  #payFirstInvoice(it: Subscription, late: number): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    this.#charge(this.#account.get('payment_intent', invoice.paymentIntent!), true);
    this.#paid(invoice);
    this.#update(it, { status: 'active' });
    const session = this.#waitingSessions.get(it.id);
    if (session === undefined) return;
    this.#waitingSessions.delete(it.id);
    this.#account.wait(late);
    this.#account.change(
      this.#account.get('checkout.session', session),
      { status: 'complete', paymentStatus: 'paid' },
      'checkout.session.completed',
    );
  }

  /** Twenty-three hours without a first payment. */
  #expire(it: Subscription): void {
    this.#account.waitUntil(it.created + 23 * 3600);
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    this.#update(it, { status: 'incomplete_expired', endedAt: this.#account.now });
    this.#account.change(invoice, { status: 'void' }, 'invoice.voided');
    this.#cancelIntent(invoice);
    const session = this.#waitingSessions.get(it.id);
    if (session === undefined) return;
    this.#waitingSessions.delete(it.id);
    this.#account.change(
      this.#account.get('checkout.session', session),
      { status: 'expired' },
      'checkout.session.expired',
    );
  }

  #settleDebit(nth: number, succeeds: boolean): void {
    const debit = pick([...this.#debits], nth);
    if (!debit) return;
    const [id, under] = debit;
    this.#debits.delete(id);
    const account = this.#account;
    const [invoice, intent] = [account.get('invoice', under.invoice), account.get('payment_intent', under.intent)];
    const subscription = account.get('subscription', id);
    if (succeeds) {
      this.#charge(intent, true);
      if (invoice.status === 'open') this.#paid(invoice);
    } else {
      this.#notPaid(intent, invoice, 'declined');
      if (subscription.status === 'active') this.#update(subscription, { status: 'past_due' });
    }
    if (under.session === '') return;
    account.change(
      account.get('checkout.session', under.session),
      succeeds ? { paymentStatus: 'paid' } : {},
      succeeds ? 'checkout.session.async_payment_succeeded' : 'checkout.session.async_payment_failed',
    );
  }

  #abandonCheckout(number: number, nthPrice: number): void {
    const price = priceIn(knownPrices, nthPrice);
    const session = this.#account.create<CheckoutSession>({
      kind: 'checkout.session',
      id: this.#account.newId('cs_test'),
      created: this.#account.now,
      customer: null,
      mode: 'subscription',
      subscription: null,
      paymentIntent: null,
      invoice: null,
      clientReferenceId: this.#person(number).userId,
      userId: null,
      currency: price.currency,
      amount: price.amount,
      status: 'open',
      paymentStatus: 'unpaid',
    });
    this.#account.wait(day);
    this.#account.change(session, { status: 'expired' }, 'checkout.session.expired');
  }

  // ---- customers

  #customer(person: Person, fresh: boolean, named: boolean): Customer {
    const known = person.customers.map((id) => this.#account.get('customer', id)).find(({ deleted }) => !deleted);
    if (known && !fresh) return known;
    const customer = this.#account.create<Customer>(
      {
        kind: 'customer',
        id: this.#account.newId('cus'),
        created: this.#account.now,
        userId: named ? person.userId : null,
        paymentMethod: null,
        balance: 0,
        deleted: false,
      },
      'customer.created',
    );
    person.customers.push(customer.id);
    return customer;
  }

  #attachCard(customer: Customer): void {
    if (customer.paymentMethod !== null) return;
    const card = this.#account.create(
      { kind: 'payment_method', id: this.#account.newId('pm'), created: this.#account.now, customer: customer.id },
      'payment_method.attached',
    );
    this.#account.change(customer, { paymentMethod: card.id }, 'customer.updated');
  }

  #setUpCard(customer: Customer): void {
    const account = this.#account;
    const intent = account.create<SetupIntent>(
      {
        kind: 'setup_intent',
        id: account.newId('seti'),
        created: account.now,
        customer: customer.id,
        status: 'requires_payment_method',
      },
      'setup_intent.created',
    );
    account.change(intent, { status: 'succeeded' }, 'setup_intent.succeeded');
  }

  /** Someone writes our user id into the customer's metadata, long after. */
  #nameUser(customer: Customer): void {
    const owner = [...this.#people.values()].find(({ customers }) => customers.includes(customer.id))!;
    if (customer.userId === null) this.#account.change(customer, { userId: owner.userId }, 'customer.updated');
  }

  #deleteCustomer(customer: Customer): void {
    for (const it of this.#account.all('subscription')) {
      if (it.customer === customer.id && !ended.includes(it.status)) this.#cancel(it);
    }
    this.#account.change(customer, { deleted: true }, 'customer.deleted');
  }

  // ---- a subscription's life

  #update(it: Subscription, patch: Partial<Subscription>): void {
    const now = this.#account.get('subscription', it.id);
    const same = (Object.keys(patch) as (keyof Subscription)[]).every((key) => now[key] === patch[key]);
    if (!same) this.#account.change(it, patch, 'customer.subscription.updated');
  }

  #changePrice(it: Subscription, nth: number): void {
    const price = priceIn(allPrices, nth, it.price.currency);
    const restarts = price.interval !== it.price.interval && it.status === 'active';
    const period = { periodStart: this.#account.now, periodEnd: this.#account.now + periodSeconds[price.interval] };
    this.#update(it, restarts ? { price, ...period } : { price });
  }

  /** Several changes of mind within one second; each is an event of its own. */
  #flap(it: Subscription, through: readonly Flap[]): void {
    for (const to of through) {
      if ('price' in to) this.#update(it, { price: priceIn(allPrices, to.price, it.price.currency) });
      else if ('cancelAtPeriodEnd' in to) {
        this.#update(it, { ...to, canceledAt: to.cancelAtPeriodEnd ? this.#account.now : null });
      } else this.#update(it, to);
    }
  }

  #keep(it: Subscription): void {
    if (it.cancelAtPeriodEnd) this.#update(it, { cancelAtPeriodEnd: false, canceledAt: null });
  }

  #pauseOrResume(it: Subscription, status: SubscriptionStatus, alsoTold: string, updatedFirst: boolean): void {
    const types = ['customer.subscription.updated', alsoTold];
    this.#account.change(it, { status }, ...(updatedFirst ? types : types.toReversed()));
  }

  #renew(it: Subscription, outcome: PaymentOutcome): void {
    if (it.cancelAtPeriodEnd) return;
    const account = this.#account;
    account.waitUntil(it.periodEnd);
    const periodStart = it.periodEnd;
    this.#beginPeriod(it, periodStart, outcome);
  }

  #trialEnds(it: Subscription, outcome: PaymentOutcome | 'no payment method'): void {
    const account = this.#account;
    account.waitUntil(it.trialEnd!);
    if (it.cancelAtPeriodEnd) this.#cancel(it);
    else if (outcome === 'no payment method') this.#pauseOrResume(it, 'paused', 'customer.subscription.paused', true);
    else this.#beginPeriod(it, it.trialEnd!, outcome);
  }

  /** A period begins with a draft invoice, which stands for an hour and is then finalized and charged. */
  #beginPeriod(it: Subscription, periodStart: number, outcome: PaymentOutcome): void {
    const { price, quantity } = this.#account.get('subscription', it.id);
    const latestInvoice = this.#account.newId('in');
    const periodEnd = periodStart + periodSeconds[price.interval];
    this.#update(it, { status: 'active', periodStart, periodEnd, latestInvoice });
    const draft = this.#draft(it, latestInvoice, 'subscription_cycle', price.amount * quantity);
    this.#account.wait(3600);
    const invoice = this.#account.change(draft, { status: 'open' }, 'invoice.finalized');
    const intent = this.#intent(it.customer, invoice.amount, invoice.currency, invoice.id);
    if (outcome === 'paid') {
      this.#charge(intent, true);
      this.#paid(invoice);
    } else {
      this.#notPaid(intent, invoice, outcome);
      this.#update(it, { status: 'past_due' });
    }
  }

  #retry(it: Subscription, succeeds: boolean): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    if (invoice.status === 'paid' || invoice.status === 'void') return;
    const intent = this.#account.get('payment_intent', invoice.paymentIntent!);
    if (!succeeds) {
      this.#notPaid(intent, invoice, 'declined');
      return;
    }
    this.#charge(intent, true);
    this.#paid(invoice);
    this.#update(it, { status: 'active' });
  }

  #giveUp(it: Subscription, to: 'unpaid' | 'canceled' | 'uncollectible'): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    if (to === 'canceled') {
      this.#cancel(it);
      if (invoice.status !== 'open') return;
      this.#account.change(invoice, { status: 'void' }, 'invoice.voided');
      this.#cancelIntent(invoice);
      return;
    }
    if (to === 'uncollectible' && invoice.status === 'open') {
      this.#account.change(invoice, { status: 'uncollectible' }, 'invoice.marked_uncollectible');
    }
    this.#update(it, { status: 'unpaid' });
  }

  #cancel(it: Subscription): void {
    const { now } = this.#account;
    const canceledAt = this.#account.get('subscription', it.id).canceledAt ?? now;
    this.#account.change(it, { status: 'canceled', canceledAt, endedAt: now }, 'customer.subscription.deleted');
  }

  // ---- money

  #draft(it: Subscription, id: string, reason: Invoice['reason'], amount: number): Invoice {
    const account = this.#account;
    const now = account.get('subscription', it.id);
    return account.create<Invoice>(
      {
        kind: 'invoice',
        id,
        created: account.now,
        customer: it.customer,
        subscription: it.id,
        userId: now.userId,
        price: now.price,
        quantity: now.quantity,
        currency: now.price.currency,
        amount,
        amountPaid: 0,
        status: 'draft',
        reason,
        attempts: 0,
        periodStart: now.periodStart,
        periodEnd: now.periodEnd,
        paidAt: null,
        paymentIntent: null,
        charge: null,
      },
      'invoice.created',
    );
  }

  #intent(customer: string | null, amount: number, currency: string, invoice: string | null): PaymentIntent {
    const account = this.#account;
    const intent = account.create<PaymentIntent>(
      {
        kind: 'payment_intent',
        id: account.newId('pi'),
        created: account.now,
        customer,
        invoice,
        currency,
        amount,
        received: 0,
        status: 'requires_payment_method',
        latestCharge: null,
        declined: false,
      },
      'payment_intent.created',
    );
    if (invoice !== null) account.change(account.get('invoice', invoice), { paymentIntent: intent.id });
    return intent;
  }

  #charge(intent: PaymentIntent, succeeds: boolean): Charge {
    const account = this.#account;
    const charge = account.create<Charge>(
      {
        kind: 'charge',
        id: account.newId('ch'),
        created: account.now,
        customer: intent.customer,
        invoice: intent.invoice,
        paymentIntent: intent.id,
        currency: intent.currency,
        amount: intent.amount,
        amountRefunded: 0,
        status: succeeds ? 'succeeded' : 'failed',
        disputed: false,
      },
      succeeds ? 'charge.succeeded' : 'charge.failed',
    );
    account.change(
      intent,
      succeeds
        ? { status: 'succeeded', received: intent.amount, latestCharge: charge.id, declined: false }
        : { status: 'requires_payment_method', latestCharge: charge.id, declined: true },
      succeeds ? 'payment_intent.succeeded' : 'payment_intent.payment_failed',
    );
    if (succeeds && intent.invoice !== null)
      account.change(account.get('invoice', intent.invoice), { charge: charge.id });
    return charge;
  }

  #paid(invoice: Invoice): void {
    const { amount, attempts } = this.#account.get('invoice', invoice.id);
    this.#account.change(
      invoice,
      { status: 'paid', amountPaid: amount, attempts: attempts + (amount > 0 ? 1 : 0), paidAt: this.#account.now },
      'invoice.updated',
      'invoice.paid',
      'invoice.payment_succeeded',
    );
  }

  #notPaid(intent: PaymentIntent, invoice: Invoice, outcome: 'declined' | 'needs action'): void {
    const account = this.#account;
    const attempts = account.get('invoice', invoice.id).attempts + 1;
    if (outcome === 'declined') {
      this.#charge(intent, false);
      account.change(invoice, { attempts }, 'invoice.updated', 'invoice.payment_failed');
    } else {
      account.change(intent, { status: 'requires_action' }, 'payment_intent.requires_action');
      account.change(invoice, { attempts }, 'invoice.updated', 'invoice.payment_action_required');
    }
  }

  #cancelIntent(invoice: Invoice): void {
    const intent = this.#account.get('payment_intent', invoice.paymentIntent!);
    if (intent.status !== 'succeeded') this.#account.change(intent, { status: 'canceled' }, 'payment_intent.canceled');
  }

  #buyOnce(
    number: number,
    amount: number,
    nthPrice: number,
    outcome: 'paid' | 'declined, then paid' | 'abandoned',
  ): void {
    const account = this.#account;
    const person = this.#person(number);
    const customer = this.#customer(person, false, true);
    const { currency } = priceIn(knownPrices, nthPrice);
    const intent = this.#intent(customer.id, amount, currency, null);
    if (outcome !== 'paid') this.#charge(intent, false);
    if (outcome === 'abandoned') {
      account.change(intent, { status: 'canceled' }, 'payment_intent.canceled');
      return;
    }
    this.#charge(intent, true);
    account.create<CheckoutSession>(
      {
        kind: 'checkout.session',
        id: account.newId('cs_test'),
        created: account.now,
        customer: customer.id,
        mode: 'payment',
        subscription: null,
        paymentIntent: intent.id,
        invoice: null,
        clientReferenceId: person.userId,
        userId: null,
        currency,
        amount,
        status: 'complete',
        paymentStatus: 'paid',
      },
      'checkout.session.completed',
    );
  }

  #refund(nth: number, quarters: number, atOnce: boolean): void {
    const account = this.#account;
    const charge = pick(
      account.all('charge').filter((it) => it.status === 'succeeded' && it.amountRefunded < it.amount && it.amount > 0),
      nth,
    );
    if (!charge) return;
    const amount = Math.min(Math.ceil((charge.amount * quarters) / 4), charge.amount - charge.amountRefunded);
    account.create(
      {
        kind: 'refund',
        id: account.newId('re'),
        created: account.now,
        charge: charge.id,
        paymentIntent: charge.paymentIntent,
        currency: charge.currency,
        amount,
        status: atOnce ? 'succeeded' : 'pending',
      },
      'refund.created',
    );
    account.change(charge, { amountRefunded: charge.amountRefunded + amount }, 'charge.refunded');
  }

  #refundSettles(nth: number, succeeds: boolean): void {
    const refund = pick(
      this.#account.all('refund').filter(({ status }) => status === 'pending'),
      nth,
    );
    if (!refund) return;
    if (succeeds) this.#account.change(refund, { status: 'succeeded' }, 'refund.updated');
    else this.#fail(refund.id);
  }

  /** The bank sends a refund back that had counted as done. */
  #refundBounces(nth: number): void {
    const refund = pick(
      this.#account.all('refund').filter(({ status }) => status === 'succeeded'),
      nth,
    );
    if (refund) this.#fail(refund.id);
  }

  #fail(id: string): void {
    const refund = this.#account.get('refund', id);
    this.#account.change(refund, { status: 'failed' }, 'refund.updated', 'refund.failed');
    const charge = this.#account.get('charge', refund.charge);
    this.#account.change(charge, { amountRefunded: charge.amountRefunded - refund.amount }, 'charge.updated');
  }

  #dispute(nth: number, warning: boolean): void {
    const account = this.#account;
    const charge = pick(
      account.all('charge').filter(({ status, disputed }) => status === 'succeeded' && !disputed),
      nth,
    );
    if (!charge) return;
    account.create(
      {
        kind: 'dispute',
        id: account.newId('dp'),
        created: account.now,
        charge: charge.id,
        paymentIntent: charge.paymentIntent,
        currency: charge.currency,
        amount: charge.amount,
        status: warning ? 'warning_needs_response' : 'needs_response',
      },
      'charge.dispute.created',
    );
    account.change(charge, { disputed: true }, 'charge.updated');
  }

  #answerDispute(nth: number): void {
    const dispute = pick(
      this.#account.all('dispute').filter(({ status }) => status.endsWith('needs_response')),
      nth,
    );
    if (!dispute) return;
    const status = dispute.status === 'needs_response' ? 'under_review' : 'warning_under_review';
    this.#account.change(dispute, { status }, 'charge.dispute.updated');
  }

  #closeDispute(nth: number, won: boolean): void {
    const dispute = pick(
      this.#account.all('dispute').filter(({ status }) => !['won', 'lost', 'warning_closed'].includes(status)),
      nth,
    );
    if (!dispute) return;
    const status = dispute.status.startsWith('warning') ? 'warning_closed' : won ? 'won' : 'lost';
    this.#account.change(dispute, { status }, 'charge.dispute.closed');
  }
}
