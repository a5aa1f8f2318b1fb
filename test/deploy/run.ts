import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { tryCutOver } from './cut-over.ts';
import { type Deployment, startDeployment, target } from './deployment.ts';
import { tryDrift } from './drift.ts';
import { ministackVersion } from './emulator.ts';
import { limits } from './emulator-limits.ts';
import { typePages } from './page-commands.ts';
import { outputsOf, tryRecipes } from './recipes.ts';
import { tryPuttingBack, tryRestoring } from './restore.ts';
import { type Step, story } from './story.ts';
import { Transcripts } from './transcripts.ts';

/**
 * `npm run test:deploy`: deploys the stack with the real CDK CLI into an AWS emulator, sends it events, and runs the verbs against it.
 *
 * `--short` leaves out the typed command lines of the pages, the cut-over and the stack beside a deleted one: what `.ci/run` has time for.
 * `--recipes` deploys and tries the runbooks' recipes, `--pages` types their command lines; both leave the story of the verbs out. `--write-docs` puts what the verbs printed into docs/operations.md. Ends with 0 when all went as told, 1 otherwise.
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
  const only = ['--recipes', '--pages'].find((flag) => process.argv.includes(flag));
  if (only) await step('deploys', () => deployOnly(deployment));
  else await story(deployment, step, transcripts.keep);
  if (process.argv.includes('--write-docs')) transcripts.write(deployment);
  const outputs = await outputsOf(deployment.shell);
  const source = outputs.StripeEventSourceName!;
  writeFileSync(join(deployment.folder, 'dev.yaml'), `stripeEventSourceName: ${source}\n`);
  const pages = only !== '--recipes' && !process.argv.includes('--short');
  if (pages) await typePages(deployment, outputs, step);
  if (pages) await tryRestoring(deployment, await tryCutOver(deployment, source, step), step);
  if (pages) await tryPuttingBack(deployment, step);
  // After the cut-over, not before it: the emulator forgets the rules of a bus that a recipe deletes.
  if (pages && only === undefined) await step('deploys as before the cut-over', () => deployAgain(deployment, source));
  if (only !== '--pages') {
    await tryDrift(deployment, outputs, step, { short: process.argv.includes('--short') });
    await tryRecipes(deployment, step);
  }
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

/** With the source that there was in the beginning, and in its place, whose names the recipes have. */
async function deployAgain({ folder, cdk }: Deployment, source: string): Promise<void> {
  writeFileSync(join(folder, 'dev.yaml'), `stripeEventSourceName: ${source}\n`);
  await cdk('deploy', '--require-approval', 'never');
}

/** As far as the README's five steps go, with one event. */
async function deployOnly({ cdk, typed, stripe, deliver }: Deployment): Promise<void> {
  const ops = async (words: string) => {
    const { code, output } = await typed(`npm run ops -- ${words} --env dev`);
    if (code !== 0) throw new Error(`${words} ended with ${code}:\n${output}`);
    return output;
  };
  const [, source] = /stripeEventSourceName: (\S+)/.exec(await ops('destination create --apply'))!;
  const settings = ['--context', `stripeEventSourceName=${source}`];
  await cdk('bootstrap', target, ...settings);
  await cdk('deploy', '--require-approval', 'never', ...settings);
  for (const { amazon_eventbridge } of stripe.destinations.values())
    amazon_eventbridge.aws_event_source_status = 'active';
  stripe.onPing = (ping) => deliver(source!, [ping]);
  await ops('migrate --apply');
  await ops('secrets --apply');
  await deliver(source!, [subscriptionEvent('evt_created', 'created', Math.floor(Date.now() / 1000) - 60)]);
}
