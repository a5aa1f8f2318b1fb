import type { Formatting } from '../cli/formatting.ts';
import type { LinkPlan, LinkResult } from './link.ts';

const SHOWN = 20;

export const printLinkPlan = (
  { to_link, linked_already, others, unknown_to_stripe }: LinkPlan,
  format: Formatting,
): string =>
  [
    `${to_link.length} customers to link, ${linked_already} linked already.`,
    ...(to_link.length === 0
      ? []
      : [
          format.table(
            ['customer', 'user', 'instead of'],
            to_link
              .slice(0, SHOWN)
              .map(({ customer_id, user_id, instead_of }) => [customer_id, user_id, instead_of ?? '']),
          ),
        ]),
    ...(to_link.length > SHOWN ? [format.dim(`… and ${to_link.length - SHOWN} more`)] : []),
    ...others.map(({ customer_id, is }) => format.care(`${customer_id} is linked to ${is}.`)),
    ...unknown_to_stripe.map(({ customer_id }) => format.wrong(`Stripe does not know ${customer_id}.`)),
  ].join('\n');

export const printLinkResult = ({ linked }: LinkResult, format: Formatting): string =>
  format.good(`Linked ${linked} customers. Their plans follow within seconds, as Stripe's events arrive.`);
