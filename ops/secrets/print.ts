import type { Formatting } from '../cli/formatting.ts';
import type { SecretLines } from './secrets.ts';

export const printSecrets = ({ values }: SecretLines, format: Formatting): string =>
  format.table(
    ['value', 'now', 'verdict'],
    values.map(({ name, shown, problem, advice }) => [
      name,
      shown,
      problem !== null ? format.wrong(problem) : advice !== null ? format.care(advice) : format.good('fine'),
    ]),
  );
