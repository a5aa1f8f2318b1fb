import { planStore } from '../../adapters/postgres/plan-store.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/** The ledger does not grow for ever, and nothing that decides a plan is lost with it. */

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});
afterEach(() => db.close());

const arrive = (event: object, more: object = {}) => processEvent(testProcessor(db.writer), envelope(event, more));
const held = async () =>
  (await db.admin.query('select event_id from billing.events order by event_id')).rows.map(({ event_id }) => event_id);
const settledDaysAgo = (event: string, days: number) =>
  db.admin.query(`update billing.events set committed_at = now() - make_interval(days => $2) where event_id = $1`, [
    event,
    days,
  ]);

it('takes the oldest of what is older than 400 days, in slices, and leaves the rest', async () => {
  for (const n of [1, 2, 3, 4]) await arrive(subscriptionEvent(`evt_${n}`, 'updated', 100 * n, { id: `sub_${n}` }));
  await settledDaysAgo('evt_1', 401);
  await settledDaysAgo('evt_2', 403);
  await settledDaysAgo('evt_3', 399);
  const store = planStore(db.writer);
  expect(await store.trimLedger(1)).toBe(1);
  expect(await held()).toEqual(['evt_1', 'evt_3', 'evt_4']);
  expect(await store.trimLedger(5000)).toBe(1);
  expect(await store.trimLedger(5000)).toBe(0);
  expect(await held()).toEqual(['evt_3', 'evt_4']);
});

it('keeps them as long as the owner says, and no shorter than Stripe may send an event again', async () => {
  await arrive(subscriptionEvent('evt_1', 'updated', 100));
  await settledDaysAgo('evt_1', 100);
  await db.admin.query('update billing.retention set ledger_days = 90');
  expect(await planStore(db.writer).trimLedger(5000)).toBe(1);
  await expect(db.admin.query('update billing.retention set ledger_days = 30')).rejects.toThrow(/check constraint/);
  await expect(db.writer.query('update billing.retention set ledger_days = 31')).rejects.toThrow(/permission denied/);
});

it('moves no state back when an event comes again whose row is gone', async () => {
  await arrive(subscriptionEvent('evt_1', 'updated', 100, { status: 'trialing' }));
  await arrive(subscriptionEvent('evt_2', 'updated', 200, { status: 'active' }));
  const plan = async () => (await db.admin.query('select status, as_of from billing.subscriptions')).rows;
  const before = await plan();
  await db.admin.query('delete from billing.events');

  expect(await arrive(subscriptionEvent('evt_1', 'updated', 100, { status: 'trialing' }))).toMatchObject({
    outcome: 'stale',
    reason: 'newer_event_held',
    planEvents: [],
  });
  expect(await arrive(subscriptionEvent('evt_2', 'updated', 200, { status: 'active' }))).toMatchObject({
    outcome: 'duplicate',
    reason: 'same_state',
  });
  expect(
    await arrive(subscriptionEvent('evt_1', 'updated', 100, { status: 'trialing' }), { 'replay-name': 'again' }),
  ).toMatchObject({ outcome: 'stale' });
  expect(await plan()).toEqual(before);
});
