import { requestShare, requestsPerSecond } from '../../adapters/request-share.ts';
import { stripeLists } from '../../adapters/stripe-lists.ts';
import type { StripeLists } from '../../pipeline/reconcile/ports.ts';
import type { Ops } from '../cli/ops.ts';

/** Stripe's API under the share of its rate limit that we allow ourselves. */
export async function stripeListsFor(ops: Ops): Promise<StripeLists> {
  const perSecond = requestsPerSecond[ops.environment === 'prod' ? 'live' : 'test'];
  return stripeLists(await ops.stripe(), requestShare(perSecond, { sleep: ops.sleep }));
}
