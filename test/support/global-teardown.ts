import type { PostgresServer } from '../../local/backends/postgres-server.ts';

export default async function globalTeardown(): Promise<void> {
  await (globalThis as { postgres?: PostgresServer }).postgres?.remove();
}
