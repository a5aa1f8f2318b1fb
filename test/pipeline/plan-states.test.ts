import pg from 'pg';
import { planStateReader } from '../../local/backends/plan-states.ts';
import { onServer } from '../support/on-server.ts';

/** A database with nothing in it but what `GET /state` reads, so that any row may stand there. */
let pool: pg.Pool;
const name = `plan_states_${process.pid}`;

beforeAll(async () => {
  await onServer(process.env.TEST_POSTGRES_URL!, `create database ${name}`);
  pool = new pg.Pool({ connectionString: process.env.TEST_POSTGRES_URL!.replace(/postgres$/, name) });
  // Those that idle when the database is dropped.
  pool.on('error', () => {});
  await pool.query(`create schema billing; create table billing.plan_states (
    user_id text, customer_id text, subscription_id text, plan_id text, tier text, status text, entitled boolean,
    current_period_end timestamptz, as_of timestamptz)`);
});

afterAll(async () => {
  await pool.end();
  await onServer(process.env.TEST_POSTGRES_URL!, `drop database ${name} with (force)`);
});

it.each([
  ['2026-11-21 09:00:00.5+00', '2026-11-21T09:00:00.500Z'],
  // Which no `Date` of JavaScript can hold: it ends in the year 275,760.
  ['280000-01-01 00:00:00+00', '280000-01-01T00:00:00.000Z'],
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
  [null, null],
])('reads a time of %s', async (stored, shown) => {
  await pool.query('truncate billing.plan_states');
  await pool.query(
    `insert into billing.plan_states (customer_id, status, entitled, as_of) values ('cus', 'active', true, $1)`,
    [stored],
  );
  const [row] = await planStateReader(pool).planStates();
  expect(row).toMatchObject({ customer_id: 'cus', current_period_end: null, as_of: shown });
});
