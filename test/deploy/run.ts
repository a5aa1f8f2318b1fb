import { startDeployment } from './deployment.ts';
import { ministackVersion } from './emulator.ts';
import { limits } from './emulator-limits.ts';
import { story } from './story.ts';
import { Transcripts } from './transcripts.ts';

/**
 * `npm run test:deploy`: deploys the stack with the real CDK CLI into an AWS emulator, sends it events, and runs the verbs against it.
 *
 * `--write-docs` puts what the verbs printed into docs/operations.md. Ends with 0 when all went as told, 1 otherwise.
 */
const startedAt = Date.now();
const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
const transcripts = new Transcripts();

console.log(
  `Deploying into MiniStack ${ministackVersion}, with Postgres and a server of Stripe's shape, all on this machine`,
);
const deployment = await startDeployment();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void deployment.stop().finally(() => process.exit(130)));
try {
  await story(
    deployment,
    async (sentence, work) => {
      process.stdout.write(`  ${sentence} …`);
      const result = await work();
      process.stdout.write(` done at ${seconds()}\n`);
      return result;
    },
    transcripts.keep,
  );
  console.log('\nTaken out of the template, since the emulator cannot create it (test/deploy/emulator-limits.ts):');
  for (const [why, taken] of Map.groupBy(deployment.limits(), ({ why }) => why as keyof typeof limits)) {
    console.log(`  ${taken.length} × ${limits[why]}`);
    for (const { id } of taken) console.log(`      ${id}`);
  }
  console.log(
    "Not seen here: rules' dead-letter queues and retries, and a replay's filter of rules, which the emulator does not model.",
  );
  if (process.argv.includes('--write-docs')) transcripts.write(deployment);
  console.log(`\nPassed in ${seconds()}`);
} catch (error) {
  console.error(`\n\n${(error as Error).stack}\n\nMiniStack's log: ${deployment.emulator.logFile}`);
  process.exitCode = 1;
} finally {
  await deployment.stop();
}
