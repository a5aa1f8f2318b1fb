import { type IntakeOutputs, intakesOf, type StackOutputs } from '../../lib/outputs.ts';
import { Refusal } from '../cli/refusal.ts';

/**
 * The intake whose archive is meant: that of the event source of this destination, or the one that Stripe sends to. While a cut-over lasts
 * there are two, and what lies in both archives is the same event with the same id.
 */
export function intakeNamed(outputs: StackOutputs, destination: string | undefined): IntakeOutputs {
  const intakes = intakesOf(outputs);
  if (destination === undefined) return intakes[0];
  const found = intakes.find(({ source }) => source.endsWith(`/${destination}`));
  if (found) return found;
  throw new Refusal(
    'no_such_source',
    `This deployment has no event source of the destination "${destination}".`,
    `Give --source ${intakes.map(({ source }) => source.split('/').at(-1)).join(' or --source ')}, or leave it out.`,
  );
}
