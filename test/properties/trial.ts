import { planStore } from '../../adapters/postgres/plan-store.ts';
import { PipelineError } from '../../core/errors.ts';
import { workerOf } from '../../core/event-routes.ts';
import type { Outcome } from '../../core/outcome.ts';
import { type Catalogue, catalogueForDatabase } from '../../core/plans/catalogue.ts';
import type { PlanEvent } from '../../core/plans/plan-event.ts';
import { type Apply, Gathering, isOfOneEvent } from '../../pipeline/apply-together.ts';
import type { PlanStore } from '../../pipeline/ports.ts';
import { type EventProcessor, processEvent } from '../../pipeline/process-event.ts';
import { type ApiShape, eventJson, objectJson } from '../model/api-shapes.ts';
import { type DeliveryPlan, deliveryOrder, type Fault, momentAfter } from '../model/deliveries.ts';
import type { StripeAccount, StripeHappening } from '../model/stripe-account.ts';
import { catalogueWithPurchases as catalogue } from '../support/catalogue.ts';
import type { Database } from './database.ts';
import { Steps } from './steps.ts';

const source = 'aws.partner/stripe.com/ed_test_proof';

/** A question that the comparison with Stripe queues, or an event of the history by its position. */
type Item = { position: number } | { ask: number; which: number; message?: Message };

interface Message {
  worker: EventProcessor['worker'];
  envelope: object;
}

/** What was seen while a history was delivered. */
export interface Seen {
  outcomes: Partial<Record<Outcome, number>>;
  /** Deliveries that made us ask Stripe: the event's position, or null for a question of the comparison. */
  fetches: (number | null)[];
  published: PlanEvent[];
}

export interface TrialOptions {
  shape?: ApiShape;
  /** The shape of the API's answers; the handlers pin today's. */
  answers?: ApiShape;
  replayName?: string;
  /** A catalogue with something missing, or a store that reads wrongly. */
  catalogue?: Catalogue;
  /** Spoils what a reader made of an event: a bug that was switched on for a while. */
  misread?: (fact: object) => object;
  /** Stripe's answers are this many events behind what it has told us: a replica that lags. */
  lag?: number;
  /** The events to deliver, by their ids. @default all */
  only?: (id: string) => boolean;
  /** Called after each delivery that was settled, with the event's position (null: a question of the comparison). */
  afterEach?: (position: number | null) => Promise<void>;
  /** Really at once, over as many connections, instead of one step at a time. */
  racing?: boolean;
}

/**
 * Delivers a whole history to the real processor, over a real database: the product's readers, its worker loop, its apply function.
 *
 * Only what Amazon and Stripe do is played: the queue (this loop), the app bus (a list), the API (the model).
 */
export async function deliver(
  database: Database,
  account: StripeAccount,
  plan: DeliveryPlan,
  options: TrialOptions = {},
): Promise<Seen> {
  const seen: Seen = { outcomes: {}, fetches: [], published: [] };
  const steps = new Steps(plan.choices, plan.width);
  const gate = options.racing ? () => Promise.resolve() : () => steps.gate();
  // The members of a batch move side by side until they meet in one call, and again after it.
  const moving = (more: number) => {
    if (!options.racing) steps.moreMoving(more);
  };
  const faults = [...plan.faults];
  let lastDelivered = -1;
  const decided: number[] = [];
  const moment = () =>
    options.replayName === undefined
      ? momentAfter(plan, lastDelivered, account.happenings.length)
      : account.happenings.length;

  const asked = (id: string, begunAt: number) => {
    const at = database.answersFromBefore ? begunAt : moment() - (options.lag ?? 0);
    return Math.max(at, account.snapshotsOf({ id })[0]!.position + 1);
  };

  const store = gated(
    planStore(database.writer, catalogueForDatabase(catalogue)),
    gate,
    (events) => moving(events - 1),
    options.misread,
  );
  const processorFor = (
    worker: EventProcessor['worker'],
    fault: Fault,
    position: number | null,
    begunAt: number,
  ): EventProcessor => ({
    worker,
    livemode: false,
    sources: [source],
    catalogue: options.catalogue ?? catalogue,
    store,
    stripe: {
      async subscription(id) {
        await gate();
        seen.fetches.push(position);
        if (fault === 'fetch fails') throw new PipelineError('stripe_503', 'later', 'Stripe is down, says the plan');
        const answer = objectJson(account.versionAt(id, asked(id, begunAt))!, options.answers ?? 'endive');
        await gate();
        return answer;
      },
    },
    // The first guard is taken away: the database must be enough.
    idempotently: async (_key, work) => ({ answer: await work(), again: false }),
    async publish(planEvents) {
      if (fault === 'dies before publishing') throw new Died();
      seen.published.push(...planEvents);
      if (fault === 'dies after publishing') throw new Died();
    },
    now: () => 0,
  });

  const queue = itemsOf(plan, account, options.replayName !== undefined);
  await (options.racing ? race : (items: Item[], one: (item: Item) => Promise<void>) => steps.run(items, one))(
    queue,
    async (first) => {
      const batch = batchOf(first, queue, plan.batch, (item) => messageOf(item, account, moment, options));
      if (batch.length === 0) return;
      for (const { item } of batch) if ('position' in item) lastDelivered = Math.max(lastDelivered, item.position);
      const shared = processorFor(batch[0]!.message.worker, faults.shift() ?? 'none', null, moment());
      await gate();
      const gathering = new Gathering(shared, batch.length);
      let came = 0;
      let left = batch.length;
      moving(batch.length - 1);
      await Promise.all(
        batch.map(async ({ item, message }) => {
          const position = 'position' in item ? item.position : null;
          const fault = faults.shift() ?? 'none';
          const processor = { ...processorFor(message.worker, fault, position, moment()), publish: shared.publish };
          const applyOne: Apply = (application) => {
            came += 1;
            if (came < batch.length) moving(-1);
            return gathering.apply(application);
          };
          try {
            const { outcome } = await processEvent(processor, JSON.stringify(message.envelope), applyOne);
            if (position !== null && outcome !== 'duplicate') decided.push(position);
            seen.outcomes[outcome] = (seen.outcomes[outcome] ?? 0) + 1;
            await options.afterEach?.(position);
          } catch (error) {
            // Back to the queue, as SQS would: what healed in between is none of the event's business.
            if (error instanceof Died || (error instanceof PipelineError && error.retry === 'later')) queue.push(item);
            else throw error;
          } finally {
            left -= 1;
            if (left > 0) moving(-1);
          }
        }),
      );
    },
  );
  const twice = decided.find((position, index) => decided.indexOf(position) !== index);
  if (twice !== undefined && options.replayName === undefined) {
    throw new Error(`Worked on twice: ${account.happenings[twice]!.type} ${account.happenings[twice]!.id}`);
  }
  return seen;

  async function race(items: Item[], one: (item: Item) => Promise<void>): Promise<void> {
    let broken = false;
    const lane = async () => {
      for (let item = items.shift(); item !== undefined && !broken; item = items.shift()) {
        await one(item).catch((error) => {
          broken = true;
          throw error;
        });
      }
    };
    // Every lane stands still before this one speaks: what comes next may take the database away.
    const ended = await Promise.allSettled(Array.from({ length: plan.width }, lane));
    const failed = ended.find((lane) => lane.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** What SQS hands over together: neighbours in one worker's queue. */
function batchOf(
  first: Item,
  queue: Item[],
  most: number,
  messageOf: (item: Item) => Message | undefined,
): { item: Item; message: Message }[] {
  const batch: { item: Item; message: Message }[] = [];
  for (let item: Item | undefined = first; item !== undefined; item = queue.shift()) {
    const message = messageOf(item);
    if (message && batch.length > 0 && message.worker !== batch[0]!.message.worker) {
      queue.unshift(item);
      break;
    }
    if (message) batch.push({ item, message });
    if (batch.length >= most) break;
  }
  return batch;
}

/** The function's process ended here; the queue will deliver the message again. */
class Died extends Error {}

function itemsOf(plan: DeliveryPlan, account: StripeAccount, isReplay: boolean): Item[] {
  const items: Item[] = deliveryOrder(plan, account.happenings.length).map((position) => ({ position }));
  if (isReplay) return items;
  plan.asks.forEach(({ which, before }, ask) => {
    items.splice(before % (items.length + 1), 0, { ask, which });
  });
  return items;
}

function messageOf(
  item: Item,
  account: StripeAccount,
  moment: () => number,
  options: TrialOptions,
): Message | undefined {
  if ('position' in item) {
    const happening = account.happenings[item.position]!;
    if (options.only?.(happening.id) === false) return undefined;
    const worker = workerOf(happening.type);
    if (worker === undefined) return undefined;
    const replay = options.replayName === undefined ? {} : { 'replay-name': options.replayName };
    return {
      worker,
      envelope: {
        ...envelope(happening.type, happening.created, eventOf(happening, options.shape ?? 'endive')),
        ...replay,
      },
    };
  }
  const message = item.message ?? question(item, account, moment());
  if (message) item.message = message;
  return message;
}

/**
 * Before basil an invoice itself says who paid it, and no event of its own does. In the place of that event stands one of another account, which nothing is
 * made of, so that both shapes of a history are interleaved alike.
 */
const eventOf = (happening: StripeHappening, shape: ApiShape): object => ({
  ...eventJson(happening, shape),
  ...(shape === 'acacia' && happening.object.kind === 'invoice_payment' ? { account: 'acct_of_somebody_else' } : {}),
});

/** The comparison lists what Stripe has at this moment, and asks about one of them. */
function question(
  { ask, which }: { ask: number; which: number },
  account: StripeAccount,
  moment: number,
): Message | undefined {
  const there = account.all('subscription').filter(({ id }) => account.versionAt(id, moment) !== undefined);
  const about = there[which % there.length];
  if (about === undefined) return undefined;
  const detail = {
    id: `reconcile_${about.id}_${ask}`,
    type: 'reconcile.subscription',
    created: account.now,
    livemode: false,
    api_version: null,
    data: { object: { id: about.id, customer: about.customer } },
  };
  return { worker: 'billing', envelope: { ...envelope(detail.type, account.now, detail), origin: 'reconcile' } };
}

const envelope = (type: string, created: number, detail: object) => ({
  version: '0',
  id: 'a0000000-0000-4000-8000-000000000000',
  source,
  'detail-type': type,
  time: new Date((created + 1) * 1000).toISOString(),
  detail,
});

function gated(
  store: PlanStore,
  gate: () => Promise<void>,
  answered: (events: number) => void,
  misread: (fact: object) => object = (fact) => fact,
): PlanStore {
  /** Of a call that one event failed: its members are tried one by one, and move on once the last was. */
  const oneByOne = new WeakMap<object, { left: number; size: number }>();
  return {
    async apply(applications) {
      await gate();
      const batch = applications.length === 1 ? oneByOne.get(applications[0]!) : undefined;
      const done = () => {
        if (!batch) answered(applications.length);
        else if (--batch.left === 0) answered(batch.size);
      };
      try {
        const answers = await store.apply(
          applications.map(({ event, fact, fetched }) => ({
            event,
            fact: fact && (misread(fact) as typeof fact),
            ...(fetched && {
              fetched: {
                ...fetched,
                snapshot: (misread({ ...fact, snapshot: fetched.snapshot }) as typeof fetched).snapshot,
              },
            }),
          })),
        );
        done();
        return answers;
      } catch (error) {
        const size = applications.length;
        if (size > 1 && isOfOneEvent(error)) {
          const members = { left: size, size };
          for (const application of applications) oneByOne.set(application, members);
        } else done();
        throw error;
      }
    },
    dueUsers: (most) => store.dueUsers(most),
    trimLedger: (most) => store.trimLedger(most),
    compare: (wanted) => store.compare(wanted),
  };
}
