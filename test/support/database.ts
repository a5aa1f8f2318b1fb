import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { parse } from 'yaml';
import { readPlanEventRegistry } from '../../core/plans/plan-event-registry.ts';
import { onServer } from './on-server.ts';

/** A database of a test's own, with every migration applied. */
export interface TestDatabase {
  adminUrl: string;
  /** Connects as `stripe_writer`, the role of the handlers. */
  writerUrl: string;
  admin: pg.Pool;
  writer: pg.Pool;
  close(): Promise<void>;
}

let count = 0;

const registry = readPlanEventRegistry(
  parse(readFileSync(join(import.meta.dirname, '../../config/plan-events.yaml'), 'utf8')),
);
if ('problems' in registry) throw new Error(registry.problems.join('\n'));
const { check } = registry;

/** Whatever a test was about: every plan event that it had written is of the shape that the apps were promised. */
async function checkPlanEvents(admin: pg.Pool): Promise<void> {
  const { rows } = await admin.query(
    `select to_jsonb(it) - array['sequence', 'subscription_id', 'source_event_id', 'replay_name', 'created_at'] as row from billing.plan_events as it`,
  );
  for (const { row } of rows) {
    const problems = check(row);
    if (problems.length > 0)
      throw new Error(`Not as config/plan-events.yaml says: ${problems.join('; ')}: ${JSON.stringify(row)}`);
  }
}

/** Clones the migrated template: about 50 ms. */
export async function freshDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('TEST_POSTGRES_URL is not set: test/support/global-setup.ts did not run.');
  const name = `test_${process.pid}_${++count}`;
  await onServer(server, `create database ${name} template template_billing`);
  const adminUrl = server.replace(/postgres$/, name);
  const writerUrl = adminUrl.replace('postgres@', 'stripe_writer@');
  const admin = new pg.Pool({ connectionString: adminUrl, max: 4 });
  const writer = new pg.Pool({ connectionString: writerUrl, max: 16 });
  // Idle connections die when a test stops the server or drops the database; the next query reports what matters.
  for (const pool of [admin, writer]) pool.on('error', () => {});
  return {
    adminUrl,
    writerUrl,
    admin,
    writer,
    async close() {
      try {
        await checkPlanEvents(admin);
      } finally {
        await Promise.all([admin.end(), writer.end()]);
        await onServer(server, `drop database if exists ${name} with (force)`);
      }
    },
  };
}
