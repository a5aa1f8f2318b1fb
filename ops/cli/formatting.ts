import Table from 'cli-table3';
import pc from 'picocolors';

/** Colours and tables in the words of what they mean; plain text where nobody sees colours. */
export interface Formatting {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  wrong(text: string): string;
  care(text: string): string;
  /** Columns under their heads; numbers to the right. */
  table(heads: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string;
}

export function format(colour: boolean): Formatting {
  const { bold, dim, green, red, yellow } = pc.createColors(colour);
  return {
    bold,
    dim,
    good: green,
    wrong: red,
    care: yellow,
    table(heads, rows) {
      const isNumber = heads.map(
        (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === null),
      );
      const table = new Table({
        head: heads.map((head) => bold(head)),
        colAligns: isNumber.map((number) => (number ? 'right' : 'left')),
        style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
        chars: blank,
      });
      table.push(...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell)))));
      return trimmed(table.toString());
    },
  };
}

/** No lines: what stands in columns reads as a table, and can be cut by any tool. */
const blank = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
);

const trimmed = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');

/** `3 d 4 h`, `12 min`, `40 s`; a dash for what nobody knows. */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.round((seconds % 86_400) / 3600)} h`;
}

/** `2026-11-21 10:00:05 UTC` */
export const moment = (iso: string | null): string =>
  iso === null ? 'never' : `${iso.slice(0, 19).replace('T', ' ')} UTC`;
