import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { applyMigrations, migrationsFolder, readMigrations } from '../../adapters/postgres/migrations.ts';
import { processEvent } from '../../pipeline/process-event.ts';
import { envelope, testProcessor } from '../support/event-processor.ts';
import { subscriptionEvent } from '../support/stripe-samples.ts';

/**
 * SHA-256 of every migration that has landed. Somebody's database holds it as it is here: a correction is a new file, which is added
 * below as it lands (CONTRIBUTING.md, "A migration").
 */
const frozen: Record<string, string> = {
  '20261121000100_tables.sql': '1c88e30e7e39c6cc3087aa49bbc2f2d5914666cbbe044298c07e6cee05c7db16',
  '20261121000200_order_rule.sql': '0ebd78e17c8112cd7ed5d887cb98101067b5b1c9971b994d7bcb4fce80728644',
  '20261121000300_plan_state.sql': '9065a010a0a2217d1c862a507906c42add1886848dca751866a3e9e739a4781b',
  '20261121000400_apply_events.sql': '209a724087466ca129f6ae82af5c9e6cab08c8f712243fd1daea9ce92b8bcb49',
  '20261121000500_views.sql': 'a67949f86474a713d94cebb6776224891c99c1cee00b93b95f04f695278e9eec',
  '20261121000600_access.sql': '48ac0f6f0b1d24007c534e52187f98d02999b96854447310e96dedc364487784',
  '20261121000700_reconcile.sql': '8ccfe5a190562d8aa87b023331db8f0f2dea8eedad7cb82be6362c66cdea94a7',
  '20261121000800_stories.sql': '788fd5121f345c60a20d6189e2ccdf49eb1f9a7a48bef317c3e86fd65e74f67c',
  '20261121000900_erasure.sql': '8fc458730d4d70df26328b6fd062fe429b4c8250a804e9bbc1373056571d28ba',
  '20261121001000_ledger_retention.sql': 'b95b3bf9c4b1adabd5377c2a572c6013654f68881a387c49c9d5d36012ffdd8a',
  '20261121001100_schedules.sql': 'c9cbfcdf09f3f035f2c5e991bacd6f63f13c3cc04de7c4b0579b16eb64771131',
  '20261121001400_purchases.sql': '2252a25c0770fd8c3f5bc60f34f91b92b7eca1f8daf6221817aa96556ac45066',
  '20261121001500_fewer_statements.sql': 'f175a57452b005c706716f02f5130267063225bedc46035869823bb121ae32aa',
  '20261121001600_not_as_derived.sql': '4197674abb1ac2df20dc2b7fb28e482f9bae75931bd5bd7456bf0563ac6b3b6a',
  '20261121001700_purchase_locks.sql': '864df198ef0dfb50dce7795372f8ae6b5fa85bafcf50ba061e77afa141f069d5',
  '20261121001800_ended_rows.sql': 'cc13d16520014a34a255e41b24b615b3c853a76e510fd7eb346733bf02fef50e',
  '20261121001900_erasures_unplanned.sql': '023f3276f113f6294149bece300a19e8eedf0d05360e4786480d69cce0fbdcac',
  '20261121002000_purchases_without_user.sql': 'ac9f42731ed6e5d2a4dad437c54db3c3705a27e2043034856a898708c044eb92',
  '20261121002100_compare_as_json.sql': '7fece211a31077143952b28cef681f794d9997def083e3656f8204bdb12ca127',
};

/** The first version: what comes after it is an upgrade of databases that hold customers. */
const FIRST_VERSION = '20261121000700';

const migrations = readMigrations();
const fileOf = ({ version, name }: { version: string; name: string }) => `${version}_${name}.sql`;
const upgrades = migrations.filter(({ version }) => version > FIRST_VERSION);

it('leaves every migration as it landed', () => {
  const now = migrations.map((migration) => [
    fileOf(migration),
    createHash('sha256').update(migration.sql).digest('hex'),
  ]);
  expect(Object.fromEntries(now)).toEqual(frozen);
});

it.each(upgrades)('$version $name upgrades a database with customers in it, and changes no plan', async (upgrade) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  const server = process.env.TEST_POSTGRES_URL!;
  const name = `upgrade_${upgrade.version}_${process.pid}`;
  const url = server.replace(/postgres$/, name);
  const admin = new pg.Pool({ connectionString: server, max: 1 });
  const copy = (from: string, to: string) => {
    for (const migration of migrations.filter(({ version }) => version >= from && version <= to))
      copyFileSync(join(migrationsFolder, fileOf(migration)), join(folder, fileOf(migration)));
  };
  await admin.query(`create database ${name}`);
  const [owner, writer] = [url, url.replace('postgres@', 'stripe_writer@')].map(
    (connectionString) => new pg.Pool({ connectionString, max: 4 }),
  ) as [pg.Pool, pg.Pool];
  // Those that idle when the database is dropped.
  for (const pool of [owner, writer]) pool.on('error', () => {});
  const migrate = async () => {
    const client = await owner.connect();
    try {
      return await applyMigrations(client, folder);
    } finally {
      client.release();
    }
  };
  const apply = (stripeEvent: object) => processEvent(testProcessor(writer), envelope(stripeEvent));
  const plans = async () => (await owner.query('select * from billing.plan_states order by user_id')).rows;
  try {
    await owner.query(readFileSync(join(import.meta.dirname, '../../supabase/local-shim.sql'), 'utf8'));
    const before = migrations[migrations.findIndex(({ version }) => version === upgrade.version) - 1]!;
    copy(migrations[0]!.version, before.version);
    await migrate();
    const at = 1_790_000_000;
    await apply(subscriptionEvent('evt_1', 'updated', at, { id: 'sub_1', customer: 'cus_1' }));
    await apply(subscriptionEvent('evt_2', 'updated', at, { id: 'sub_2', customer: 'cus_2', status: 'past_due' }));
    const held = await plans();
    expect(held).toHaveLength(2);

    copy(upgrade.version, upgrade.version);
    expect(await migrate()).toHaveLength(1);
    // Columns that it adds are no change.
    expect(await plans()).toMatchObject(held);
    expect(await apply(subscriptionEvent('evt_1', 'updated', at, { id: 'sub_1', customer: 'cus_1' }))).toMatchObject({
      outcome: 'duplicate',
    });
    expect(
      await apply(subscriptionEvent('evt_3', 'updated', at + 60, { id: 'sub_2', customer: 'cus_2', quantity: 3 })),
    ).toMatchObject({ outcome: 'applied' });
    expect(await plans()).toMatchObject([{}, { quantity: 3 }]);
    // What the apps saw is still what they are held to have seen: nobody is notified of what did not change.
    const notified = async () =>
      (await owner.query('select count(*)::integer as n from billing.plan_events')).rows[0].n;
    const soFar = await notified();
    await apply(subscriptionEvent('evt_4', 'updated', at + 120, { id: 'sub_1', customer: 'cus_1' }));
    expect(await notified()).toBe(soFar);
  } finally {
    await Promise.all([owner.end(), writer.end()]);
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
    rmSync(folder, { recursive: true });
  }
});
