import { planStore } from '../../adapters/postgres/plan-store.ts';
import { catalogueForDatabase } from '../../core/plans/catalogue.ts';
import { queueDue } from '../../pipeline/clock.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, source, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** What ends by time is published when it ends, within one turn of the clock, once. */

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const turn = async (runId: string, waiting = 0) => {
  const queued: object[] = [];
  const due = await queueDue({
    store: planStore(db.writer, catalogueForDatabase(catalogue)),
    waiting: async () => waiting,
    enqueue: async (worker, envelopes) => {
      expect(worker).toBe('billing');
      queued.push(...envelopes);
    },
    source,
    runId,
    livemode: false,
    now: Math.floor(Date.now() / 1000),
  });
  return { due, queued };
};

it('publishes once that a plan ended by its date, and leaves a backlog alone', async () => {
  const ends = Math.floor(Date.now() / 1000) + 1;
  const processor = testProcessor(db.writer);
  await processEvent(processor, envelope(subscriptionEvent('evt_1', 'updated', 100, { id: 'sub_1', cancel_at: ends })));
  expect(await turn('run-0')).toEqual({ due: 0, queued: [] });
  await new Promise((resolve) => setTimeout(resolve, ends * 1000 + 50 - Date.now()));
  expect(await turn('run-1', 5000)).toEqual({ due: 0, queued: [] });

  const { due, queued } = await turn('run-2');
  expect(due).toBe(1);
  // The same turn tried again asks for the same; the ids are the same, so that it is done once.
  expect((await turn('run-2')).queued).toEqual(queued);
  for (const message of [...queued, ...queued]) await processEvent(processor, JSON.stringify(message));
  const heard = processor.published.filter(
    ({ id }, index) => processor.published.findIndex((other) => other.id === id) === index,
  );
  expect(
    heard.map(({ event_type, plan, metadata }) => [event_type, plan.entitled, plan.tier, metadata.origin]),
  ).toEqual([
    ['SUBSCRIPTION_ACTIVATED', true, 'PREMIUM', 'webhook'],
    ['SUBSCRIPTION_UPDATED', false, 'FREE', 'clock'],
  ]);
  expect(await turn('run-3')).toEqual({ due: 0, queued: [] });
});
