import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type pg from 'pg';
import { connectionOptions, connectPool, databaseError } from '../../adapters/postgres/pool.ts';
import type { PostgresServer } from '../../local/backends/postgres-server.ts';
import { startPostgres } from '../../local/backends/postgres-server.ts';
import { anotherAuthority, authority, serverCertificate, serverKey } from './tls-fixtures.ts';

/**
 * TLS to a real server that is not loopback by name: 127.0.0.2 (every Linux has it), through which Postgres is reached.
 */
let server: PostgresServer;
let proxy: Server;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
  const admin = connectPool(server.url, null, 1);
  const { rows } = await admin.query('show data_directory');
  for (const [file, pem] of [
    ['server.crt', serverCertificate],
    ['server.key', serverKey],
  ] as const) {
    // Written by the server itself, so that it is its own file with its own mode, whoever we are.
    await admin.query(
      `copy (select unnest(string_to_array('${pem.trim()}', E'\\n'))) to '${rows[0].data_directory}/${file}'`,
    );
  }
  chmodSync(`${rows[0].data_directory}/server.key`, 0o600);
  await admin.query('alter system set ssl = on');
  await admin.end();
  await server.stop();
  await server.start();
  proxy = createServer((socket) => {
    const upstream = connect(server.port, '127.0.0.1');
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.2');
  await once(proxy, 'listening');
  url = `postgres://postgres@127.0.0.2:${(proxy.address() as AddressInfo).port}/postgres`;
});
afterAll(async () => {
  proxy.close();
  await server.remove();
});

async function usesTls(databaseUrl: string, ca: string | null): Promise<boolean> {
  const pool: pg.Pool = connectPool(databaseUrl, ca, 1);
  try {
    return (await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows[0].ssl;
  } finally {
    await pool.end();
  }
}

it('trusts a server that the authority vouches for', async () => {
  expect(await usesTls(url, authority)).toBe(true);
});

it.each([
  ['another authority', anotherAuthority],
  ["Node's own list of authorities", null],
])('refuses a server that only a stranger vouches for (%s), and waits', async (_name, ca) => {
  const refused = await usesTls(url, ca).catch(databaseError);
  expect(refused).toMatchObject({ retry: 'later', message: expect.stringMatching(/certificate/) });
});

it('refuses a certificate of another name', async () => {
  const other = createServer((socket) => socket.pipe(connect(server.port, '127.0.0.1')).pipe(socket)).listen(
    0,
    '127.0.0.3',
  );
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(usesTls(`postgres://postgres@127.0.0.3:${port}/postgres`, authority)).rejects.toThrow(
    /127\.0\.0\.3.*is not in the cert/s,
  );
  other.close();
});

it.each(['sslmode=disable', 'sslmode=no-verify', 'sslmode=require', 'ssl=false'])(
  'lets nothing in the URL switch verification off (%s)',
  async (option) => {
    await expect(usesTls(`${url}?${option}`, anotherAuthority)).rejects.toThrow(/certificate/);
  },
);

it('speaks plain text to loopback only', () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]'])
    expect(connectionOptions(`postgres://u:p@${host}/db`, null).ssl).toBe(false);
  for (const host of ['db.example.com', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com']) {
    expect(connectionOptions(`postgres://u:p@${host}/db`, null).ssl).toEqual({ rejectUnauthorized: true });
  }
});

it('decodes what is encoded in the URL', () => {
  expect(
    connectionOptions('postgresql://stripe_writer.abc:p%40ss%2Fword@aws-0-eu.pooler.supabase.com:6543/postgres', null),
  ).toMatchObject({
    host: 'aws-0-eu.pooler.supabase.com',
    port: 6543,
    user: 'stripe_writer.abc',
    password: 'p@ss/word',
    database: 'postgres',
  });
});

it.each([undefined, '', 'not a url', 'https://example.com/db', 'postgres://host'])(
  'says how to repair a URL that is none (%s), without showing it',
  (databaseUrl) => {
    expect(() => connectionOptions(databaseUrl, null)).toThrow(/DATABASE_URL.*`ops secrets` sets it/);
    if (databaseUrl) expect(() => connectionOptions(databaseUrl, null)).not.toThrow(databaseUrl);
  },
);
