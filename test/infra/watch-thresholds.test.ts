import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  printThresholds,
  thresholdNames,
  thresholdProblems,
  thresholdsOf,
  thresholdTable,
} from '../../lib/watch/thresholds.ts';
import { root } from './synthesis.ts';

it('takes the environment’s column, and what its settings file says instead', () => {
  expect(thresholdsOf('prod').silenceHours).toBe(3);
  expect(thresholdsOf('dev').silenceHours).toBe(24);
  const prod = thresholdsOf('prod', { silenceHours: 6 });
  expect([prod.silenceHours, prod.backlogMinutes]).toEqual([6, 5]);
});

it('gives each a reason', () => {
  for (const name of thresholdNames) expect(thresholdTable[name].why).toMatch(/^[A-Z\d].{15,}\.$/);
});

it('says of every wrong override what to write instead', () => {
  expect(thresholdProblems(undefined)).toEqual([]);
  expect(thresholdProblems({ silenceHours: 6, failedMessages: 3 })).toEqual([]);
  expect(thresholdProblems({ silenceHour: 6, backlogMinutes: '5', silenceHours: 25, missedEvents: 0.5 })).toEqual([
    expect.stringMatching(/^thresholds\.silenceHour is not a threshold: choose from silenceHours, /),
    'thresholds.backlogMinutes is "5": write a whole number of minutes, 1 to 1440.',
    'thresholds.silenceHours is 25: write a whole number of hours, 1 to 24.',
    'thresholds.missedEvents is 0.5: write a whole number of events, 1 to 10000.',
  ]);
  expect(thresholdProblems([3])[0]).toMatch(/^thresholds is \[3\]: write one "name: number" a line/);
});

it('prints the table that docs/metrics.md shows', () => {
  expect(readFileSync(join(root, 'docs', 'metrics.md'), 'utf8')).toContain(printThresholds());
  const changed = printThresholds({ environment: 'prod', instead: { silenceHours: 6 } });
  expect(changed).toContain('| `silenceHours` | 24 | 24 | 6 (not 3) | hours |');
});
