import type { Formatting } from '../cli/formatting.ts';
import type { CreatedDestination, DestinationPlan, NewDestination } from './destination.ts';
import type { DestinationView } from './stripe-destination.ts';

export const printDestination = ({ destination }: DestinationPlan, format: Formatting): string =>
  destination ? view(destination, format) : 'Stripe has none yet.';

function view(destination: DestinationView, format: Formatting): string {
  const {
    id,
    name,
    status,
    disabled_reason,
    aws_account,
    aws_region,
    event_source_name,
    event_source_status,
    api_version,
    missing,
    superfluous,
  } = destination;
  return [
    `${format.bold(id)} "${name}": ${status === 'enabled' ? format.good(status) : format.wrong(`${status}${disabled_reason ? ` (${disabled_reason})` : ''}`)}`,
    `  to ${aws_account} ${aws_region}, source ${event_source_status}, API version ${api_version}`,
    `  event source name: ${event_source_name}`,
    `  event types: ${missing.length === 0 ? 'all that the workers handle' : format.wrong(`without ${missing.join(', ')}`)}${superfluous.length > 0 ? `; also ${superfluous.join(', ')}` : ''}`,
  ].join('\n');
}

export const printNewDestination = (
  { create, existing }: { create: NewDestination; existing: DestinationView[] },
  format: Formatting,
): string =>
  [
    ...existing.map((destination) => view(destination, format)),
    `New: "${create.name}" to ${create.aws_account} ${create.aws_region}, API version ${create.api_version}, ${create.event_types.length} event types`,
  ].join('\n');

export const printCreated = (
  { destination, setting, settings_file, deploy }: CreatedDestination,
  format: Formatting,
): string =>
  [view(destination, format), '', `Write into ${settings_file}:`, `  ${setting}`, `Then deploy it: ${deploy}`].join(
    '\n',
  );

export const printDeleted = ({ deleted }: { deleted: string }, format: Formatting): string =>
  format.good(`Deleted ${deleted}.`);
