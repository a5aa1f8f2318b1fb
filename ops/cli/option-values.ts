import { Argument, InvalidArgumentError, Option } from 'commander';
import { type QueueFed, queueFed } from '../../core/workers.ts';
import { Refusal } from './refusal.ts';

/** A whole number within bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`wanted a whole number from ${least} to ${most}.`);
    return value;
  };

/** Refused here: the SDK would take any text for part of a host name. */
export function regionName(text: string): string {
  if (!/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/.test(text))
    throw new InvalidArgumentError('wanted an AWS region such as eu-central-1.');
  return text;
}

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

/** For verbs that work as the owner of the schema. */
export const ownerUrl = (): Option =>
  new Option('--database-url <url>', 'owner of the schema, over a session connection').env('MIGRATION_DATABASE_URL');

/** The operand of the verbs that stop and start workers. */
export const whichWorkers = () => new Argument('[workers...]', 'which; all when none is named').choices([...queueFed]);

export const chosenWorkers = (named: readonly string[]): readonly QueueFed[] =>
  named.length === 0 ? queueFed : queueFed.filter((worker) => named.includes(worker));

const prefixes: Readonly<Record<string, string>> = { customer: 'cus_', subscription: 'sub_' };

/**
 * Whom a verb is about: the one of these options that is given.
 * @throws {Refusal} when none or several are, or an id is none of Stripe's.
 */
export function oneTarget<Target extends object>(
  verb: string,
  options: Readonly<Record<string, string | undefined>>,
): Target {
  const [given, ...more] = Object.entries(options).filter(([, id]) => id);
  if (given === undefined || more.length > 0)
    throw new Refusal(
      'one_target',
      `${verb} takes one of ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(', ')}; got ${given === undefined ? 'none' : 'several'}.`,
      'Name exactly one.',
    );
  const [name, id] = given as [string, string];
  const prefix = prefixes[name];
  if (prefix !== undefined && !id.startsWith(prefix))
    throw new Refusal('bad_id', `--${name} is "${id}", which is no Stripe ${name} id.`, `It begins with ${prefix}.`);
  return { [name]: id } as Target;
}
