import { planStore } from '../../adapters/postgres/plan-store.ts';
import { reconcileStore } from '../../adapters/postgres/reconcile-store.ts';
import { readFetched } from '../../core/stripe/fetched-object.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { compareObjects } from '../../pipeline/reconcile/compare-objects.ts';
import { catalogue } from '../support/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { charge, checkout, customer, event, invoice, schedule, subscriptionEvent } from '../support/stripe-samples.ts';

/** A person is taken out of every row, the money stays, and nothing that comes later brings the person back (docs/privacy.md). */

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});
afterEach(() => db.close());

const alice = { customer: 'cus_alice', user: 'user_alice', subscription: 'sub_alice' };
const bob = { customer: 'cus_bob', user: 'user_bob', subscription: 'sub_bob' };
type Person = typeof alice;

/** Signed up, paid, cancelled: every kind of row that names somebody. */
const life = ({ customer: cus, user, subscription: sub }: Person): object[] => [
  event(`evt_${sub}_1`, 'customer.created', 100, customer({ id: cus, metadata: { user_id: user } })),
  event(
    `evt_${sub}_2`,
    'checkout.session.completed',
    101,
    checkout({ id: `cs_${sub}`, customer: cus, subscription: sub, client_reference_id: user }),
  ),
  event(
    `evt_${sub}_3`,
    'checkout.session.expired',
    99,
    checkout({ id: `cs_alone_${sub}`, customer: null, subscription: null, client_reference_id: user }),
  ),
  subscriptionEvent(`evt_${sub}_4`, 'created', 102, { id: sub, customer: cus, metadata: { user_id: user } }),
  event(
    `evt_${sub}_5`,
    'invoice.payment_failed',
    103,
    invoice({
      id: `in_${sub}`,
      customer: cus,
      status: 'open',
      attempt_count: 1,
      parent: { subscription_details: { subscription: sub } },
    }),
  ),
  event(
    `evt_${sub}_9`,
    'subscription_schedule.updated',
    104,
    schedule({ id: `sub_sched_${sub}`, customer: cus, subscription: sub }),
  ),
  event(`evt_${sub}_6`, 'charge.succeeded', 104, charge({ id: `ch_${sub}`, customer: cus })),
  subscriptionEvent(`evt_${sub}_7`, 'deleted', 200, {
    id: sub,
    customer: cus,
    status: 'canceled',
    metadata: { user_id: user },
  }),
  event(`evt_${sub}_8`, 'customer.deleted', 201, customer({ id: cus, metadata: { user_id: user } })),
];

const arrive = (stripeEvent: object, more: object = {}) =>
  processEvent(testProcessor(db.writer), envelope(stripeEvent, more));
const live = async (person: Person) => {
  for (const one of life(person)) await arrive(one);
};
const erase = async (of = alice.customer): Promise<Record<string, number>> =>
  (await db.admin.query('select billing.erase_person($1) as it', [of])).rows[0].it;
const naming = async ({ customer: cus, user }: Person): Promise<Record<string, number>> =>
  (await db.admin.query('select billing.rows_naming($1, $2) as it', [cus, [user]])).rows[0].it;
const personOf = async (of = alice.customer) =>
  (await db.admin.query('select billing.person_of($1) as it', [of])).rows[0].it;
const money = async () => ({
  revenue: (await db.admin.query('select * from billing.revenue_daily order by 1, 2, 3')).rows,
  movements: (await db.admin.query('select * from billing.mrr_movements order by 1, 2, 3')).rows,
  payments: (await db.admin.query('select payment_id, status, amount_minor from billing.payments order by 1')).rows,
});
const everyRow = async () => {
  const tables = [
    'customers',
    'checkouts',
    'subscriptions',
    'schedules',
    'subscription_history',
    'invoices',
    'payments',
  ];
  return Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => [
        table,
        (await db.admin.query(`select to_jsonb(it) as row from billing.${table} as it order by to_jsonb(it)::text`))
          .rows,
      ]),
    ),
  );
};

it('takes the person out of every table, and leaves the money and everybody else', async () => {
  await live(alice);
  await live(bob);
  const [before, bobs] = [await money(), await naming(bob)];
  expect(Object.keys(await naming(alice)).sort()).toEqual([
    'checkouts',
    'customers',
    'events',
    'invoices',
    'payments',
    'plan_events',
    'schedules',
    'subscription_history',
    'subscriptions',
    'user_plans',
  ]);
  expect(await erase()).toEqual({
    checkouts: 2,
    customers: 1,
    events: 8,
    invoices: 1,
    payments: 1,
    plan_events: 5,
    schedules: 1,
    subscription_history: 2,
    subscriptions: 1,
    user_plans: 1,
  });
  expect(await naming(alice)).toEqual({});
  expect(await naming(bob)).toEqual(bobs);
  expect(await money()).toEqual(before);
});

it('is done once: a second time finds nothing, and still knows which objects were theirs', async () => {
  await live(alice);
  const { object_ids, pseudonym } = await personOf();
  expect(object_ids).toEqual([
    'ch_sub_alice',
    'cs_alone_sub_alice',
    'cs_sub_alice',
    'in_sub_alice',
    'pi_1',
    'sub_alice',
    'sub_sched_sub_alice',
  ]);
  await erase();
  expect(await erase()).toEqual({});
  expect(await personOf()).toMatchObject({
    pseudonym,
    users: [],
    object_ids: object_ids.filter((id: string) => !id.includes('alone')),
  });
});

it.each(['webhook', 'replay'])(
  'nothing that comes later brings the person back: every event again, as %s',
  async (how) => {
    await live(alice);
    await erase();
    const before = { rows: await everyRow(), money: await money() };
    if (how === 'webhook') await db.admin.query('delete from billing.events');
    for (const one of life(alice)) await arrive(one, how === 'replay' ? { 'replay-name': 'again' } : {});
    expect(await naming(alice)).toEqual({});
    expect({ rows: await everyRow(), money: await money() }).toEqual(before);
  },
);

it('goes on with what comes later of an erased customer, without the person and without notifying anybody', async () => {
  await live(alice);
  await erase();
  await arrive(event('evt_late', 'charge.succeeded', 300, charge({ id: 'ch_late', customer: alice.customer })));
  await arrive(
    event('evt_back', 'customer.updated', 301, customer({ id: alice.customer, metadata: { user_id: alice.user } })),
  );
  await arrive(
    subscriptionEvent('evt_new', 'created', 302, {
      id: 'sub_new',
      customer: alice.customer,
      metadata: { user_id: alice.user },
    }),
  );
  expect(await naming(alice)).toEqual({});
  const { pseudonym } = await personOf();
  expect((await db.admin.query(`select customer_id from billing.payments where payment_id = 'ch_late'`)).rows).toEqual([
    { customer_id: pseudonym },
  ]);
  expect((await db.admin.query('select * from billing.plan_events')).rows).toEqual([]);
});

it('what Stripe answers to a question that was asked before is kept without the person, too', async () => {
  await live(alice);
  await erase();
  const update = (id: string, more: object = {}) =>
    subscriptionEvent(id, 'updated', 400, {
      id: 'sub_asked',
      customer: alice.customer,
      metadata: { user_id: alice.user },
      ...more,
    });
  await arrive(update('evt_one'));
  const { data } = update('evt_answer', { quantity: 3 }) as { data: { object: object } };
  const processor = testProcessor(db.writer, { stripe: { subscription: async () => data.object as never } });
  expect(await processEvent(processor, envelope(update('evt_two', { quantity: 2 })))).toMatchObject({
    outcome: 'refetched',
  });
  expect(await naming(alice)).toEqual({});
});

it('the clock makes no new row for a user who was erased while its message waited', async () => {
  await live(alice);
  await erase();
  const told = {
    id: 'clock_1',
    type: 'clock.due',
    created: 400,
    livemode: false,
    api_version: null,
    arrived_at: '2026-11-20T10:00:00Z',
    replay_name: null,
    origin: 'clock',
    worker: 'billing',
  };
  const { rows } = await db.writer.query('select billing.apply_events($1) as it', [
    JSON.stringify([{ event: told, fact: { kind: 'due', user_id: alice.user }, fetched: null }]),
  ]);
  expect(rows[0].it[0]).toMatchObject({ outcome: 'ignored' });
  expect(await naming(alice)).toEqual({});
});

it('refuses while a subscription runs: its payer would pay for what nobody can use', async () => {
  for (const one of life(alice).slice(0, 4)) await arrive(one);
  await expect(erase()).rejects.toMatchObject({ code: '55000', message: expect.stringContaining('sub_alice') });
  expect(await naming(alice)).not.toEqual({});
});

it('leaves a user who has another customer their plan', async () => {
  await live(alice);
  const second = { ...alice, customer: 'cus_second', subscription: 'sub_second' };
  for (const one of life(second).slice(0, 4)) await arrive(one);
  expect(await personOf()).toMatchObject({ users: ['user_alice'], shared_users: ['user_alice'] });
  await erase();
  expect(Object.keys(await naming({ ...alice, user: 'nobody' }))).toEqual([]);
  const { rows } = await db.admin.query(
    `select state ->> 'subscription_id' as best from billing.user_plans where user_id = 'user_alice'`,
  );
  expect(rows).toEqual([{ best: 'sub_second' }]);
});

it('waits for batches under way, and those that waited for it see the mark', async () => {
  await live(alice);
  const handler = await db.writer.connect();
  await handler.query('begin');
  await handler.query(`select billing.apply_events('[]')`);
  const erasing = erase();
  const late = arrive(
    event('evt_race', 'customer.updated', 500, customer({ id: alice.customer, metadata: { user_id: alice.user } })),
  );
  await handler.query('commit');
  handler.release();
  await Promise.all([erasing, late]);
  expect(await naming(alice)).toEqual({});
});

it('the comparison with Stripe takes for no difference what was taken out on purpose', async () => {
  await live(alice);
  await live(bob);
  await erase();
  const store = reconcileStore(db.writer);
  const stripe = { one: async () => ({ items: [], asOf: 0, more: false }) as never };
  const theirs = {
    customer: customer({ id: alice.customer, deleted: true, metadata: { user_id: alice.user } }),
    checkout: checkout({
      id: 'cs_alone_sub_alice',
      customer: null,
      subscription: null,
      client_reference_id: alice.user,
      status: 'expired',
    }),
    charge: charge({ id: 'ch_sub_alice', customer: alice.customer }),
  };
  for (const [kind, object] of Object.entries(theirs) as ['customer' | 'checkout' | 'charge', never][]) {
    expect(readFetched(kind, object, catalogue)).not.toBeNull();
    const { findings, compared } = await compareObjects(
      { store, stripe, catalogue, livemode: false, moving: new Set() },
      kind,
      {
        items: [object],
        asOf: 600,
      },
    );
    expect({ kind, compared, findings }).toEqual({ kind, compared: 1, findings: [] });
  }
});

it('whoever compares an erased customer with Stripe finds the rows, without the person', async () => {
  await live(alice);
  await live(bob);
  await erase();
  const { held } = await planStore(db.writer).compare({
    event_ids: [],
    subscription_ids: [],
    customer_ids: ['cus_alice'],
  });
  expect(held).toEqual([
    expect.objectContaining({
      subscription_id: 'sub_alice',
      customer_id: expect.stringMatching(/^erased_/),
      user_id: null,
      metadata_user_id: null,
    }),
  ]);
});

it('is for the owner of the schema', async () => {
  for (const call of [`erase_person('cus_alice')`, `person_of('cus_alice')`, `rows_naming('cus_alice', '{}')`])
    await expect(db.writer.query(`select billing.${call}`)).rejects.toThrow(/permission denied/);
});
