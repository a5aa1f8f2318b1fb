import type { Act } from './life.ts';
import type { Money } from './money.ts';
import { oncePrices } from './price-list.ts';
import type { SignUps } from './sign-ups.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { CheckoutSession } from './stripe-objects.ts';

/** How plans are bought that are paid once: at the Checkout, whose invoice comes after the money, or by an invoice that was sent. */
export class Purchases {
  readonly #account: StripeAccount;
  readonly #money: Money;
  readonly #signUps: SignUps;

  constructor(account: StripeAccount, money: Money, signUps: SignUps) {
    this.#account = account;
    this.#money = money;
    this.#signUps = signUps;
  }

  buy(act: Extract<Act, { do: 'buy a plan once' }>): void {
    const { customer, userId } = this.#signUps.customerOf(act.person, act.newCustomer, act.named.customer);
    if (act.by === 'checkout') this.#atTheCheckout(act, customer.id, userId);
    else this.#byInvoice(act, customer.id, userId);
  }

  #atTheCheckout(
    { price: nth, named, outcome, pace }: Extract<Act, { do: 'buy a plan once' }>,
    customer: string,
    userId: string,
  ) {
    const account = this.#account;
    const price = oncePrices[nth % oncePrices.length]!;
    const id = account.newId('in');
    const session = account.create<CheckoutSession>({
      kind: 'checkout.session',
      id: account.newId('cs_test'),
      created: account.now,
      customer,
      mode: 'payment',
      subscription: null,
      paymentIntent: null,
      invoice: null,
      clientReferenceId: named.session ? userId : null,
      userId: null,
      currency: price.currency,
      amount: price.amount,
      status: 'open',
      paymentStatus: 'unpaid',
    });
    const intent = this.#money.intent(customer, price.amount, price.currency, null);
    if (outcome !== 'paid') {
      this.#money.charge(intent, false);
      account.change(session, { status: 'expired' }, 'checkout.session.expired');
      return;
    }
    const charge = this.#money.charge(intent, true);
    account.wait(pace[0]);
    account.change(
      session,
      { status: 'complete', paymentStatus: 'paid', paymentIntent: intent.id, invoice: id },
      'checkout.session.completed',
    );
    const invoice = this.#money.oneOff(id, customer, price, named.invoice ? userId : null);
    account.change(invoice, { status: 'open' }, 'invoice.finalized');
    account.change(invoice, { paymentIntent: intent.id, charge: charge.id });
    account.wait(pace[1]);
    this.#money.paid(invoice);
    this.#money.paidBy(id, intent.id);
  }

  #byInvoice(
    { price: nth, named, outcome, pace }: Extract<Act, { do: 'buy a plan once' }>,
    customer: string,
    userId: string,
  ) {
    const account = this.#account;
    const price = oncePrices[nth % oncePrices.length]!;
    const invoice = this.#money.oneOff(account.newId('in'), customer, price, named.invoice ? userId : null);
    account.change(invoice, { status: 'open' }, 'invoice.finalized');
    const intent = this.#money.intent(customer, price.amount, price.currency, invoice.id);
    account.wait(pace[0]);
    if (outcome === 'void' || outcome === 'uncollectible') {
      account.change(
        invoice,
        { status: outcome },
        outcome === 'void' ? 'invoice.voided' : 'invoice.marked_uncollectible',
      );
      return;
    }
    if (outcome === 'declined') {
      this.#money.notPaid(intent, invoice, 'declined');
      account.wait(pace[1]);
    }
    this.#money.charge(intent, true);
    this.#money.paid(invoice);
    this.#money.paidBy(invoice.id, intent.id);
  }
}
