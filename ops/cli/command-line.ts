import { Command, CommanderError, Help, Option } from 'commander';
import { environments } from '../../lib/names.ts';
import { backfill } from '../backfill/command.ts';
import { destination } from '../destination/command.ts';
import { diagnose } from '../diagnose/command.ts';
import { doctor } from '../doctor/command.ts';
import { erase } from '../erase/command.ts';
import { event } from '../event/command.ts';
import { link } from '../link/command.ts';
import { logs } from '../logs/command.ts';
import { migrate } from '../migrate/command.ts';
import { money } from '../money/command.ts';
import { pause } from '../pause/command.ts';
import { reconcile } from '../reconcile/command.ts';
import { redrive } from '../redrive/command.ts';
import { replay } from '../replay/command.ts';
import { resume } from '../resume/command.ts';
import { rollback } from '../rollback/command.ts';
import { secrets } from '../secrets/command.ts';
import { status } from '../status/command.ts';
import { sync } from '../sync/command.ts';
import { watch } from '../watch/command.ts';
import { why } from '../why/command.ts';
import { type CommandContext, CommandRunner, type ExitCode } from './command-runner.ts';
import { regionName } from './option-values.ts';
import type { Terminal } from './terminal.ts';
import { commandOf, type RunVerb, type Verb, type VerbGroup } from './verb.ts';

/** Every verb, under the moment it is for, in the order of `--help`. */
export const verbs: Readonly<Record<string, readonly (Verb | VerbGroup)[]>> = {
  'Going live:': [doctor, destination, secrets, migrate, backfill, link],
  'Something is wrong:': [diagnose, status, watch, logs, pause, resume, rollback, redrive],
  'Somebody asks:': [why, event, money, erase],
  'Repairing:': [replay, sync, reconcile],
};

/**
 * `ops <verb> …`: reads the arguments, runs the verb and answers the exit code.
 *
 * 0 done · 1 found something wrong · 2 wrong usage, or nothing could be looked at (no credentials, no region, no stack).
 */
export async function ops(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = describeProgram(context.terminal, async (verb, name, command) => {
    const options = command.optsWithGlobals() as never as Parameters<Verb['run']>[1];
    const operands = command.processedArgs.flat().filter((arg): arg is string => arg !== undefined);
    exitCode = await verb.run(new CommandRunner(context, name, options), options, operands);
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

/** The whole command line; `run` is called with the verb that was asked for. */
export function describeProgram(terminal: Pick<Terminal, 'out' | 'err'>, run: RunVerb): Command {
  const program = new Command('npm run ops --')
    .description(
      'Operates a deployed pipeline: goes live, finds out what is wrong, repairs.\nVerbs that change something show their plan, and do nothing without --apply.',
    )
    .usage('<verb> [options]')
    .addOption(new Option('--env <name>', 'which deployment').choices([...environments]).default('dev'))
    .option('--region <name>', "AWS region (else AWS_REGION, or the profile's)", regionName)
    .option('--app <name>', "app name of the deployment (else that of the environment's settings file)")
    .option('--json', 'one JSON document instead of text', false)
    .option(
      '--database-ca <pem file>',
      "authority that Postgres must show (else that of the environment's settings file)",
    )
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 found something wrong, 2 wrong usage or nothing to look at.
In prod, --apply asks you to type the environment's name, unless you add --yes.
Each verb explains itself: npm run ops -- <verb> --help. All of them at work: docs/operations.md`,
    );
  for (const [moment, group] of Object.entries(verbs))
    for (const verb of group) program.addCommand(commandOf(verb, run).helpGroup(moment));
  for (const command of everyCommand(program)) inOneVoice(command, terminal);
  return program;
}

/** A command, and all beneath it. */
export const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

/** Commander hands these down only to commands that it makes itself. */
function inOneVoice(command: Command, terminal: Pick<Terminal, 'out' | 'err'>): void {
  command
    .configureHelp({
      showGlobalOptions: true,
      // That a switch is off unless given needs no words.
      optionDescription: (option) => new Help().optionDescription(option).replace(/ \(default: (false|\[\])\)$/, ''),
    })
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .showHelpAfterError('Add --help to see what it takes.')
    .showSuggestionAfterError()
    .exitOverride();
}
