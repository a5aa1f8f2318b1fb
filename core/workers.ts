/**
 * The functions that turn Stripe's events into facts and apply them, named once.
 *
 * Each has a rule, a work queue, two dead-letter queues, a function (`lambdas/<name>/handler.ts`), six outputs of the stack, alarms and
 * places on the dashboard and in the operators' verbs: all of it follows from this list. One more worker: CONTRIBUTING.md.
 */
export const workers = ['payments', 'billing'] as const;
export type Worker = (typeof workers)[number];

/** One value for each worker. */
export const byWorker = <Value>(value: (worker: Worker) => Value): Record<Worker, Value> =>
  Object.fromEntries(workers.map((worker) => [worker, value(worker)])) as Record<Worker, Value>;

/** Who asks Stripe for a subscription when reconcile or `ops sync` finds that ours differs. */
export const subscriptionWorker: Worker = 'billing';

/** The functions that a queue feeds, hence that can be paused. */
export const queueFed = [...workers, 'audit'] as const;
export type QueueFed = (typeof queueFed)[number];

/** The functions of this pipeline; each has its folder in `lambdas/`. */
export const functionNames = [...queueFed, 'reconcile'] as const;
export type FunctionName = (typeof functionNames)[number];

/** What the audit trail groups by: a worker's events, or those that no worker takes. */
export const eventFamilies = [...workers, 'other'] as const;
export type EventFamily = (typeof eventFamilies)[number];

/** `Payments`: how a worker is called where names begin with a capital (stack outputs, logical ids). */
export const capitalised = <Name extends string>(name: Name): Capitalize<Name> =>
  `${name[0]!.toUpperCase()}${name.slice(1)}` as Capitalize<Name>;
