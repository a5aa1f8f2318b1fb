import type { Measured } from './measure.ts';
import type { SystemName } from './systems.ts';

/** One line of the table: which system, how many at once. */
export interface Setting {
  system: SystemName;
  batch: number;
  inFlight: number;
  /** Milliseconds that the database is away. */
  away: number;
}

export interface ApplyResult {
  setting: Setting;
  runs: Measured[];
}
