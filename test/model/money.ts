import { pick } from './life.ts';
import type { PriceTag } from './price-list.ts';
import type { StripeAccount } from './stripe-account.ts';
import type { Charge, Invoice, PaymentIntent, Subscription } from './stripe-objects.ts';

/** What Stripe does with money: invoices, payment intents, charges, refunds, disputes, and the events about them. */
export class Money {
  readonly #account: StripeAccount;

  constructor(account: StripeAccount) {
    this.#account = account;
  }

  draft(it: Subscription, id: string, reason: Invoice['reason'], amount: number): Invoice {
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
        ownUserId: null,
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

  intent(customer: string | null, amount: number, currency: string, invoice: string | null): PaymentIntent {
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

  charge(intent: PaymentIntent, succeeds: boolean): Charge {
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

  /** An invoice that belongs to no subscription. */
  oneOff(id: string, customer: string, price: PriceTag, ownUserId: string | null): Invoice {
    const { now } = this.#account;
    return this.#account.create<Invoice>(
      {
        kind: 'invoice',
        id,
        created: now,
        customer,
        subscription: null,
        userId: null,
        ownUserId,
        price,
        quantity: 1,
        currency: price.currency,
        amount: price.amount,
        amountPaid: 0,
        status: 'draft',
        reason: 'manual',
        attempts: 0,
        periodStart: now,
        periodEnd: now,
        paidAt: null,
        paymentIntent: null,
        charge: null,
      },
      'invoice.created',
    );
  }

  /** Today's API tells who paid an invoice by an object of its own. */
  paidBy(invoice: string, paymentIntent: string): void {
    const account = this.#account;
    account.create(
      { kind: 'invoice_payment', id: account.newId('inpay'), created: account.now, invoice, paymentIntent },
      'invoice_payment.paid',
    );
  }

  paid(invoice: Invoice): void {
    const { amount, attempts } = this.#account.get('invoice', invoice.id);
    this.#account.change(
      invoice,
      { status: 'paid', amountPaid: amount, attempts: attempts + (amount > 0 ? 1 : 0), paidAt: this.#account.now },
      'invoice.updated',
      'invoice.paid',
      'invoice.payment_succeeded',
    );
  }

  notPaid(intent: PaymentIntent, invoice: Invoice, outcome: 'declined' | 'needs action'): void {
    const account = this.#account;
    const attempts = account.get('invoice', invoice.id).attempts + 1;
    if (outcome === 'declined') {
      this.charge(intent, false);
      account.change(invoice, { attempts }, 'invoice.updated', 'invoice.payment_failed');
    } else {
      account.change(intent, { status: 'requires_action' }, 'payment_intent.requires_action');
      account.change(invoice, { attempts }, 'invoice.updated', 'invoice.payment_action_required');
    }
  }

  cancelIntent(invoice: Invoice): void {
    const intent = this.#account.get('payment_intent', invoice.paymentIntent!);
    if (intent.status !== 'succeeded') this.#account.change(intent, { status: 'canceled' }, 'payment_intent.canceled');
  }

  refund(nth: number, quarters: number, atOnce: boolean): void {
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

  refundSettles(nth: number, succeeds: boolean): void {
    const refund = pick(
      this.#account.all('refund').filter(({ status }) => status === 'pending'),
      nth,
    );
    if (!refund) return;
    if (succeeds) this.#account.change(refund, { status: 'succeeded' }, 'refund.updated');
    else this.#fail(refund.id);
  }

  /** The bank sends a refund back that had counted as done. */
  refundBounces(nth: number): void {
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

  dispute(nth: number, warning: boolean): void {
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

  answerDispute(nth: number): void {
    const dispute = pick(
      this.#account.all('dispute').filter(({ status }) => status.endsWith('needs_response')),
      nth,
    );
    if (!dispute) return;
    const status = dispute.status === 'needs_response' ? 'under_review' : 'warning_under_review';
    this.#account.change(dispute, { status }, 'charge.dispute.updated');
  }

  closeDispute(nth: number, won: boolean): void {
    const dispute = pick(
      this.#account.all('dispute').filter(({ status }) => !['won', 'lost', 'warning_closed'].includes(status)),
      nth,
    );
    if (!dispute) return;
    const status = dispute.status.startsWith('warning') ? 'warning_closed' : won ? 'won' : 'lost';
    this.#account.change(dispute, { status }, 'charge.dispute.closed');
  }
}
