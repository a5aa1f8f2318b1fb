import { routedEventTypes } from '../../core/event-routes.ts';
import { isKnownApiVersion, pinnedApiVersion } from '../../core/stripe/api-version.ts';
import type { CommandLines } from '../cli/command-lines.ts';
import type { DestinationView } from '../destination/stripe-destination.ts';
import { type Check, ok, some, wrong } from './check.ts';

/** Where a destination should send to. */
interface Place {
  account: string;
  region: string;
  /** There is another destination for this stack, so commands have to name the one that is meant. */
  oneOfTwo: boolean;
}

/** What must hold of an event destination at Stripe. */
export function destinationChecks(
  destination: DestinationView,
  { account, region, oneOfTwo }: Place,
  lines: CommandLines,
): Check[] {
  const {
    id,
    status,
    event_source_status: source,
    aws_account,
    aws_region,
    missing,
    superfluous,
    api_version,
    payload,
  } = destination;
  const which = oneOfTwo ? ` --id ${id}` : '';
  return [
    ok('stripe.destination', `${id} sends to ${destination.event_source_name}.`),
    status === 'enabled'
      ? ok('stripe.destination.enabled', 'It is enabled.')
      : wrong(
          'stripe.destination.enabled',
          `It is ${status} (${destination.disabled_reason ?? 'no reason given'}): Stripe sends nothing.`,
          `\`${lines.verb(`destination enable${which} --apply`)}\`, then \`${lines.verb('reconcile --apply')}\` for what was missed.`,
        ),
    source === 'active'
      ? ok('stripe.destination.source', 'Its AWS event source is active.')
      : wrong(
          'stripe.destination.source',
          `Its AWS event source is ${source}: events are dropped.`,
          sourceFix(source, lines),
        ),
    aws_account === account && aws_region === region
      ? ok('stripe.destination.place', `It sends to this stack's account and region (${account}, ${region}).`)
      : wrong(
          'stripe.destination.place',
          `It sends to ${aws_account} ${aws_region}; the stack is in ${account} ${region}.`,
          `Deploy there, or make a destination for this account and region: \`${lines.verb('destination create --successor')}\`.`,
        ),
    payload === 'snapshot'
      ? ok('stripe.destination.payload', 'It sends snapshot events.')
      : wrong(
          'stripe.destination.payload',
          `It sends ${payload} events, which carry no data.`,
          `A destination cannot change this: \`${lines.verb('destination create --successor --apply')}\`.`,
        ),
    missing.length === 0
      ? ok('stripe.destination.types', `It sends all ${routedEventTypes.length} types that the workers handle.`)
      : wrong(
          'stripe.destination.types',
          `It does not send ${some(missing)}.`,
          `\`${lines.verb(`destination update${which} --apply`)}\``,
        ),
    superfluous.length === 0
      ? ok('stripe.destination.superfluous', 'It sends no type that nobody handles.')
      : wrong(
          'stripe.destination.superfluous',
          `It sends ${some(superfluous)}, which only the audit takes.`,
          `\`${lines.verb(`destination update${which} --apply`)}\`, or leave it if the audit shall keep them.`,
        ),
    isKnownApiVersion(api_version)
      ? ok('stripe.destination.api_version', `Its API version ${api_version} is one that we read.`)
      : wrong(
          'stripe.destination.api_version',
          `Its API version is ${api_version ?? 'unknown'}; this code was tested up to ${pinnedApiVersion}.`,
          `Update this repository, or make a destination with the pinned version: \`${lines.verb('destination create --successor --apply')}\`.`,
        ),
  ];
}

function sourceFix(status: string | null, lines: CommandLines): string {
  if (status === 'pending')
    return 'Deploy the stack with this source name within 7 days of its creation; a bus takes the source then.';
  if (status === 'deleted')
    return `The source is gone for good: \`${lines.verb('destination create --successor --apply')}\`, and deploy with the new source name.`;
  return 'Look at it in the EventBridge console under partner event sources.';
}
