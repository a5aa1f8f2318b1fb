import { parseArgs } from 'node:util';
import { attack, describeFindings, isHarmed } from '../test/attack/attack.ts';
import { freshDatabase } from '../test/support/database.ts';
import startServer from '../test/support/global-setup.ts';
import stopServer from '../test/support/global-teardown.ts';

/**
 * `npm run attack -- --runs N [--seed S]`: N hostile messages against the deployed bundles, on a Postgres of its own (docs/security.md).
 *
 * Exit code 1 when one is stuck, crashes a function, leaks, disturbs a healthy neighbour, or is parked without a name; with examples.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '10000' }, seed: { type: 'string' } } });
const runs = Number(values.runs);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) {
  console.error(`--runs: got "${values.runs}", wanted a whole number of at least 1; --seed: a whole number`);
  process.exit(2);
}

const startedAt = Date.now();
await startServer();
try {
  const database = await freshDatabase();
  const findings = await attack(database.writerUrl, database.admin, runs, seed);
  console.log(describeFindings(findings));
  console.log(`seed ${seed}, ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
  for (const example of findings.examples) console.log(`\n${JSON.stringify(example)}`);
  if (isHarmed(findings)) process.exitCode = 1;
  await database.close();
} finally {
  await stopServer();
}
