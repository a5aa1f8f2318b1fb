/** How thoroughly to measure, and beside what. */
export interface BenchOptions {
  /** Once, and few of each: enough to see that it works. */
  quick: boolean;
  /** Repetitions, in turns. */
  runs: number;
  /** Another checkout of this repository. */
  before: string | undefined;
}
