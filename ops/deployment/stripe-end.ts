import { lookAtStripeEnd } from '../../adapters/stripe-destinations.ts';
import type { StripeEnd } from '../../core/stripe/stripe-end.ts';
import { intakesOf } from '../../lib/outputs.ts';
import type { Ops } from '../cli/ops.ts';

/** Asks Stripe as the functions do, of every source that it should send to: with the key of the secret, whatever STRIPE_SECRET_KEY is set here. Who may not read it is not stopped by that. */
export async function stripeEnd(ops: Ops): Promise<StripeEnd> {
  const { outputs } = await ops.stack();
  let key: string;
  try {
    key = (await ops.secret()).STRIPE_SECRET_KEY;
  } catch (error) {
    return { state: 'not_asked', why: `The secret cannot be read (${(error as Error).name}).` };
  }
  if (key === '') return { state: 'not_asked', why: 'The secret holds no Stripe key.' };
  // A retired source is silent on purpose.
  const sources = intakesOf(outputs).flatMap(({ source, retired }) => (retired ? [] : source));
  return lookAtStripeEnd(sources, () => ops.stripeWith(key));
}
