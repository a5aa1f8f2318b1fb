import type { Formatting } from '../cli/formatting.ts';
import type { Watched } from './watch.ts';

export const printWatched = ({ recovered, says, waited_s }: Watched, format: Formatting): string =>
  [
    recovered
      ? format.good(`RECOVERED ${waited_s === 0 ? '(nothing to wait for)' : `after ${waited_s} s`}`)
      : format.wrong(`NOT RECOVERED after ${waited_s} s`),
    ...says.map((line) => `  - ${line}`),
  ].join('\n');
