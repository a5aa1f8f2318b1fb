import type { Formatting } from '../cli/formatting.ts';
import type { MigratePlan, MigrateResult } from './migrate.ts';

export const printMigrations = (
  { database, project, applied, pending, unknown }: MigratePlan,
  format: Formatting,
): string =>
  [
    `${database}${project ? ` (project ${project})` : ''}: ${applied.length} applied${applied.length > 0 ? `, the last ${applied.at(-1)}` : ''}`,
    pending.length === 0 ? format.good('Nothing is pending.') : `Pending: ${pending.join(', ')}`,
    ...(unknown.length > 0 ? [format.care(`Applied there, unknown here: ${unknown.join(', ')}`)] : []),
  ].join('\n');

export const printMigrated = ({ applied }: MigrateResult, format: Formatting): string =>
  applied.length === 0 ? 'Somebody else applied them meanwhile.' : format.good(`Applied ${applied.join(', ')}.`);
