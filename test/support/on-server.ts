import pg from 'pg';

/** Runs one statement on a connection of its own, as `create database` needs. */
export async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
