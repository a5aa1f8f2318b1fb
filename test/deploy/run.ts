import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { subscriptionEvent } from '../support/stripe-samples.ts';
import { tryCutOver } from './cut-over.ts';
import { type Deployment, startDeployment, target } from './deployment.ts';
import { tryDrift } from './drift.ts';
import { ministackVersion } from './emulator.ts';
import { limits } from './emulator-limits.ts';
import { typePages, untyped } from './page-commands.ts';
import { deployProd, tryAdopting, tryKeyAndSecret } from './prod.ts';
import { outputsOf, tryRecipes } from './recipes.ts';
import { tryRestoring } from './restore.ts';
import { type Step, story } from './story.ts';
import { takeAway } from './take-away.ts';
import { Transcripts } from './transcripts.ts';

/**
 * `npm run test:deploy`: deploys the stack with the real CDK CLI into an AWS emulator, sends it events, and runs the verbs against it.
 *
 * In parts, each of which may be chosen by itself, without the story of the verbs: `--pages` types the command lines of the pages, `--prod` those
 * about a prod, `--recipes` plays the runbooks' incidents and recipes, `--end` takes the stack away. `--short` leaves out all of these but one
 * incident and the recipes: what `.ci/run` has time for. `--write-docs` puts what the verbs printed into docs/operations.md.
 * Ends with 0 when all went as told, 1 otherwise.
 */
const parts = ['pages', 'prod', 'recipes', 'end'] as const;
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
  const short = process.argv.includes('--short');
  const chosen = parts.filter((part) => process.argv.includes(`--${part}`));
  const plays = (part: (typeof parts)[number]) =>
    chosen.length > 0 ? chosen.includes(part) : part === 'recipes' || !short;
  if (chosen.length > 0) await step('deploys', () => deployOnly(deployment));
  else await story(deployment, step, transcripts.keep);
  if (process.argv.includes('--write-docs')) transcripts.write(deployment);
  const outputs = await outputsOf(deployment.shell);
  writeFileSync(join(deployment.folder, 'dev.yaml'), `stripeEventSourceName: ${outputs.StripeEventSourceName}\n`);
  if (plays('pages')) await typePages(deployment, outputs, step);
  if (plays('prod')) {
    await tryProd(deployment, step);
    // What drift.ts deploys again: the last synthesis was prod's.
    await deployment.cdk('synth', '--quiet');
  }
  if (plays('recipes')) {
    await tryDrift(deployment, outputs, step, { short });
    await tryRecipes(deployment, step);
  }
  if (plays('end')) await takeAway(deployment, step);
  if (parts.every(plays))
    assert.deepEqual(untyped(), [], 'every command line of the pages is typed, or it is said why not');
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

/** In this order: what a deleted stack kept is put back under its first source, and a cut-over ends with another. */
async function tryProd(deployment: Deployment, step: Step): Promise<void> {
  const prod = await deployProd(deployment, step);
  await tryKeyAndSecret(prod, step);
  await tryRestoring(prod, step);
  await tryAdopting(prod, await tryCutOver(prod, step), step);
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
