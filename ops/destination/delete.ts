import { listDestinations } from '../../adapters/stripe-destinations.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change } from '../cli/verb-report.ts';
import { type DestinationView, destinationOf, viewOf } from './stripe-destination.ts';

export interface DeletePlan {
  destination: DestinationView;
}

/**
 * Stripe's end is taken away: it sends nothing more, and its AWS event source ends with it. For a stack that goes, or one that moved on to
 * another destination.
 *
 * @param id of the destination; without one, that of the stack, or the one that `destination create` named after it
 */
export async function planDelete(ops: Ops, id: string | undefined): Promise<Change<DeletePlan, { deleted: string }>> {
  const stripe = await ops.stripe();
  const destination = id === undefined ? await ofThisStack(ops) : viewOf(await destinationOf(ops, id));
  const others = (await listDestinations(stripe)).filter((it) => it.name === ops.stackName && it.id !== destination.id);
  return {
    plan: { destination },
    steps: [`Delete ${destination.id} at Stripe: it sends nothing more, and its AWS event source ends.`],
    warnings: [
      'It cannot be made again under the same id: a new one has a new event source name, hence a new bus.',
      'What Stripe has not sent yet is lost to the bus, the archive and the audit.',
      ...others.map(
        (other) =>
          `${other.id} is called "${other.name}", too, and stays: \`${ops.lines.verb(`destination delete --id ${other.id}`)}\`.`,
      ),
    ],
    async act() {
      await stripe.v2.core.eventDestinations.del(destination.id);
      return { data: { deleted: destination.id }, found: [] };
    },
  };
}

/** Also when the stack is gone already: `destination create` gives a destination the stack's name. */
async function ofThisStack(ops: Ops): Promise<DestinationView> {
  try {
    return viewOf(await destinationOf(ops));
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'no_stack') throw error;
    const named = (await listDestinations(await ops.stripe())).filter(({ name }) => name === ops.stackName);
    if (named.length === 1) return viewOf(named[0]!);
    throw new Refusal(
      'which_destination',
      `There is no stack "${ops.stackName}", and ${named.length === 0 ? 'no destination' : `${named.length} destinations`} of that name at Stripe.`,
      'Name it with --id ed_…',
      { cause: error },
    );
  }
}
