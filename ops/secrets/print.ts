import type { Formatting } from '../cli/formatting.ts';
import type { SecretLine } from './secrets.ts';

export const printSecrets = ({ values }: { values: SecretLine[] }, format: Formatting): string =>
  format.table(
    ['value', 'now', 'verdict'],
    values.map(({ name, shown, problem }) => [
      name,
      shown,
      problem === null ? format.good('fine') : format.wrong(problem),
    ]),
  );
