import type { Formatting } from '../cli/formatting.ts';
import type { LogAnswer, SavedQueries } from './logs.ts';

export const printQueries = ({ queries }: SavedQueries, format: Formatting): string =>
  format.table(
    ['query', 'logs of', 'wants --id'],
    queries.map(({ name, of, asks_for }) => [name, of === 'all' ? 'all functions' : of, asks_for]),
  );

export const printAnswer = ({ query, since, columns, rows }: LogAnswer, format: Formatting): string =>
  rows.length === 0
    ? `"${query}": no line since ${since}.`
    : format.table(
        columns,
        rows.map((row) => columns.map((column) => row[column] ?? null)),
      );
