import { planStore } from '../../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { requestShare } from '../../adapters/request-share.ts';
import { stripeClient, stripeReader } from '../../adapters/stripe.ts';
import { stripeLists } from '../../adapters/stripe-lists.ts';
import { workerOf } from '../../core/event-routes.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { byWorker, type Worker } from '../../core/workers.ts';
import { type BackfillParts, backfill } from '../../pipeline/backfill/backfill.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import type { HealedField, ReconcileOptions, ReconcileParts } from '../../pipeline/reconcile/ports.ts';
import { reconcile } from '../../pipeline/reconcile/reconcile.ts';
import { THE_BEGINNING } from '../../pipeline/reconcile/sweep.ts';
import { type AccountEvent, StripeAccount } from '../../stripe-simulator/account.ts';
import { type StripeServer, startStripeServer } from '../../stripe-simulator/server.ts';
import { catalogue as sold } from './catalogue.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { envelope, source, testProcessor } from './event-processor.ts';
import { checkout, customer as customerSample, paidOnce } from './stripe-samples.ts';

/** The moment in which the comparison runs; Stripe's clock and ours agree. */
export const now = Math.floor(Date.now() / 1000);
export const hour = 3600;
export const day = 24 * hour;

/**
 * A Stripe account (simulated, asked through its API), our database (real) and the queues between (lists): what a test delivers reaches us,
 * what it does not is lost.
 */
export class StripeAndUs {
  readonly account: StripeAccount;
  readonly server: StripeServer;
  readonly db: TestDatabase;
  /** What the comparison queued, until {@link work} is called. */
  queued: { worker: Worker; envelope: object }[] = [];
  healed: HealedField[] = [];
  /** What a backfill told the apps. */
  published: PlanEvent[] = [];
  waiting: Record<Worker, number> = byWorker(() => 0);
  catalogue = sold;
  /** Stripe's clock, in Unix seconds. */
  stripesNow = now;
  #client: Awaited<ReturnType<typeof stripeClient>>;
  #runs = 0;

  private constructor(account: StripeAccount, server: StripeServer, db: TestDatabase, client: never) {
    this.account = account;
    this.server = server;
    this.db = db;
    this.#client = client;
  }

  static async start(account = new StripeAccount()): Promise<StripeAndUs> {
    // Its clock is read at each request, long after the pair was made.
    const server = await startStripeServer({ account, now: () => pair.stripesNow * 1000 });
    const pair = new StripeAndUs(
      account,
      server,
      await freshDatabase(),
      (await stripeClient(server.key, server.url)) as never,
    );
    return pair;
  }

  async stop(): Promise<void> {
    await this.server.close();
    await this.db.close();
  }

  /** The bus brings these events (by default all of the account), and workers settle them. */
  async deliver(events: readonly AccountEvent[] = this.account.events): Promise<string[]> {
    const outcomes = [];
    for (const event of events) {
      const worker = workerOf(event.type);
      if (worker) outcomes.push(await this.settle(worker, envelope(event, { time: new Date().toISOString() })));
    }
    return outcomes;
  }

  async settle(worker: Worker, body: string): Promise<string> {
    const processor = testProcessor(this.db.writer, {
      worker,
      catalogue: this.catalogue,
      stripe: { subscription: (id) => this.#client.subscriptions.retrieve(id) },
    });
    return (await processEvent(processor, body)).outcome;
  }

  /** Workers settle what the comparison queued. */
  async work(): Promise<string[]> {
    const outcomes = [];
    for (const { worker, envelope: body } of this.queued.splice(0))
      outcomes.push(`${worker} ${await this.settle(worker, JSON.stringify(body))}`);
    return outcomes;
  }

  /**
   * Somebody whom only their Checkout session names pays for a plan once; wants {@link catalogueWithPurchases}.
   * @returns its events: what arrives at once, and the session's, which may wait
   */
  buysForLife(name: string, at: number) {
    const [customer, bill] = [`cus_${name}`, `in_${name}`];
    const session = checkout({
      id: `cs_${name}`,
      mode: 'payment',
      customer,
      subscription: null,
      invoice: bill,
      client_reference_id: `user_${name}`,
      created: at,
    });
    const paid = paidOnce('price_plus_lifetime_eur', at, { id: bill, customer, created: at });
    const from = this.account.events.length;
    this.account.emit(at, 'customer.created', customerSample({ id: customer, metadata: {}, created: at }));
    this.account.emit(at, 'invoice.paid', paid);
    this.account.emit(at, 'checkout.session.completed', session);
    const made = this.account.events.slice(from);
    return { arrives: made.slice(0, 2), waits: made.slice(2), session: session.id };
  }

  parts(more: Partial<ReconcileParts> = {}): ReconcileParts {
    this.#runs += 1;
    return {
      stripe: stripeLists(this.#client, requestShare(1000, { sleep: async () => {} })),
      store: reconcileStore(this.db.writer),
      catalogue: this.catalogue,
      waiting: async () => this.waiting,
      enqueue: async (worker, envelopes) =>
        void this.queued.push(...envelopes.map((each) => ({ worker, envelope: each }))),
      keepHealed: async (lines) => void this.healed.push(...lines),
      source,
      runId: `run-${this.#runs}`,
      livemode: false,
      now,
      sleep: async () => {},
      stop: () => false,
      ...more,
    };
  }

  /** Everything now, healed, as `ops reconcile --apply` does; nothing is worked off yet. */
  compare(options: Partial<ReconcileOptions> = {}, more: Partial<ReconcileParts> = {}) {
    return reconcile(this.parts(more), { scope: 'all', heal: true, beforeUs: true, ...options });
  }

  /** As the schedule does. */
  scheduled(more: Partial<ReconcileParts> = {}) {
    return reconcile(this.parts(more), { scope: 'scheduled', heal: true });
  }

  backfillParts(more: Partial<BackfillParts> = {}): BackfillParts {
    return {
      stripe: stripeLists(this.#client, requestShare(1000, { sleep: async () => {} })),
      store: { ...reconcileStore(this.db.writer), apply: planStore(this.db.writer).apply },
      reader: stripeReader(async () => this.#client),
      catalogue: this.catalogue,
      publish: async (planEvents) => void this.published.push(...planEvents),
      livemode: false,
      now,
      stop: () => false,
      progress: () => {},
      ...more,
    };
  }

  backfill(options: { since?: number; notify?: boolean } = {}, more: Partial<BackfillParts> = {}) {
    return backfill(this.backfillParts(more), { since: THE_BEGINNING, notify: false, ...options });
  }

  async rows(sql: string, ...values: unknown[]) {
    return (await this.db.admin.query(sql, values)).rows;
  }
}
