import type { DestinationPlan, NewDestination } from '../destination.ts';
import type { MigratePlan, MigrateResult } from '../migrate.ts';
import type { SecretLine } from '../secrets.ts';
import type { DestinationView } from '../stripe-destination.ts';
import type { Paint } from './paint.ts';

export const printSecrets = ({ values }: { values: SecretLine[] }, paint: Paint): string =>
  paint.table(
    ['value', 'now', 'verdict'],
    values.map(({ name, shown, problem }) => [
      name,
      shown,
      problem === null ? paint.good('fine') : paint.wrong(problem),
    ]),
  );

export const printDestination = ({ destination }: DestinationPlan, paint: Paint): string =>
  destination ? view(destination, paint) : 'Stripe has none yet.';

function view(destination: DestinationView, paint: Paint): string {
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
    `${paint.bold(id)} "${name}": ${status === 'enabled' ? paint.good(status) : paint.wrong(`${status}${disabled_reason ? ` (${disabled_reason})` : ''}`)}`,
    `  to ${aws_account} ${aws_region}, source ${event_source_status}, API version ${api_version}`,
    `  event source name: ${event_source_name}`,
    `  event types: ${missing.length === 0 ? 'all that the workers handle' : paint.wrong(`without ${missing.join(', ')}`)}${superfluous.length > 0 ? `; also ${superfluous.join(', ')}` : ''}`,
  ].join('\n');
}

export const printNewDestination = (
  { create, existing }: { create: NewDestination; existing: DestinationView[] },
  paint: Paint,
): string =>
  [
    ...existing.map((destination) => view(destination, paint)),
    `New: "${create.name}" to ${create.aws_account} ${create.aws_region}, API version ${create.api_version}, ${create.event_types.length} event types`,
  ].join('\n');

export const printCreated = ({ destination }: DestinationPlan, paint: Paint): string =>
  destination
    ? [
        view(destination, paint),
        '',
        `Deploy with it: npx cdk deploy -c stripeEventSourceName=${destination.event_source_name}`,
      ].join('\n')
    : '';

export const printMigrations = ({ database, applied, pending, unknown }: MigratePlan, paint: Paint): string =>
  [
    `${database}: ${applied.length} applied${applied.length > 0 ? `, the last ${applied.at(-1)}` : ''}`,
    pending.length === 0 ? paint.good('Nothing is pending.') : `Pending: ${pending.join(', ')}`,
    ...(unknown.length > 0 ? [paint.care(`Applied there, unknown here: ${unknown.join(', ')}`)] : []),
  ].join('\n');

export const printMigrated = ({ applied }: MigrateResult, paint: Paint): string =>
  applied.length === 0 ? 'Somebody else applied them meanwhile.' : paint.good(`Applied ${applied.join(', ')}.`);
