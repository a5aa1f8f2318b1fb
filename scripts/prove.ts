import { parseArgs } from 'node:util';
import { claims, describeEvidence } from '../test/properties/claims.ts';
import { scratchServer } from '../test/properties/scratch.ts';

/**
 * `npm run prove -- --runs N [--seed S] [--only order|races|…]`: holds every claim for as long as one likes, on a Postgres of its own.
 *
 * N runs of a claim of weight one; each run is one to four histories. Exit code 1 when a claim is broken, with the smallest history.
 */
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '300' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`--runs: got "${values.runs}", wanted a whole number of at least 1`);
  process.exit(2);
}

const server = await scratchServer();
try {
  const database = await server.open();
  for (const claim of claims.filter(({ short }) => values.only === undefined || short === values.only)) {
    const startedAt = Date.now();
    try {
      const evidence = await claim.hold(
        database,
        runs * claim.weight,
        values.seed === undefined ? undefined : Number(values.seed),
      );
      console.log(`held    ${describeEvidence(claim, evidence)}, ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`BROKEN  ${(error as Error).message}`);
    }
  }
  await database.close();
} finally {
  await server.remove();
}
