import pg from 'pg';
import { connectionOptions } from '../../adapters/postgres/pool.ts';
import { Refusal } from '../cli/refusal.ts';

/** The pooler's transaction mode listens there: it keeps no session, so that neither a migration's lock nor a long statement would hold. */
const TRANSACTION_POOLER_PORT = 6543;

/**
 * Where the owner of the schema connects (Supabase: `postgres`, over a session connection); never the handlers' role.
 * @param verb what needs it: "Migrations need"
 * @throws {Refusal} when there is no URL, none that can be used, or one of the transaction pooler; the text shows no part of it.
 */
export function ownerOptions(databaseUrl: string | undefined, ca: string | null, verb: string): pg.ClientConfig {
  if (!databaseUrl) {
    throw new Refusal(
      'no_database_url',
      `Whose database? ${verb} the owner of the schema, whose password the pipeline does not hold.`,
      'Set MIGRATION_DATABASE_URL=postgres://postgres:<password>@<host>:5432/postgres, or pass --database-url. Supabase’s direct host is IPv6 only; its session pooler is not.',
    );
  }
  const options = parsed(databaseUrl, ca);
  if (options.port === TRANSACTION_POOLER_PORT) {
    throw new Refusal(
      'transaction_pooler',
      'Port 6543 is the transaction pooler, on which a migration cannot keep its lock.',
      'Use the session connection: the same host with port 5432.',
    );
  }
  return options;
}

function parsed(databaseUrl: string, ca: string | null): pg.ClientConfig {
  try {
    return connectionOptions(databaseUrl, ca);
  } catch (cause) {
    throw new Refusal(
      'database_url_invalid',
      'MIGRATION_DATABASE_URL (or --database-url) is not a Postgres URL.',
      'Wanted: postgres://postgres:<password>@<host>:5432/postgres, with special characters of the password %-encoded.',
      { cause },
    );
  }
}

/** `host:port/database`, never the password. */
export const placeOf = ({ host, port, database }: pg.ClientConfig): string => `${host}:${port}/${database}`;

export async function asOwner<T>(options: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  // What the owner does may take as long as it takes; the handlers' limit is not for it.
  const { query_timeout: _handlers, ...rest } = options;
  const client = new pg.Client(rest);
  // Reported by the query that meets it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
