import type { SQSRecord } from 'aws-lambda';
import { processBatch } from '../../pipeline/process-batch.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** A batch is one call and one transaction. Whatever one of the ten does, and wherever it stands, the other nine end as if it were not there. */

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});
afterEach(() => db.close());

const SIZE = 10;
const places = Array.from({ length: SIZE }, (_, place) => place);

const arrived = (name: string, status = 'active') =>
  subscriptionEvent(`evt_${name}_${status}`, 'updated', 100, {
    id: `sub_${name}`,
    customer: `cus_${name}`,
    status,
    metadata: { user_id: `user_${name}` },
  });

/** Postgres raises where the row of this subscription is written. */
const refuse = (subscription: string, sqlState: string) =>
  db.admin.query(`
    create function billing.refuse() returns trigger language plpgsql as $$
    begin
      raise exception 'refused' using errcode = '${sqlState}';
    end
    $$;
    create trigger refuse before insert or update on billing.subscriptions for each row
    when (new.subscription_id = '${subscription}') execute function billing.refuse();`);

const poisons = [
  { what: 'cannot be read', sqlState: null, ends: 'parked unreadable_event' },
  { what: 'is refused by Postgres for ever', sqlState: '22000', ends: 'parked database_22000' },
  { what: 'is refused by Postgres for the moment', sqlState: '40001', ends: 'deferred database_40001' },
] as const;

describe.each(poisons)('a message that $what', ({ sqlState, ends }) => {
  it.each(places)('takes no other with it from place %i', async (place) => {
    if (sqlState) await refuse('sub_poison', sqlState);
    // One of the others shares its second with another: Stripe must be asked for it.
    const tied = (place + SIZE / 2) % SIZE;
    await processEvent(testProcessor(db.writer), envelope(arrived('tied')));
    const poison = sqlState
      ? arrived('poison')
      : { ...arrived('poison'), data: { object: { id: 'sub_poison', object: 'subscription' } } };
    const bodies = places.map((n) =>
      envelope(n === place ? poison : n === tied ? arrived('tied', 'past_due') : arrived(`good${n}`)),
    );

    const seen: string[] = [];
    const asked: string[] = [];
    const processor = testProcessor(db.writer, {
      stripe: {
        subscription: async (id) => {
          asked.push(id);
          return (arrived('tied', 'past_due') as { data: { object: object } }).data.object;
        },
      },
    });
    const { batchItemFailures } = await processBatch(
      bodies.map(
        (body, n) =>
          ({ messageId: `${n}`, body, attributes: { ApproximateReceiveCount: '1' } }) as unknown as SQSRecord,
      ),
      processor,
      ({ body }, applyOne) => processEvent(processor, body, applyOne),
      { defer: async () => {}, park: async () => {} },
      {
        settled: ({ messageId }, { outcome }) => void seen.push(`${messageId} ${outcome}`),
        parked: ({ messageId }, { code }) => void seen.push(`${messageId} parked ${code}`),
        deferred: ({ messageId }, { code }) => void seen.push(`${messageId} deferred ${code}`),
      },
    );

    expect(seen.sort()).toEqual(places.map((n) => `${n} ${n === place ? ends : n === tied ? 'refetched' : 'applied'}`));
    expect(batchItemFailures).toEqual(ends.startsWith('deferred') ? [{ itemIdentifier: `${place}` }] : []);
    expect(asked).toEqual(['sub_tied']);
    const good = places.filter((n) => n !== place && n !== tied).map((n) => `user_good${n}`);
    const { rows } = await db.admin.query('select user_id, status from billing.plan_states order by user_id');
    expect(rows).toEqual([
      ...good.map((user_id) => ({ user_id, status: 'active' })),
      { user_id: 'user_tied', status: 'past_due' },
    ]);
    // Each is published once, though their first transaction was taken back.
    expect(processor.published.map(({ user_id }) => user_id).sort()).toEqual([...good, 'user_tied']);
  });
});
