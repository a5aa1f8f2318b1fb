import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { listDestinations } from '../../adapters/stripe-destinations.ts';
import { routedEventTypes } from '../../core/event-routes.ts';
import { pinnedApiVersion } from '../../core/stripe/api-version.ts';
import { environmentFile } from '../../lib/environment-file.ts';
import type { Ops } from '../cli/ops.ts';
import { Refusal } from '../cli/refusal.ts';
import type { Change, Report } from '../cli/verb-report.ts';
import { type DestinationView, destinationOf, viewOf } from './stripe-destination.ts';

export interface DestinationPlan {
  /** What Stripe has now; null before the first. */
  destination: DestinationView | null;
}

export interface NewDestination {
  name: string;
  aws_account: string;
  aws_region: string;
  api_version: string;
  event_types: readonly string[];
}

export interface CreatedDestination {
  destination: DestinationView;
  /** What to write, into which file, and what to type next. */
  setting: string;
  settings_file: string;
  deploy: string;
}

/** The destination behind the stack's bus, and what is wrong with it. */
export async function showDestination(ops: Ops, id?: string): Promise<Report<{ destination: DestinationView }>> {
  const destination = viewOf(await destinationOf(ops, id));
  const found: string[] = [];
  if (destination.status !== 'enabled')
    found.push(`It is disabled (${destination.disabled_reason ?? 'by a person'}): Stripe sends nothing.`);
  if (destination.missing.length > 0)
    found.push(
      `Stripe does not send ${destination.missing.join(', ')}: \`${ops.lines.verb('destination update --apply')}\` adds them.`,
    );
  return { data: { destination }, found };
}

/** A destination with exactly the routed types and the API version this code is written for. Needs no stack yet. */
export async function planCreate(
  ops: Ops,
  { successor }: { successor: boolean },
): Promise<Change<{ create: NewDestination; existing: DestinationView[] }, CreatedDestination>> {
  const [stripe, { Account }, region] = await Promise.all([
    ops.stripe(),
    ops.aws.sts.send(new GetCallerIdentityCommand({})),
    ops.aws.sts.config.region(),
  ]);
  const existing = (await listDestinations(stripe))
    .map(viewOf)
    .filter(({ aws_account, aws_region }) => aws_account === Account && aws_region === region);
  const ours = existing.filter(({ name }) => name === ops.stackName);
  if (ours.length > 0 && !successor) {
    throw new Refusal(
      'destination_exists',
      `Stripe sends to "${ops.stackName}" in this AWS account and region already: ${ours.map(({ id, event_source_name }) => `${id} (${event_source_name})`).join(', ')}.`,
      'Deploy with that source name; or, if its source is gone or another API version is wanted, add --successor.',
    );
  }
  const create: NewDestination = {
    name: ops.stackName,
    aws_account: Account!,
    aws_region: region,
    api_version: pinnedApiVersion,
    event_types: routedEventTypes,
  };
  return {
    plan: { create, existing },
    steps: [
      `Create a Stripe event destination to EventBridge in ${Account} ${region}, API version ${pinnedApiVersion}, ${routedEventTypes.length} event types.`,
    ],
    warnings: [
      ...existing
        .filter(({ name }) => name !== ops.stackName)
        .map(
          ({ id, name }) =>
            `${id} "${name}" sends to this AWS account and region too: leave it, if it is another environment's.`,
        ),
      'Deploy within 7 days: Stripe deletes a source that no bus took, and what it sends before the deploy is dropped.',
    ],
    async act() {
      const made = await stripe.v2.core.eventDestinations.create({
        name: create.name,
        description: `Plan state of ${ops.environment}; made by \`ops destination create\``,
        type: 'amazon_eventbridge',
        event_payload: 'snapshot',
        snapshot_api_version: create.api_version,
        enabled_events: [...create.event_types],
        amazon_eventbridge: { aws_account_id: create.aws_account, aws_region: create.aws_region },
      });
      const destination = viewOf(made);
      const { name, values } = environmentFile(ops.environment, ops.appName, ops.environmentsFolder, []);
      const setting = `${freePlaceIn(values)}: ${destination.event_source_name}`;
      return { data: { destination, setting, settings_file: name, deploy: ops.lines.cdk('deploy') }, found: [] };
    },
  };
}

/** A stack keeps each source in its place: a successor stands in the other one. Both filled: the first, whose name is to be replaced. */
const freePlaceIn = ({ stripeEventSourceName, secondEventSourceName }: Readonly<Record<string, unknown>>): string =>
  stripeEventSourceName && !secondEventSourceName ? 'secondEventSourceName' : 'stripeEventSourceName';

/** Stripe sends again. What happened while it was disabled was not kept by Stripe for this destination. */
export function planEnable(ops: Ops, id?: string): Promise<Change<DestinationPlan, DestinationPlan>> {
  return planSwitch(ops, id, {
    wanted: 'enabled',
    step: (which) => `Enable the destination${which}: Stripe sends from now on.`,
    warnings: [
      `What happened while it was disabled never comes by itself: afterwards run \`${ops.lines.verb('reconcile --apply')}\`.`,
    ],
  });
}

/** Stripe stops sending. Prefer `pause`, which loses nothing. */
export function planDisable(ops: Ops, id?: string): Promise<Change<DestinationPlan, DestinationPlan>> {
  return planSwitch(ops, id, {
    wanted: 'disabled',
    step: (which) => `Disable the destination${which}: Stripe sends nothing more.`,
    warnings: [
      `Events of that time are lost to the bus, the archive and the audit. \`${ops.lines.verb('pause')}\` stops the work without losing any.`,
    ],
  });
}

/** Brings the destination's event types in line with the routes table. */
export async function planUpdate(ops: Ops, id?: string): Promise<Change<DestinationPlan, DestinationPlan>> {
  const stripe = await ops.stripe();
  const destination = viewOf(await destinationOf(ops, id));
  return {
    plan: { destination },
    steps: [
      ...(destination.missing.length > 0 ? [`Add ${destination.missing.join(', ')}.`] : []),
      ...(destination.superfluous.length > 0 ? [`Take out ${destination.superfluous.join(', ')}.`] : []),
    ],
    warnings: [],
    found:
      destination.missing.length > 0
        ? [`Stripe does not send ${destination.missing.length} of the types that the workers handle.`]
        : [],
    async act() {
      const updated = await stripe.v2.core.eventDestinations.update(destination.id, {
        enabled_events: [...routedEventTypes],
      });
      return { data: { destination: viewOf(updated) }, found: [] };
    },
  };
}

async function planSwitch(
  ops: Ops,
  id: string | undefined,
  { wanted, step, warnings }: { wanted: 'enabled' | 'disabled'; step: (which: string) => string; warnings: string[] },
): Promise<Change<DestinationPlan, DestinationPlan>> {
  const stripe = await ops.stripe();
  const destination = viewOf(await destinationOf(ops, id));
  return {
    plan: { destination },
    steps: destination.status === wanted ? [] : [step(id === undefined ? '' : ` ${id}`)],
    warnings,
    async act() {
      const { eventDestinations } = stripe.v2.core;
      const switched = await (wanted === 'enabled'
        ? eventDestinations.enable(destination.id)
        : eventDestinations.disable(destination.id));
      return { data: { destination: viewOf(switched) }, found: [] };
    },
  };
}
