import type { Ops } from '../cli/ops.ts';
import { isNotThere } from './not-there.ts';

/**
 * Values without which nothing can be settled, and which are empty. Warm functions go on with what they have read, so only the secret
 * itself tells. Who may not read it is not stopped by that.
 */
export async function emptySecrets(ops: Ops): Promise<string[]> {
  try {
    const secret = await ops.secret();
    return (['DATABASE_URL', 'STRIPE_SECRET_KEY'] as const).filter((name) => !secret[name]);
  } catch (error) {
    if (isNotThere(error)) return ['The whole secret'];
    if (/^AccessDenied/.test((error as Error).name)) return [];
    throw error;
  }
}
