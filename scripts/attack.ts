import { parseArgs } from 'node:util';
import { attack, describeFindings, isHarmed } from '../test/attack/attack.ts';
import { attackPosts, describePosts, isPostHarmed } from '../test/attack/posts.ts';
import { freshDatabase } from '../test/support/database.ts';
import startServer from '../test/support/global-setup.ts';
import stopServer from '../test/support/global-teardown.ts';

/**
 * `npm run attack -- --runs N [--posts M] [--seed S]`: N hostile messages against the deployed bundles, on a Postgres of its own, then M
 * hostile posts against a local run, a tenth of N unless it is said (docs/security.md).
 *
 * Exit code 1 when one is stuck, crashes a function, leaks, disturbs a healthy neighbour, or is parked without a name; with examples.
 */
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10000' }, posts: { type: 'string' }, seed: { type: 'string' } },
});
const runs = Number(values.runs);
const posts = values.posts === undefined ? Math.ceil(runs / 10) : Number(values.posts);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(posts) || posts < 0 || !Number.isInteger(seed)) {
  console.error('--runs wants a whole number of at least 1, --posts one of at least 0, --seed any whole number');
  process.exit(2);
}

const startedAt = Date.now();
await startServer();
try {
  const database = await freshDatabase();
  const findings = await attack(database.writerUrl, database.admin, runs, seed);
  console.log(describeFindings(findings));
  const found = posts > 0 ? await attackPosts(posts, seed) : undefined;
  if (found) console.log(`\n${describePosts(found)}`);
  console.log(`seed ${seed}, ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
  for (const example of [...findings.examples, ...(found?.examples ?? [])]) console.log(`\n${JSON.stringify(example)}`);
  if (isHarmed(findings) || (found && isPostHarmed(found))) process.exitCode = 1;
  await database.close();
} finally {
  await stopServer();
}
