import pg from 'pg';
import { PipelineError } from '../../core/errors.ts';

const loopback = new Set(['127.0.0.1', '::1', '[::1]', 'localhost']);

/** A database on this very machine. */
export const isLoopback = (host: string): boolean => loopback.has(host);

/**
 * Connections to Postgres: TLS verified against `ca` (PEM; null = Node's own list of authorities), plain text only to loopback.
 *
 * The URL is taken apart by hand: `pg` lets a `sslmode` in a connection string override every TLS option given beside it.
 * Works through a transaction pooler: no session state, no named prepared statements.
 * @throws {PipelineError} `secret_not_set` when there is no URL, `database_url_invalid` when it cannot be one. Neither text shows the URL.
 */
export function connectPool(databaseUrl: string | undefined, ca: string | null, max: number): pg.Pool {
  const pool = new pg.Pool({ ...connectionOptions(databaseUrl, ca), max, idleTimeoutMillis: 60_000 });
  // An idle connection that dies is replaced by the next query, which reports what matters.
  pool.on('error', () => {});
  return pool;
}

/** @see connectPool */
export function connectionOptions(databaseUrl: string | undefined, ca: string | null): pg.ClientConfig {
  if (!databaseUrl) {
    throw new PipelineError('secret_not_set', 'later', 'DATABASE_URL is empty in the secret. `ops secrets` sets it.');
  }
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined;
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol) || !url.hostname || url.pathname.length < 2) {
    throw invalid();
  }
  const part = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid();
    }
  };
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 5432 : Number(url.port),
    user: part(url.username),
    password: part(url.password),
    database: part(url.pathname.slice(1)),
    ssl: isLoopback(url.hostname) ? false : { rejectUnauthorized: true, ...(ca === null ? {} : { ca }) },
    application_name: 'stripe-eventbridge',
    // Less than a function's 30 s, so that a hanging database is a `later` with a reason and not a timeout without one.
    connectionTimeoutMillis: 5_000,
    query_timeout: 12_000,
    keepAlive: true,
  };
}

const invalid = (): PipelineError =>
  new PipelineError(
    'database_url_invalid',
    'later',
    'DATABASE_URL in the secret is not a Postgres URL; wanted postgres://user:password@host:port/database. Special characters in the password are %-encoded. `ops secrets` sets it again.',
  );

/** A name that our SQL uses and the database lacks, or a right: a migration is missing, and every event fails until it is there. */
const migrationMissing = new Set(['3F000', '42501', '42703', '42704', '42883', '42P01', '42P02']);

/** The database refused who we say we are (the password was rotated, or is wrong), or the secret has nothing to say it with. */
export const isLoginRefused = (error: unknown): boolean =>
  ['28P01', '28000', 'secret_not_set', 'database_url_invalid'].includes(
    (error as { code?: string } | null)?.code ?? '',
  );

/**
 * What a database error means for the event: network, shutdown, overload, deadlocks and a missing migration heal (`later`); bad data, what is
 * too large for Postgres, and bugs never do.
 *
 * Unknown codes heal: an event that waits is found again, an event that was given up on needs a person.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function databaseError(cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const error = cause as Error & { code?: string };
  const sqlState = /^[0-9A-Z]{5}$/.test(error.code ?? '') ? error.code! : undefined;
  const behind = sqlState !== undefined && migrationMissing.has(sqlState);
  const never = sqlState !== undefined && !behind && (/^(22|23|42|54)/.test(sqlState) || sqlState === 'P0001');
  // The text of data errors can quote values; the class says enough.
  const text =
    never && !sqlState.startsWith('42') && sqlState !== 'P0001' && sqlState !== '22023'
      ? 'the database refused a value'
      : error.message;
  return new PipelineError(
    sqlState ? `database_${sqlState}` : 'database_unreachable',
    never ? 'never' : 'later',
    `Postgres: ${text}${sqlState ? ` (SQLSTATE ${sqlState})` : ''}${behind ? '. Is a migration missing? `ops migrate` says' : ''}`,
    { cause },
  );
}

/**
 * One pool for the life of a function instance; a new one when the secret's URL changed (a rotated password).
 * @throws as {@link connectPool}.
 */
export function poolKeeper(ca: string | null, max: number): (databaseUrl: string | undefined) => pg.Pool {
  let pool: pg.Pool | undefined;
  let poolUrl: string | undefined;
  return (databaseUrl) => {
    if (pool === undefined || poolUrl !== databaseUrl) {
      const replaced = pool;
      pool = connectPool(databaseUrl, ca, max);
      poolUrl = databaseUrl;
      // Ends once what is running on it is done.
      void replaced?.end();
    }
    return pool;
  };
}
