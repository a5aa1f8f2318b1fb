import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Help, Option } from 'commander';
import { environments } from '../../lib/names.ts';
import type { AddAction } from './arguments.ts';
import { type CommandContext, CommandRunner, type ExitCode } from './command-runner.ts';
import { goingLive } from './going-live.ts';
import { repairing } from './repairing.ts';
import { somethingWrong } from './something-wrong.ts';

/**
 * `ops <verb> …`: reads the arguments, runs the verb and answers the exit code.
 *
 * 0 done · 1 found something wrong · 2 wrong usage, or nothing could be looked at (no credentials, no region, no stack).
 */
export async function ops(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const addAction: AddAction = (command, verb, action) => {
    command.action(async () => {
      const options = command.optsWithGlobals() as never as Parameters<typeof action>[1];
      // Operands as commander parsed them: single ones, and lists for what may be given several times.
      exitCode = await action(
        new CommandRunner(context, verb, options),
        options,
        command.processedArgs.flat().filter((arg): arg is string => arg !== undefined),
      );
    });
  };
  const program = describe(context);
  goingLive(program, addAction);
  somethingWrong(program, addAction);
  repairing(program, addAction);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function describe({ terminal }: CommandContext): Command {
  const program = new Command('npm run ops --')
    .description(
      'Operates a deployed pipeline: goes live, finds out what is wrong, repairs.\nVerbs that change something show their plan, and do nothing without --apply.',
    )
    .usage('<verb> [options]')
    .addOption(new Option('--env <name>', 'which deployment').choices([...environments]).default('dev'))
    .option('--region <name>', "AWS region (else AWS_REGION, or the profile's)")
    .option('--app <name>', 'app name of the deployment', contextOf('appName') ?? 'huntaze')
    .option('--json', 'one JSON document instead of text', false)
    .addOption(
      new Option('--database-ca <pem file>', 'authority that Postgres must show').default(
        contextOf('databaseCaFile'),
        'databaseCaFile of cdk.json',
      ),
    )
    .helpCommand(false)
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
    .exitOverride()
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 found something wrong, 2 wrong usage or nothing to look at.
In prod, --apply asks you to type the environment's name, unless you add --yes.
Each verb explains itself: npm run ops -- <verb> --help. The book: docs/operations.md`,
    );
  return program;
}

/** What the deployment was given in cdk.json, so that nobody has to say it twice. */
function contextOf(name: 'appName' | 'databaseCaFile'): string | undefined {
  try {
    const { context = {} } = JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8')) as {
      context?: Record<string, unknown>;
    };
    const value = context[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    // Without cdk.json there is nothing to inherit.
    return undefined;
  }
}
