import type { PlanEvent } from './plan-event.d.ts';

export type { PlanEvent, PlanState } from './plan-event.d.ts';

/** The message is no plan event of version 2; `message` says which field, what it was and what was wanted. */
export class UnreadablePlanEvent extends TypeError {}

/**
 * The plan event in whatever it came: an event of the app bus (`{ "detail-type", detail }`), a queue's record that holds one, the body that an API
 * destination posts (text or parsed), or a row of `my_plan_events`. Event types that are not known yet pass: the plan is in each.
 * @throws {UnreadablePlanEvent}
 */
export function readPlanEvent(message: unknown): PlanEvent;

/** Whether a request comes from the API destination: its `x-api-key`, compared in constant time. Takes Node's headers and `fetch`'s alike. */
export function hasApiKey(
  headers: Headers | Record<string, string | string[] | undefined>,
  apiKey: string,
  headerName?: string,
): boolean;

/** Whether `incoming` is to be kept, given what is held of that user: only a higher version is. The whole rule. */
export function isNewer(incoming: Pick<PlanEvent, 'version'>, held: { version: number } | null | undefined): boolean;

/**
 * The newest plan of each user, in memory. For more than one process keep it in a database, by the same rule:
 * `insert … on conflict (user_id) do update set … where excluded.version > plans.version`.
 */
export class NewestPlans {
  /** Keeps the event's plan if it is newer; answers whether it was. */
  take(event: PlanEvent): boolean;
  /** The user's newest plan event; undefined while none was seen. */
  of(userId: string): PlanEvent | undefined;
}
