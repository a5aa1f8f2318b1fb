import { type Deployment, startDeployment, target } from './deployment.ts';
import { ministackVersion } from './emulator.ts';
import { limits } from './emulator-limits.ts';
import { tryRecipes } from './recipes.ts';
import { type Step, story } from './story.ts';
import { Transcripts } from './transcripts.ts';

/**
 * `npm run test:deploy`: deploys the stack with the real CDK CLI into an AWS emulator, sends it events, and runs the verbs against it.
 *
 * `--recipes` deploys and tries the runbooks' recipes, and leaves the verbs out. `--write-docs` puts what the verbs printed into docs/operations.md. Ends with 0 when all went as told, 1 otherwise.
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
  const step: Step = async (sentence, work) => {
    process.stdout.write(`  ${sentence} …`);
    const result = await work();
    process.stdout.write(` done at ${seconds()}\n`);
    return result;
  };
  if (process.argv.includes('--recipes')) await step('deploys', () => deployOnly(deployment));
  else await story(deployment, step, transcripts.keep);
  if (process.argv.includes('--write-docs')) transcripts.write(deployment);
  await tryRecipes(deployment, step);
  console.log('\nTaken out of the template, since the emulator cannot create it (test/deploy/emulator-limits.ts):');
  for (const [why, taken] of Map.groupBy(deployment.limits(), ({ why }) => why as keyof typeof limits)) {
    console.log(`  ${taken.length} × ${limits[why]}`);
    for (const { id } of taken) console.log(`      ${id}`);
  }
  console.log(
    "Not seen here: rules' dead-letter queues and retries, and a replay's filter of rules, which the emulator does not model.",
  );
  console.log(`\nPassed in ${seconds()}`);
} catch (error) {
  console.error(`\n\n${(error as Error).stack}\n\nMiniStack's log: ${deployment.emulator.logFile}`);
  process.exitCode = 1;
} finally {
  await deployment.stop();
}

async function deployOnly({ cdk }: Deployment): Promise<void> {
  const settings = ['--context', 'stripeEventSourceName=aws.partner/stripe.com/ed_test_61Recipes'];
  await cdk('bootstrap', target, ...settings);
  await cdk('deploy', '--require-approval', 'never', ...settings);
}
