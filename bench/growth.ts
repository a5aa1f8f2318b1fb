import pg from 'pg';
import { workerOf } from '../core/event-routes.ts';
import type { PostgresServer } from '../local/backends/postgres-server.ts';
import { envelope } from '../test/support/event-processor.ts';
import { filledTables } from '../test/support/filled-tables.ts';
import { charge, customer, event, invoice, subscriptionEvent } from '../test/support/stripe-samples.ts';
import { systems } from './apply/systems.ts';
import type { BenchOptions } from './options.ts';
import { connected, createDatabase, migrate, processorMicros, startMeasuredPostgres } from './postgres.ts';
import { median, table } from './table.ts';

/** What is asked again and again, in a database with few rows and in one with many; one connection, in turns. */
const sizes = {
  quick: {
    few: { customers: 2_500, others: 2_500, events: 10_000, erasures: 1_000 },
    many: { customers: 50_000, others: 50_000, events: 200_000, erasures: 1_000 },
  },
  full: {
    few: { customers: 2_500, others: 2_500, events: 10_000, erasures: 1_000 },
    many: { customers: 1_000_000, others: 1_000_000, events: 5_000_000, erasures: 1_000 },
  },
};

/** Done once before it is measured, for the connection's sake. */
const WARM_UP = 10;

interface Task {
  name: string;
  run(n: number): Promise<unknown>;
}

/** `npm run bench -- growth` */
export async function growthPart({ quick }: BenchOptions): Promise<string> {
  const { few, many } = sizes[quick ? 'quick' : 'full'];
  const server = await startMeasuredPostgres(['jit=off']);
  try {
    const small = await tasksOf(server, 'few', few);
    const large = await tasksOf(server, 'many', many);
    const rows: (string | number)[][] = [];
    for (const [index, task] of small.tasks.entries()) {
      const other = large.tasks[index]!;
      const took = { small: [] as Taken[], large: [] as Taken[] };
      for (let n = 0; n < WARM_UP + (quick ? 30 : 200); n += 1) {
        const one = await taken(small.processes, () => task.run(n));
        const two = await taken(large.processes, () => other.run(n));
        if (n < WARM_UP) continue;
        took.small.push(one);
        took.large.push(two);
      }
      const of = (taken: readonly Taken[], what: keyof Taken) => median(taken.map((one) => one[what]));
      rows.push([
        task.name,
        of(took.small, 'processor'),
        of(took.large, 'processor'),
        of(took.large, 'processor') / of(took.small, 'processor'),
        of(took.small, 'wall'),
        of(took.large, 'wall'),
      ]);
    }
    await Promise.all([small.close(), large.close()]);
    const size = ({ customers, events }: typeof few) =>
      `${customers.toLocaleString('en-US')} customers, ${events.toLocaleString('en-US')} ledger rows`;
    return `Few: ${size(few)}. Many: ${size(many)}. Medians, in milliseconds.

${table(['', 'Postgres’ processor, few', 'many', 'many ÷ few', 'wall clock, few', 'many'], rows)}`;
  } finally {
    await server.remove();
  }
}

async function tasksOf(server: PostgresServer, name: string, size: typeof sizes.full.few) {
  const url = await createDatabase(server, name);
  await migrate(url);
  await connected(url, async (client) => {
    await client.query(filledTables(size));
    await client.query('vacuum analyze');
  });
  const system = await systems.ours(url, 1);
  const reader = new pg.Client(url);
  await reader.connect();
  let second = 1_795_000_000;
  const apply = (made: object) => {
    const { type } = made as { type: string };
    return system.apply({ worker: workerOf(type)!, body: envelope(made), event: made });
  };
  const someone = (n: number) => 1 + ((n * 7_919) % size.customers);
  const as = (role: string, sql: string) => async () => {
    await reader.query('begin');
    await reader.query(`set local role ${role}`);
    await reader.query(sql);
    await reader.query('rollback');
  };
  const of = (id: string, who: string, user: string) => ({ id, customer: who, metadata: { user_id: user } });
  await apply(event('evt_first', 'charge.succeeded', second, charge({ id: 'ch_first', customer: 'cus_1' })));
  const { rows: backends } = await reader.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`,
  );
  const hundred = (prefix: string) => `array(select '${prefix}' || 1 + n * 23 from generate_series(0, 99) as n)`;
  const tasks: Task[] = [
    {
      name: 'a renewed subscription',
      run: (n) =>
        apply(
          subscriptionEvent(`evt_s${second}`, 'updated', ++second, {
            ...of(`sub_${someone(n)}`, `cus_${someone(n)}`, `user_${someone(n)}`),
            periodEnd: second + 30 * 86_400,
          }),
        ),
    },
    {
      name: 'a charge',
      run: (n) =>
        apply(
          event(
            `evt_c${second}`,
            'charge.succeeded',
            ++second,
            charge({ id: `ch_x${second}`, customer: `cus_${someone(n)}` }),
          ),
        ),
    },
    {
      name: 'a paid invoice',
      run: (n) =>
        apply(
          event(
            `evt_i${second}`,
            'invoice.paid',
            ++second,
            invoice({ id: `in_x${second}`, customer: `cus_${someone(n)}`, status: 'paid' }),
          ),
        ),
    },
    {
      name: 'a charge of a customer with 10,000 subscriptions',
      run: () =>
        apply(
          event(`evt_hc${second}`, 'charge.succeeded', ++second, charge({ id: `ch_h${second}`, customer: 'cus_hot' })),
        ),
    },
    {
      name: 'a renewed subscription of that customer',
      run: (n) =>
        apply(
          subscriptionEvent(`evt_hs${second}`, 'updated', ++second, {
            ...of(`sub_hot_${1 + n}`, 'cus_hot', 'user_hot'),
            periodEnd: second + 30 * 86_400,
          }),
        ),
    },
    {
      name: 'a changed address of that customer',
      run: () =>
        apply(
          event(
            `evt_ha${second}`,
            'customer.updated',
            ++second,
            customer({ id: 'cus_hot', metadata: { user_id: 'user_hot' } }),
          ),
        ),
    },
    {
      name: '`billing.compare`, 100 subscriptions',
      run: as('stripe_writer', `select billing.compare(jsonb_build_object('subscription_ids', ${hundred('sub_')}))`),
    },
    {
      name: '`billing.compare`, 100 events',
      run: as('stripe_writer', `select billing.compare(jsonb_build_object('event_ids', ${hundred('evt_')}))`),
    },
    {
      name: '`billing.rows_of`, 100 invoices',
      run: as('stripe_writer', `select billing.rows_of('invoice', ${hundred('in_')}, 1790000100, 1790000150)`),
    },
    {
      name: '`plan_states where user_id = …`, service role',
      run: as('service_role', `select * from billing.plan_states where user_id = 'user_77'`),
    },
    {
      name: '`payment_history where user_id = …`, service role',
      run: as('service_role', `select * from billing.payment_history where user_id = 'user_77'`),
    },
    { name: '`trim_ledger`, nothing to delete', run: as('stripe_writer', 'select billing.trim_ledger(5000)') },
  ];
  return { tasks, processes: backends.map(({ pid }) => pid), close: () => Promise.all([system.close(), reader.end()]) };
}

interface Taken {
  wall: number;
  /** Of the server processes. */
  processor: number;
}

async function taken(processes: readonly number[], work: () => Promise<unknown>): Promise<Taken> {
  const used = () => processes.reduce((sum, pid) => sum + (processorMicros(pid) ?? Number.NaN), 0) / 1000;
  const [startedAt, before] = [performance.now(), used()];
  await work();
  return { wall: performance.now() - startedAt, processor: used() - before };
}
