import { requestShare, requestsPerSecond } from '../../adapters/request-share.ts';
import { type FetchedObject, readFetched } from '../../core/stripe/fetched-object.ts';
import type { Ops } from '../cli/ops.ts';
import type { Change } from '../cli/verb-report.ts';
import { stripeListsFor } from '../deployment/stripe-lists.ts';
import type { Link } from './links-file.ts';

export interface LinkPlan {
  to_link: (Link & { instead_of: string | null })[];
  linked_already: number;
  /** Linked to somebody else, and left so without --replace. */
  others: (Link & { is: string })[];
  unknown_to_stripe: Link[];
}

export interface LinkResult {
  linked: number;
}

/**
 * Writes the user's id into the metadata of Stripe's customers. Stripe answers with `customer.updated`, which links every subscription of the
 * customer that names no user itself (docs/decisions/0008); a restored backup or a replay finds it there again.
 */
export async function planLink(
  ops: Ops,
  links: readonly Link[],
  replace: boolean,
): Promise<Change<LinkPlan, LinkResult>> {
  const catalogue = ops.plans();
  const [key = 'user_id'] = catalogue.user_id_keys;
  const lists = await stripeListsFor(ops);
  const plan: LinkPlan = { to_link: [], linked_already: 0, others: [], unknown_to_stripe: [] };
  for (const link of links) {
    const [customer] = (await lists.one('customer', link.customer_id)).items;
    if (customer === undefined || customer.deleted === true) plan.unknown_to_stripe.push(link);
    else {
      const is = userOf(customer);
      if (is === link.user_id) plan.linked_already += 1;
      else if (is !== null && !replace) plan.others.push({ ...link, is });
      else plan.to_link.push({ ...link, instead_of: is });
    }
  }
  function userOf(customer: FetchedObject): string | null {
    const fact = readFetched('customer', customer, catalogue);
    return fact?.kind === 'customer' ? fact.metadata_user_id : null;
  }
  return {
    plan,
    steps:
      plan.to_link.length === 0
        ? []
        : [
            `Set metadata.${key} of ${plan.to_link.length} customers at Stripe. The events that Stripe sends link their subscriptions.`,
          ],
    warnings: [
      'A subscription whose own metadata names a user stays that user’s.',
      'The key needs the right to write customers.',
    ],
    found: [
      ...plan.others.map(
        ({ customer_id, is, user_id }) => `${customer_id} is linked to ${is}, not to ${user_id}: --replace changes it.`,
      ),
      ...plan.unknown_to_stripe.map(({ customer_id }) => `Stripe does not know ${customer_id}, or it was deleted.`),
    ],
    async act() {
      const stripe = await ops.stripe();
      const share = requestShare(requestsPerSecond[ops.environment === 'prod' ? 'live' : 'test'], { sleep: ops.sleep });
      for (const [index, { customer_id, user_id }] of plan.to_link.entries()) {
        await share.run(() => stripe.customers.update(customer_id, { metadata: { [key]: user_id } }));
        if ((index + 1) % 100 === 0) ops.say(`${index + 1} of ${plan.to_link.length} linked.`);
      }
      return { data: { linked: plan.to_link.length }, found: [] };
    },
  };
}
