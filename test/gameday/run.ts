import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { startDeployment } from '../deploy/deployment.ts';
import { type Fault, faults, schemaBehind, withPassword } from './faults.ts';
import { Game } from './game.ts';
import { play, type Round } from './play.ts';
import { writePages } from './write-pages.ts';

/**
 * `npm run gameday`: deploys into the AWS emulator, breaks something that it does not name, and lets you repair it; then judges.
 *
 * `--auto` plays itself. `--only rule-disabled,mapping-off` plays these (in a random order all the same). `--write-docs` writes what
 * happened into docs/runbooks/gameday.md and docs/gameday.md; faults that were not played keep what stands there. Ends with 0 when every fault was told, named, repaired and confirmed.
 */
const auto = process.argv.includes('--auto');
const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',');
const chosen = process.argv.includes('--only') ? faults.filter(({ id }) => only!.includes(id)) : faults;

const password = 'the-owner-of-a-gameday';
console.log('Deploying into the emulator, with Postgres and a server of Stripe’s shape, all on this machine');
const deployment = await startDeployment({ password, recordTrail: true, copied: true });
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void deployment.stop().finally(() => process.exit(130)));
const rounds: Round[] = [];
const failed: string[] = [];
try {
  await deployment.owner.query(`create role stripe_writer login password 'a-password-of-the-writer'`);
  const game = await Game.start(deployment, withPassword(deployment.writerUrl, 'a-password-of-the-writer'));
  for (const [index, fault] of [schemaBehind, ...shuffled(chosen)].entries()) {
    console.log(`\nRound ${index + 1} at ${new Date().toISOString()}`);
    try {
      const round = auto ? await play(game, fault) : await letPlay(game, fault);
      if (round) rounds.push(round);
      console.log(
        `  It was ${fault.id}. ${round ? `Told, named, repaired and confirmed in ${round.took_s} s, ${round.customers} customers right.` : ''}`,
      );
    } catch (error) {
      failed.push(fault.id);
      console.error(`  It was ${fault.id}, and: ${(error as Error).message}`);
      // What is not repaired would be blamed on the next fault.
      break;
    }
    if (auto && process.argv.includes('--write-docs')) writePages(rounds, deployment);
  }
} catch (error) {
  failed.push('the deployment');
  console.error((error as Error).stack);
} finally {
  await deployment.stop();
}
process.exitCode = failed.length > 0 ? 1 : 0;

/** A person plays: the tool breaks, waits, and judges. */
async function letPlay(game: Game, fault: Fault): Promise<null> {
  await fault.inject(game);
  await (fault.meanwhile?.(game) ?? game.customersGoOn());
  const exports = Object.entries({ ...deployment.variables, ...game.variables }).map(
    ([name, value]) => `export ${name}='${value}'`,
  );
  console.log(
    `  Something is wrong. In another terminal:\n    cd ${deployment.checkout}\n    ${exports.join('\n    ')}\n    npm run ops -- diagnose --env dev`,
  );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  await terminal.question('  Press Enter when it is repaired and `ops watch` has confirmed it. ');
  terminal.close();
  const { code, output } = await game.types('npm run ops -- watch --minutes 1 --env dev');
  console.log(code === 0 ? '  watch confirms.' : `  watch does not confirm:\n${output}`);
  console.log(`  ${await game.everyoneIsRight(60)} customers right.`);
  return null;
}

function shuffled(list: readonly Fault[]): Fault[] {
  const rest = [...list];
  const order: Fault[] = [];
  while (rest.length > 0) order.push(...rest.splice(randomInt(rest.length), 1));
  return order;
}
