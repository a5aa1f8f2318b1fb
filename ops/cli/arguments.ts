import { type Command, InvalidArgumentError } from 'commander';
import type { CommandRunner, CommonOptions, ExitCode } from './command-runner.ts';

/** Adds a verb's action: what it answers becomes the exit code. */
export type AddAction = <Rest extends object>(
  command: Command,
  verb: string,
  action: (runner: CommandRunner, options: Rest & CommonOptions, args: string[]) => Promise<ExitCode>,
) => void;

/** For verbs that change something. */
export const changing = (command: Command): Command =>
  command
    .option('--apply', 'do it; without this the plan is only shown', false)
    .option('--yes', 'do not ask in prod', false);

/** A whole number within bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`wanted a whole number from ${least} to ${most}.`);
    return value;
  };

/** ISO 8601, or a time ago such as `2h`. */
export const timeFrom =
  (now: () => Date) =>
  (text: string): Date => {
    const [, amount, unit] = /^(\d+)(min|h|d)$/.exec(text) ?? [];
    if (amount && unit)
      return new Date(now().getTime() - Number(amount) * { min: 60_000, h: 3_600_000, d: 86_400_000 }[unit]!);
    const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? new Date(text) : new Date(Number.NaN);
    if (Number.isNaN(time.getTime()))
      throw new InvalidArgumentError('wanted a time such as 2026-11-21T10:00:00Z, or 90min, 6h, 2d ago.');
    return time;
  };
