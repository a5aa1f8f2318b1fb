import { connectPool } from '../../adapters/postgres/pool.ts';
import type { Ops } from '../cli/ops.ts';
import { firstLine, toUserError } from '../cli/user-error.ts';
import type { SecretName } from '../deployment/secret-values.ts';

/** Uses a value as the functions will; says why it does not work, without a part of it, or null when it does. Changes nothing. */
export async function tryValue(ops: Ops, name: SecretName, value: string): Promise<string | null> {
  switch (name) {
    case 'DATABASE_URL':
      return tryDatabase(value, ops);
    case 'STRIPE_SECRET_KEY':
      return tryStripeKey(value, ops);
    case 'API_KEY':
      // Only the app behind it could say.
      return null;
  }
}

async function tryDatabase(value: string, ops: Ops): Promise<string | null> {
  const pool = connectPool(value, ops.databaseCa, 1);
  try {
    await pool.query('select 1');
    return null;
  } catch (error) {
    return `does not connect from here: ${reasonOf(error, ops)}`;
  } finally {
    await pool.end();
  }
}

/** Reading subscriptions is what the workers need it for. */
async function tryStripeKey(value: string, ops: Ops): Promise<string | null> {
  try {
    const stripe = await ops.stripeWith(value);
    await stripe.subscriptions.list({ limit: 1 });
    return null;
  } catch (error) {
    return `does not read subscriptions: ${reasonOf(error, ops)}`;
  }
}

const reasonOf = (error: unknown, ops: Ops): string =>
  toUserError(error, ops.lines)?.message ?? firstLine((error as Error).message);
