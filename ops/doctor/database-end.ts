import { TLSSocket } from 'node:tls';
import type pg from 'pg';
import { handlersFunctions } from '../../adapters/postgres/plan-store.ts';
import type { Ops } from '../cli/ops.ts';
import { toUserError } from '../cli/user-error.ts';
import { planMigrate } from '../migrate/migrate.ts';
import { lookAtSecrets } from '../secrets/secrets.ts';
import { type Check, notChecked, ok, some, wrong } from './check.ts';

/** The secret, and the database behind it. `ownerUrl`: who may read which migrations are applied; without it that is not checked. */
export async function checkDatabase(ops: Ops, ownerUrl: string | undefined): Promise<Check[]> {
  const { found } = await lookAtSecrets(ops);
  const filled =
    found.length === 0
      ? ok('secret', 'The secret is filled, and its values look right.')
      : wrong('secret', found.join('; '), `\`${ops.lines.verb('secrets --apply')}\` asks for each value.`);
  const checks = [filled, ...(await checkConnection(ops))];
  return [...checks, await checkMigrations(ops, ownerUrl)];
}

async function checkConnection(ops: Ops): Promise<Check[]> {
  let pool: pg.Pool | undefined;
  try {
    pool = await ops.database();
    const client = await pool.connect();
    try {
      const schema = await checkSchema(ops, client);
      return [
        ok('database', secured(client)),
        schema,
        ...(schema.verdict === 'ok' ? [await checkRole(ops, client)] : []),
      ];
    } finally {
      client.release();
    }
  } catch (error) {
    const fix = `Check DATABASE_URL (\`${ops.lines.verb('secrets')}\`), that the database is up and open to this machine, and its authority: --database-ca.`;
    return [
      wrong(
        'database',
        `Postgres cannot be reached: ${toUserError(error, ops.lines)?.message ?? (error as Error).message}`,
        fix,
      ),
    ];
  } finally {
    await pool?.end();
  }
}

/** `pg` refuses a certificate that does not verify, so a connection over TLS is a verified one. */
function secured(client: pg.PoolClient): string {
  const { stream } = (client as unknown as { connection: { stream: unknown } }).connection;
  return stream instanceof TLSSocket
    ? `Postgres answers over verified TLS (${stream.getProtocol()}).`
    : 'Postgres answers on loopback, without TLS.';
}

/** Whether what the handlers call is there; the catalogue of Postgres tells anyone. */
async function checkSchema(ops: Ops, client: pg.PoolClient): Promise<Check> {
  const { rows } = await client.query<{ wanted: string }>(
    `select wanted from unnest($1::text[]) as wanted
     where not exists (select from pg_proc where pronamespace = to_regnamespace('billing') and proname = wanted)`,
    [handlersFunctions],
  );
  if (rows.length === 0) return ok('database.schema', 'The functions that the handlers call are there.');
  return wrong(
    'database.schema',
    `Not there: ${rows.map(({ wanted }) => `billing.${wanted}`).join(', ')}. A migration is missing.`,
    `\`${ops.lines.verb('migrate --apply')}\`, as the owner (MIGRATION_DATABASE_URL).`,
  );
}

/** What the handlers' role may do besides applying events; the catalogue of Postgres tells anyone. */
async function checkRole(ops: Ops, client: pg.PoolClient): Promise<Check> {
  const { rows } = await client.query<{ excess: string }>(
    `
    select 'is a superuser' as excess from pg_roles where rolname = current_user and rolsuper
    union all select 'may bypass row-level security' from pg_roles where rolname = current_user and rolbypassrls
    union all select 'may create roles or databases' from pg_roles where rolname = current_user and (rolcreaterole or rolcreatedb)
    union all select 'is a member of ' || string_agg(roleid::regrole::text, ', ') from pg_auth_members where member = current_user::regrole having count(*) > 0
    union all select 'may use the table ' || oid::regclass from pg_class
      where relnamespace = 'billing'::regnamespace and relkind in ('r', 'v', 'm', 'p')
      and has_table_privilege(oid, 'select, insert, update, delete, truncate')
    union all select 'may execute ' || oid::regprocedure from pg_proc
      where pronamespace = 'billing'::regnamespace and proname <> all ($1) and has_function_privilege(oid, 'execute')
    union all select 'may not execute billing.' || wanted from unnest($1::text[]) as wanted where not exists (
      select from pg_proc where pronamespace = 'billing'::regnamespace and proname = wanted and has_function_privilege(oid, 'execute'))`,
    [handlersFunctions],
  );
  const excess = rows.map((row) => row.excess);
  if (excess.length === 0) return ok('database.role', "The handlers' role may apply events, and nothing else.");
  return wrong(
    'database.role',
    `The handlers' role ${some(excess, 3)}.`,
    `Connect as stripe_writer; \`${ops.lines.verb('migrate')}\` shows whether its migration is missing, which grants no more.`,
  );
}

async function checkMigrations(ops: Ops, ownerUrl: string | undefined): Promise<Check> {
  if (!ownerUrl) {
    return notChecked(
      'database.migrations',
      "Whether the migrations are current: the handlers' role may not see that.",
      'Set MIGRATION_DATABASE_URL (the owner, session connection) to have it checked.',
    );
  }
  try {
    const { plan } = await planMigrate(ownerUrl, ops.databaseCa);
    if (plan.pending.length > 0)
      return wrong(
        'database.migrations',
        `Not applied: ${some(plan.pending)}.`,
        `\`${ops.lines.verb('migrate --apply')}\`, before the functions that need them are deployed.`,
      );
    if (plan.unknown.length > 0)
      return wrong(
        'database.migrations',
        `The database has ${some(plan.unknown)}, which this checkout lacks.`,
        'Check out what was migrated last.',
      );
    return ok('database.migrations', `All ${plan.applied.length} migrations are applied.`);
  } catch (error) {
    const refusal = toUserError(error, ops.lines);
    return wrong(
      'database.migrations',
      `Cannot be read: ${refusal?.message ?? (error as Error).message}`,
      refusal?.fix ?? 'Check MIGRATION_DATABASE_URL.',
    );
  }
}
