import { pick, priceIn, type SignUp } from './life.ts';
import type { Money } from './money.ts';
import { day, ended, periodSeconds } from './periods.ts';
import { allPrices, knownPrices } from './price-list.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { CheckoutSession, Customer, Invoice, SetupIntent, Subscription } from './stripe-objects.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Who a customer belongs to, whether or not Stripe has been told. */
interface Person {
  userId: string;
  customers: string[];
}

/** How people become customers and customers subscribers: through Checkout or the API, at once, later or not at all. */
export class SignUps {
  readonly #account: StripeAccount;
  readonly #money: Money;
  readonly #subscriptions: Subscriptions;
  readonly #people = new Map<number, Person>();
  /** Checkout sessions whose debit is under way, by subscription. */
  readonly #debits = new Map<string, { session: string; invoice: string; intent: string }>();
  /** Checkout sessions that wait for the first invoice of their subscription. */
  readonly #waitingSessions = new Map<string, string>();

  constructor(account: StripeAccount, money: Money, subscriptions: Subscriptions) {
    this.#account = account;
    this.#money = money;
    this.#subscriptions = subscriptions;
  }

  #person(number: number): Person {
    const person = this.#people.get(number) ?? { userId: `user_${this.#account.namespace}x${number}`, customers: [] };
    this.#people.set(number, person);
    return person;
  }

  signUp(act: SignUp): void {
    const account = this.#account;
    const person = this.#person(act.person);
    const price = priceIn(allPrices, act.price);
    const shared = act.sharesCustomer ? this.#livingCustomer(this.#person(0)) : undefined;
    const customer = shared ?? this.#customer(person, act.newCustomer, act.hints.customerMetadata);
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
    const draft = this.#money.draft(subscription, subscription.latestInvoice!, 'subscription_create', amount);
    const invoice = account.change(draft, { status: 'open' }, 'invoice.finalized');
    account.wait(act.pace[1]);
    if (act.trial) {
      this.#setUpCard(customer);
      this.#money.paid(invoice);
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
    const intent = this.#money.intent(subscription.customer, invoice.amount, invoice.currency, invoice.id);
    switch (act.outcome) {
      case 'paid':
        this.#money.charge(intent, true);
        this.#money.paid(invoice);
        this.#subscriptions.update(subscription, { status: 'active' });
        return;
      case 'debit under way':
        this.#account.change(intent, { status: 'processing' }, 'payment_intent.processing');
        this.#subscriptions.update(subscription, { status: 'active' });
        this.#debits.set(subscription.id, { session: session ?? '', invoice: invoice.id, intent: intent.id });
        return;
      default:
        this.#money.notPaid(intent, invoice, act.outcome);
    }
  }

  payFirstInvoice(it: Subscription, late: number): void {
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    this.#money.charge(this.#account.get('payment_intent', invoice.paymentIntent!), true);
    this.#money.paid(invoice);
    this.#subscriptions.update(it, { status: 'active' });
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
  expire(it: Subscription): void {
    this.#account.waitUntil(it.created + 23 * 3600);
    const invoice = this.#account.get('invoice', it.latestInvoice!);
    this.#subscriptions.update(it, { status: 'incomplete_expired', endedAt: this.#account.now });
    this.#account.change(invoice, { status: 'void' }, 'invoice.voided');
    this.#money.cancelIntent(invoice);
    const session = this.#waitingSessions.get(it.id);
    if (session === undefined) return;
    this.#waitingSessions.delete(it.id);
    this.#account.change(
      this.#account.get('checkout.session', session),
      { status: 'expired' },
      'checkout.session.expired',
    );
  }

  settleDebit(nth: number, succeeds: boolean): void {
    const debit = pick([...this.#debits], nth);
    if (!debit) return;
    const [id, under] = debit;
    this.#debits.delete(id);
    const account = this.#account;
    const [invoice, intent] = [account.get('invoice', under.invoice), account.get('payment_intent', under.intent)];
    const subscription = account.get('subscription', id);
    if (succeeds) {
      this.#money.charge(intent, true);
      if (invoice.status === 'open') this.#money.paid(invoice);
    } else {
      this.#money.notPaid(intent, invoice, 'declined');
      if (subscription.status === 'active') this.#subscriptions.update(subscription, { status: 'past_due' });
    }
    if (under.session === '') return;
    account.change(
      account.get('checkout.session', under.session),
      succeeds ? { paymentStatus: 'paid' } : {},
      succeeds ? 'checkout.session.async_payment_succeeded' : 'checkout.session.async_payment_failed',
    );
  }

  abandonCheckout(number: number, nthPrice: number): void {
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

  #livingCustomer({ customers }: Person): Customer | undefined {
    return customers.map((id) => this.#account.get('customer', id)).find(({ deleted }) => !deleted);
  }

  /** A session of somebody else on this customer, which must take nothing from whoever is there. */
  stranger({ id }: Customer, what: 'abandons' | 'buys once'): void {
    const { currency, amount } = knownPrices[0]!;
    const session = this.#account.create<CheckoutSession>({
      kind: 'checkout.session',
      id: this.#account.newId('cs_test'),
      created: this.#account.now,
      customer: id,
      mode: what === 'abandons' ? 'subscription' : 'payment',
      subscription: null,
      paymentIntent: null,
      invoice: null,
      clientReferenceId: `stranger_${this.#account.namespace}x1`,
      userId: null,
      currency,
      amount,
      status: 'open',
      paymentStatus: 'unpaid',
    });
    if (what === 'abandons') this.#account.change(session, { status: 'expired' }, 'checkout.session.expired');
    else this.#account.change(session, { status: 'complete', paymentStatus: 'paid' }, 'checkout.session.completed');
  }

  /** A customer of this person: the one they have, or a new one, named or not. */
  customerOf(number: number, fresh: boolean, named: boolean): { customer: Customer; userId: string } {
    const person = this.#person(number);
    return { customer: this.#customer(person, fresh, named), userId: person.userId };
  }

  #customer(person: Person, fresh: boolean, named: boolean): Customer {
    const known = this.#livingCustomer(person);
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
  nameUser(customer: Customer): void {
    const owner = [...this.#people.values()].find(({ customers }) => customers.includes(customer.id))!;
    if (customer.userId === null) this.#account.change(customer, { userId: owner.userId }, 'customer.updated');
  }

  deleteCustomer(customer: Customer): void {
    for (const it of this.#account.all('subscription')) {
      if (it.customer === customer.id && !ended.includes(it.status)) this.#subscriptions.cancel(it);
    }
    this.#account.change(customer, { deleted: true }, 'customer.deleted');
  }

  buyOnce(
    number: number,
    amount: number,
    nthPrice: number,
    outcome: 'paid' | 'declined, then paid' | 'abandoned',
  ): void {
    const account = this.#account;
    const person = this.#person(number);
    const customer = this.#customer(person, false, true);
    const { currency } = priceIn(knownPrices, nthPrice);
    const intent = this.#money.intent(customer.id, amount, currency, null);
    if (outcome !== 'paid') this.#money.charge(intent, false);
    if (outcome === 'abandoned') {
      account.change(intent, { status: 'canceled' }, 'payment_intent.canceled');
      return;
    }
    this.#money.charge(intent, true);
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
}
