import type { Formatting } from '../cli/formatting.ts';
import type { ErasePlan, EraseResult } from './erase.ts';

const SHOWN = 10;

export const printErasePlan = (plan: ErasePlan, format: Formatting): string =>
  [
    `${plan.customer_id}${plan.users.length > 0 ? ` (user ${plan.users.join(', ')})` : ''} becomes ${plan.pseudonym} in ${plan.database}`,
    ...(plan.erased_before ? [format.dim(`Erased before, on ${plan.erased_before.slice(0, 10)}.`)] : []),
    `At Stripe: ${{ deleted: format.good('deleted'), there: format.wrong('still there'), unknown: format.care('nobody looked') }[plan.at_stripe]}`,
    '',
    Object.keys(plan.rows).length === 0
      ? format.good('No row names the person.')
      : format.table(['table', 'rows that name them'], counted(plan.rows)),
    '',
    plan.audit.versions.length === 0
      ? format.good(`None of ${plan.audit.versions_read} versions of audit objects tells of the person.`)
      : format.table(
          ['audit object', 'version', 'lines', 'lock'],
          plan.audit.versions
            .slice(0, SHOWN)
            .map(({ key, version_id, latest, lines, lock }) => [
              shortened(key),
              `${version_id.slice(0, 12)}${latest ? ' (latest)' : ''}`,
              String(lines),
              lock ? `${lock.mode.toLowerCase()} until ${lock.until.slice(0, 10)}` : '',
            ]),
        ),
    ...(plan.audit.versions.length > SHOWN
      ? [format.dim(`… and ${plan.audit.versions.length - SHOWN} more of ${plan.audit.versions_read} that were read`)]
      : []),
    '',
    ...plan.archives.map(staying),
  ].join('\n');

export const printEraseResult = (result: EraseResult, format: Formatting): string => {
  const { rows_changed, objects_rewritten, versions_deleted, versions_kept, left } = result;
  const rowsLeft = Object.values(left.rows).reduce((total, one) => total + one, 0);
  return [
    Object.keys(rows_changed).length === 0
      ? 'No row had to change.'
      : format.table(['table', 'rows changed'], counted(rows_changed)),
    `${objects_rewritten} audit objects written anew, ${versions_deleted} versions deleted, ${versions_kept.length} kept.`,
    '',
    format.bold('Read again'),
    rowsLeft === 0
      ? format.good('  No row of any table names the person.')
      : format.wrong(`  ${rowsLeft} rows still do.`),
    left.versions.length === 0
      ? format.good('  No version of any audit object tells of the person.')
      : format.wrong(`  ${left.versions.length} versions of audit objects still do.`),
    ...result.archives.map(staying),
  ].join('\n');
};

const counted = (counts: Record<string, number>): string[][] =>
  Object.entries(counts).map(([table, count]) => [table, String(count)]);

const staying = ({ name, retention_days, until }: ErasePlan['archives'][number]): string =>
  retention_days === null
    ? `Stays: the archive ${name}, for good.`
    : `Stays: the archive ${name}, ${until ? `until ${until.slice(0, 10)}` : `for ${retention_days} days`}.`;

/** Day and hour, and enough of the rest to tell two apart. */
const shortened = (key: string): string => (key.length > 40 ? `${key.slice(0, 30)}…` : key);
