import { Command } from 'commander';
import type { CommandRunner, CommonOptions, ExitCode } from './command-runner.ts';

/** One verb: what `--help` says of it, what it takes, and what it does. Lives in `ops/<verb>/command.ts`. */
export interface Verb<Options extends object = object> {
  name: string;
  /** One line of `--help`. */
  description: string;
  /** It changes something: shows its plan, and does it only with --apply. */
  changes?: true;
  /** Adds its own options and operands. */
  takes?(command: Command): Command;
  /** Loads its own code, since `--help` must not wait for the AWS SDK. `operands`: as commander parsed them, lists flattened. */
  run(runner: CommandRunner, options: Options & CommonOptions, operands: string[]): Promise<ExitCode>;
}

/** Verbs of one thing: `destination create`. */
export interface VerbGroup {
  name: string;
  description: string;
  verbs: readonly Verb[];
  /** The one that runs when none is named; it only looks. */
  byDefault: string;
}

/** Runs a verb that commander has parsed. */
export type RunVerb = (verb: Verb, fullName: string, command: Command) => Promise<void>;

export const isGroup = (verb: Verb | VerbGroup): verb is VerbGroup => 'verbs' in verb;

/** The command of a verb, or of a group with those of its verbs. */
export function commandOf(verb: Verb | VerbGroup, run: RunVerb, before = ''): Command {
  const command = new Command(verb.name).description(verb.description).helpCommand(false);
  const fullName = `${before}${verb.name}`;
  if (isGroup(verb)) {
    for (const one of verb.verbs)
      command.addCommand(commandOf(one, run, `${fullName} `), { isDefault: one.name === verb.byDefault });
    return command;
  }
  if (verb.changes)
    command
      .option('--apply', 'do it; without this the plan is only shown', false)
      .option('--yes', 'do not ask in prod', false);
  verb.takes?.(command);
  return command.action(() => run(verb, fullName, command));
}
