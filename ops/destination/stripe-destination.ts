import {
  destinationBehind,
  type EventDestination,
  listDestinations,
  sourceNameOf,
} from '../../adapters/stripe-destinations.ts';
import { routedEventTypes } from '../../core/event-routes.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';

/** A destination in our words. */
export interface DestinationView {
  id: string;
  name: string;
  status: string;
  /** Why Stripe disabled it; null when it is enabled, or when a person did. */
  disabled_reason: string | null;
  aws_account: string | null;
  aws_region: string | null;
  /** `aws.partner/stripe.com/ed_…`: the setting `stripeEventSourceName` of the stack. */
  event_source_name: string | null;
  event_source_status: string | null;
  api_version: string | null;
  payload: string;
  /** Types of the routes table that Stripe does not send here. */
  missing: string[];
  /** Types that Stripe sends here and no worker handles; the audit keeps them, and both ends bill them. */
  superfluous: string[];
}

export function viewOf(destination: EventDestination): DestinationView {
  const bridge = destination.amazon_eventbridge;
  const [, , , region] = (bridge?.aws_event_source_arn ?? '').split(':');
  const all = destination.enabled_events.includes('*');
  return {
    id: destination.id,
    name: destination.name,
    status: destination.status,
    disabled_reason: destination.status_details?.disabled?.reason ?? null,
    aws_account: bridge?.aws_account_id ?? null,
    aws_region: region || null,
    event_source_name: sourceNameOf(bridge?.aws_event_source_arn),
    event_source_status: bridge?.aws_event_source_status ?? null,
    api_version: destination.snapshot_api_version ?? null,
    payload: destination.event_payload,
    missing: all ? [] : routedEventTypes.filter((type) => !destination.enabled_events.includes(type)),
    superfluous: destination.enabled_events.filter((type) => !(routedEventTypes as string[]).includes(type)),
  };
}

/** The destination behind the stack's bus. @throws {Refusal} when the Stripe account of the key has none such. */
export async function destinationOf(ops: Ops): Promise<EventDestination> {
  const [stripe, { outputs }] = await Promise.all([ops.stripe(), ops.stack()]);
  const sourceName = outputs.StripeEventSourceName;
  const mine = destinationBehind(sourceName, await listDestinations(stripe));
  if (mine) return mine;
  throw new Refusal(
    'no_destination',
    `This Stripe account has no event destination with the source ${sourceName}.`,
    `Use the key of the account that has it; or make one (\`${ops.lines.verb('destination create --apply')}\`) and deploy with its source name.`,
  );
}
