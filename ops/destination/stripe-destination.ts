import {
  destinationBehind,
  type EventDestination,
  listDestinations,
  sourceNameOf,
} from '../../adapters/stripe-destinations.ts';
import { routedEventTypes } from '../../core/event-routes.ts';
import { intakesOf } from '../../lib/outputs.ts';
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

/**
 * The destinations behind the stack's buses, but for one that is retired: one, or two while a cut-over lasts.
 * @throws {Refusal} when the Stripe account of the key lacks one of them.
 */
export async function destinationsOf(ops: Ops): Promise<EventDestination[]> {
  const [stripe, { outputs }] = await Promise.all([ops.stripe(), ops.stack()]);
  const destinations = await listDestinations(stripe);
  return intakesOf(outputs)
    .filter(({ retired }) => !retired)
    .map(({ source }) => {
      const mine = destinationBehind(source, destinations);
      if (mine) return mine;
      throw new Refusal(
        'no_destination',
        `This Stripe account has no event destination with the source ${source}.`,
        `Use the key of the account that has it; or make one (\`${ops.lines.verb('destination create --apply')}\`) and deploy with its source name.`,
      );
    });
}

/** The destination with this id; without one, that of the stack. @throws {Refusal} when there is none such, or when two could be meant. */
export async function destinationOf(ops: Ops, id?: string): Promise<EventDestination> {
  if (id !== undefined) {
    const found = (await listDestinations(await ops.stripe())).find((destination) => destination.id === id);
    if (found) return found;
    throw new Refusal(
      'no_destination',
      `This Stripe account has no event destination ${id}.`,
      'Use the key of the account that has it; the Stripe dashboard lists them.',
    );
  }
  const [one, other] = await destinationsOf(ops);
  if (other === undefined) return one!;
  throw new Refusal(
    'which_destination',
    `Two destinations send to "${ops.stackName}": ${one!.id} (API version ${one!.snapshot_api_version}) and ${other.id} (${other.snapshot_api_version}).`,
    `Say which: --id ${one!.id} or --id ${other.id}.`,
  );
}
