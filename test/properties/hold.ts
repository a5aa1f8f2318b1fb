import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Claim, describeEvidence } from './claims.ts';
import { watchOver } from './watch.ts';

/**
 * Runs of a claim of weight one, and the seed: always the same one, so that a change is judged by its own doing.
 * `npm run prove -- --runs N` explores with a new seed each time; PROVE_SEED repeats a run that failed.
 */
const runs = Number(process.env.PROVE_RUNS ?? 50);
const seed = Number(process.env.PROVE_SEED ?? 20261121);

/** Makes a test of each claim, all over one database of their own. */
export function hold(...claims: readonly Claim[]): void {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    await watchOver(database);
  });
  afterAll(() => database.close());

  for (const claim of claims) {
    it(claim.name, async () => {
      const evidence = await claim.hold(database, runs * claim.weight, seed);
      process.stderr.write(`  ${describeEvidence(claim, evidence)}\n`);
    }, 1_200_000);
  }
}
