/** What a verb found or did. `found` holds what is wrong, one sentence each: any makes the exit code 1. */
export interface Report<Data> {
  data: Data;
  found: string[];
}

/**
 * A verb that changes something, before it does: what is there now, what would change, and the change itself.
 *
 * An empty `steps` means there is nothing to do, which is fine.
 */
export interface Change<Plan, Result> {
  plan: Plan;
  /** One sentence for each thing that `act` will do, in order. */
  steps: string[];
  /** What a person should know before saying yes. */
  warnings: string[];
  /** What is wrong already, and what `act` would repair: makes the exit code 1 as long as it is only looked at. */
  found?: string[];
  /** What a person must type before `act` in any environment, since --env does not say what is changed. @default the environment, in prod */
  confirm?: { question: string; answer: string };
  act(): Promise<Report<Result>>;
}
